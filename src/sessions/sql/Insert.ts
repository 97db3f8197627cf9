/**
 * Statements whose text is always the same, run together on the connection of the transaction they are part of: nothing
 * is built or traced for them.
 *
 * The text of an INSERT of many rows depends on how many it takes, so rows go in pieces whose sizes are powers of two and
 * only a handful of texts ever have to be prepared. Pieces of sixteen rows are the fastest with SQLite.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SqlClient, SqlConnection, SqlError } from "effect/sql"
import { chunked } from "./Chunks.ts"

/** Values of a row, or of a statement, in the order of its columns or question marks. */
export type Values = ReadonlyArray<string | number | null | Uint8Array>

/** A statement's text and its values. */
export type Write = readonly [text: string, values: Values]

/** A connection may be able to take many statements at once. */
export interface Connection extends SqlConnection.Connection {
  /** Performs statements in order, up to the first that fails, and answers nothing. */
  readonly executeAll?: (writes: ReadonlyArray<Write>) => Effect.Effect<void, SqlError.SqlError>
}

/** Runs `body` as one transaction, on one connection. */
export const transact = <A, E, R>(
  sql: SqlClient.SqlClient,
  body: (connection: Connection) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  sql.withTransaction(
    Effect.flatMap(Effect.serviceOption(sql.transactionService), (open) => body(Option.getOrThrow(open)[0]))
  )

export const perform = (
  connection: Connection,
  writes: ReadonlyArray<Write>
): Effect.Effect<void, SqlError.SqlError> =>
  connection.executeAll === undefined
    ? Effect.forEach(writes, ([text, values]) => connection.executeRaw(text, values), { discard: true })
    : connection.executeAll(writes)

const rowLimit = 16

/** Writes of rows of these columns into a table; `suffix` says what to do about conflicts. */
export const inserting = (table: string, columns: ReadonlyArray<string>, suffix = "") => {
  const row = `(${columns.map(() => "?").join(", ")})`
  const head = `INSERT INTO ${table} (${columns.join(", ")}) VALUES `
  const textOf = (rows: number) => `${head}${Array.from({ length: rows }, () => row).join(", ")} ${suffix}`
  const texts = new Map([1, 2, 4, 8, rowLimit].map((size) => [size, textOf(size)]))
  return (rows: ReadonlyArray<Values>): ReadonlyArray<Write> =>
    chunked(rows, rowLimit).map((chunk): Write => [texts.get(chunk.length) ?? textOf(chunk.length), chunk.flat()])
}
