/**
 * Logs that come and go as a whole, however long they are, a piece at a time.
 *
 * A log without a session stands in `orphans` from its first event to its last: one that is being adopted, until its
 * session appears with the last piece, and one whose session was removed, until it is purged. A process that dies in
 * between leaves it there, where the next start finds it and purges it.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { SqlClient } from "effect/sql"
import type { SessionId } from "../../domain/Ids.ts"
import { keptBy, type SessionEvent, SessionSummary } from "../../domain/SessionEvent.ts"
import type { Incarnation } from "../../kernel/Incarnation.ts"
import { Adoption } from "../Adoption.ts"
import { SessionExists } from "../StoreError.ts"
import { transactUnsynced } from "./Background.ts"
import type { Heads } from "./Batch.ts"
import { encodeBody } from "./EventBody.ts"
import { type Connection, perform, transact, type Values } from "./Insert.ts"
import { broughtValues, type make as makeFiles, writeBrought } from "./KeptFiles.ts"
import { unavailable } from "./Rows.ts"
import { deleteEvents } from "./SearchIndex.ts"
import { detailValues, sessionValues, writeSessions } from "./SessionTable.ts"
import { freshLog, messageValues, writeEvents, writeMessages } from "./Tables.ts"

type Sql = SqlClient.SqlClient

/** How many events are written in one transaction, in which no other fiber gets on, and of how many characters: some 3 ms. */
const [piece, pieceLength] = [100, 131_072]

type Files = Pick<Effect.Success<ReturnType<typeof makeFiles>>, "purge">

/** How many are purged in one. */
const purgeLimit = 50

/** Starts to purge what an earlier life left. */
export const wholeLogs = Effect.fnUntraced(function* (
  sql: Sql,
  incarnation: Incarnation["Service"],
  heads: Heads,
  files: Files
) {
  const left = yield* sql<{ readonly log: number }>`SELECT log FROM orphans ORDER BY log`
  const purged = (log: number) => Effect.ignore(Effect.andThen(files.purge(log), purge(sql, log)), { log: "Warn" })
  const purging = (log: number) => incarnation.fork(purged(log))
  if (left.length > 0) yield* incarnation.fork(Effect.forEach(left, ({ log }) => purged(log), { discard: true }))

  const remove = Effect.fn("SessionStore.remove")(function* (session: SessionId) {
    const log = yield* Effect.mapError(sql.withTransaction(orphan(sql, heads, session)), unavailable)
    if (log === undefined) return false
    yield* Fiber.join(yield* purging(log))
    return true
  }, Effect.uninterruptible)

  const adopt = Effect.fn("SessionStore.adopt")(function* <E>(session: SessionId, log: Stream.Stream<SessionEvent, E>) {
    const number = yield* Effect.mapError(sql.withTransaction(reserve(sql, session)), unavailable)
    if (number === undefined) return yield* new SessionExists({ session })
    return yield* adopting(sql, session, number, log).pipe(Effect.onError(() => Effect.asVoid(purging(number))))
  })

  return { adopt, remove }
})

const adopting = Effect.fnUntraced(function* <E>(
  sql: Sql,
  session: SessionId,
  log: number,
  events: Stream.Stream<SessionEvent, E>
) {
  const adoption = new Adoption(session)
  const rows: Array<Values> = []
  const brought: Array<Values> = []
  let length = 0
  const flush = Effect.gen(function* () {
    const writes = [...writeEvents(rows.splice(0)), ...writeBrought(brought.splice(0))]
    length = 0
    yield* Effect.mapError(
      transactUnsynced(sql, (connection) => perform(connection, writes)),
      unavailable
    )
    yield* Effect.yieldNow
  })
  const write = (event: SessionEvent) =>
    Effect.suspend(() => {
      adoption.take(event)
      const { at, seq, ...body } = event
      const text = encodeBody(body)
      rows.push([log, seq, at, event.type, text])
      if (event.type === "MessageAccepted") brought.push(...keptBy(event).map((file) => broughtValues(log, file)))
      length += text.length
      return rows.length < piece && length < pieceLength ? Effect.void : flush
    })
  yield* Stream.runForEach(events, write)
  yield* flush
  const row = adoption.row()
  const appear = Effect.fnUntraced(function* (connection: Connection) {
    const [there] = yield* sql`SELECT log FROM sessions WHERE id = ${session}`
    if (there !== undefined) return yield* new SessionExists({ session })
    yield* perform(connection, writeSessions([sessionValues({ ...row, log })]))
    yield* sql`UPDATE sessions SET ${sql.update(detailValues(row))} WHERE log = ${log}`
    yield* sql`DELETE FROM orphans WHERE log = ${log}`
    for (const messages of Arr.chunksOf(adoption.messages, piece)) {
      yield* perform(connection, writeMessages(messages.map(messageValues)))
      yield* Effect.yieldNow
    }
  })
  yield* Effect.mapError(transact(sql, appear), (error) => (error._tag === "SqlError" ? unavailable(error) : error))
  return new SessionSummary({ ...row, unfinished: 0 })
})

/** A number for a log that is going to be written, unless the session is there already. */
const reserve = Effect.fnUntraced(function* (sql: Sql, session: SessionId) {
  const [there] = yield* sql`SELECT log FROM sessions WHERE id = ${session}`
  if (there !== undefined) return undefined
  const log = yield* freshLog(sql)
  yield* sql`INSERT INTO orphans ${sql.insert({ log })}`
  return log
})

/** Takes a session away and answers which log it leaves. */
const orphan = Effect.fnUntraced(function* (sql: Sql, heads: Heads, session: SessionId) {
  heads.delete(session)
  const [row] = yield* sql<{ readonly log: number }>`SELECT log FROM sessions WHERE id = ${session}`
  if (row === undefined) return undefined
  yield* sql`INSERT INTO orphans ${sql.insert({ log: row.log })}`
  yield* sql`DELETE FROM turns WHERE log = ${row.log}`
  yield* sql`DELETE FROM approvals WHERE session = ${session}`
  yield* sql`DELETE FROM sessions WHERE log = ${row.log}`
  return row.log
})

/** Deletes the events of an orphaned log, and it is one no longer. */
const purge = Effect.fnUntraced(function* (sql: Sql, log: number) {
  const next = transactUnsynced(sql, (connection) => purgePiece(sql, connection, log))
  while ((yield* next) === purgeLimit) yield* Effect.yieldNow
})

const purgePiece = Effect.fnUntraced(function* (sql: Sql, connection: Connection, log: number) {
  const rows = yield* sql<{
    readonly id: number
  }>`SELECT id FROM events WHERE log = ${log} ORDER BY seq LIMIT ${purgeLimit}`
  const ids = rows.map(({ id }) => id)
  yield* perform(connection, deleteEvents(ids))
  if (rows.length < purgeLimit) yield* sql`DELETE FROM orphans WHERE log = ${log}`
  return rows.length
})
