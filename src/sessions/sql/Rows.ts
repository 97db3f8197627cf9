/** Decoding of what a statement answers: a row that does not fit fails its statement with the reason and is never left out. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SqlError, Statement } from "effect/sql"
import { StoreUnavailable } from "../StoreError.ts"

/** What the database has to say to a person. */
export const unavailable = (error: SqlError.SqlError): StoreUnavailable =>
  new StoreUnavailable({ reason: error.message, cause: error })

const unreadable = (cause: Schema.SchemaError) =>
  new StoreUnavailable({ reason: `a stored row cannot be read: ${cause.message.replaceAll(/\s+/g, " ")}`, cause })

export const decoding = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(row))
  return (statement: Statement.Statement<unknown>): Effect.Effect<ReadonlyArray<A>, StoreUnavailable> =>
    Effect.mapError(Effect.flatMap(statement, decode), (error) =>
      error._tag === "SqlError" ? unavailable(error) : unreadable(error)
    )
}
