/**
 * Transactions of what nobody has been told of yet: in SQLite they are not synced when they commit, as a sync keeps the
 * event loop for 5 to 100 ms. Each is all or nothing as any other; a crash of the machine may lose the newest of them, never
 * one without all that came after it, until the next synced commit brings everything before it to the disk
 * (https://sqlite.org/pragma.html#pragma_synchronous).
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlConnection, SqlError } from "effect/sql"
import { type Connection, transact } from "./Insert.ts"

/** Runs `body` as one transaction, on one connection, on which nothing else runs meanwhile. */
export const transactUnsynced = <A, E, R>(
  sql: SqlClient.SqlClient,
  body: (connection: Connection) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  sql.onDialectOrElse({
    sqlite: () =>
      unsynced(sql)(
        Effect.flatMap(Effect.serviceOption(sql.transactionService), (open) => body(Option.getOrThrow(open)[0]))
      ),
    orElse: () => transact(sql, body)
  })

// A pragma takes effect when it is prepared (https://sqlite.org/pragma.html), so it may not be prepared once for all.
const run = (connection: SqlConnection.Connection, text: string) =>
  Effect.asVoid(connection.executeUnprepared(text, [], undefined))

/** Syncing is back before anybody else gets the connection; one on which it is not, is no good any more. */
const relaxed = (sql: SqlClient.SqlClient) =>
  Effect.tap(sql.reserve, (connection) =>
    Effect.acquireRelease(run(connection, "PRAGMA synchronous = NORMAL"), () =>
      Effect.orDie(run(connection, "PRAGMA synchronous = FULL"))
    )
  )

const unsynced = (sql: SqlClient.SqlClient) => {
  // SQLite may have rolled back by itself. Should the transaction be open still, syncing cannot be brought back.
  const rollback = (connection: SqlConnection.Connection) => Effect.ignore(run(connection, "ROLLBACK"))
  return SqlClient.makeWithTransaction({
    transactionService: sql.transactionService,
    spanAttributes: [],
    acquireConnection: (restore) => restore(relaxed(sql)),
    begin: (connection) => run(connection, "BEGIN IMMEDIATE"),
    commit: (connection) => run(connection, "COMMIT"),
    onCommitFailure: rollback,
    rollback,
    savepoint: (connection, id) => run(connection, `SAVEPOINT effect_sql_${id}`),
    rollbackSavepoint: (connection, id) => run(connection, `ROLLBACK TO SAVEPOINT effect_sql_${id}`)
  })
}
