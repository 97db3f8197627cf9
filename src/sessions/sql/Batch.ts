/**
 * A batch of appends as one transaction: read the rows they touch, admit or refuse each one given those before it,
 * write what was admitted with everything that follows from it.
 *
 * A refused append writes nothing and disturbs no other. A transaction that fails has written nothing at all.
 */
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { SessionId } from "../../domain/Ids.ts"
import { type Admission, admit, type Append, type Known } from "../Admission.ts"
import { type Changes, detailsAfter, type MessageRow, noChanges, pairKey, plain } from "../Projection.ts"
import type { StoreUnavailable } from "../StoreError.ts"
import { chunked, padded } from "./Chunks.ts"
import { type Connection, perform, transact, type Values, type Write } from "./Insert.ts"
import { broughtValues, writeBrought } from "./KeptFiles.ts"
import { decoding } from "./Rows.ts"
import {
  detailColumns,
  Details,
  detailsOf,
  detailValues,
  type LoggedRow,
  sessionValues,
  writeSessions
} from "./SessionTable.ts"
import {
  approvalValues,
  deleteTurn,
  freshLog,
  messageValues,
  settleApproval,
  writeApprovals,
  writeEvents,
  writeMessages,
  writeTurns
} from "./Tables.ts"
import { usageValues, writeUsage } from "./UsageTable.ts"

/** An append with the stored form of its events, in the same order. */
export interface EncodedAppend extends Append {
  readonly bodies: ReadonlyArray<string>
}

type Sql = SqlClient.SqlClient
type Batch = Arr.NonEmptyReadonlyArray<EncodedAppend>

/** The most external ids one statement asks for. */
const idLimit = 128

/**
 * The rows of sessions that were written to last, so that an active one is not read before every append. Whoever takes a
 * session away takes it out of here, and after a failure it is emptied. Another process's append is found out by the
 * numbers of the events, which are unique.
 */
export type Heads = Map<SessionId, LoggedRow>

/** How many sessions are remembered. */
const headLimit = 1024

/** Commits a batch; answers for each append, in order, what became of it. */
export const commitBatch = (
  sql: Sql,
  heads: Heads,
  batch: Batch
): Effect.Effect<ReadonlyArray<Admission>, SqlError.SqlError | StoreUnavailable> =>
  transact(sql, (connection) => decideAndWrite(sql, heads, connection, batch))

const decideAndWrite = Effect.fnUntraced(function* (sql: Sql, heads: Heads, connection: Connection, batch: Batch) {
  const at = DateTime.formatIso(yield* DateTime.now)
  const sessions = yield* knownSessions(sql, heads, batch)
  const known: Known = { sessions, messages: yield* knownMessages(sql, batch) }
  const changes = noChanges()
  const admissions = batch.map((append) => admit(known, changes, append, at))
  if (changes.sessions.size === 0) return admissions
  const logs = yield* numbered(sql, sessions, changes)
  yield* perform(connection, [...writeEvents(eventValues(batch, admissions, logs)), ...writesOf(changes, logs)])
  if (changes.detailing.size > 0) yield* writeDetails(sql, changes.detailing)
  if (heads.size + changes.sessions.size > headLimit) heads.clear()
  for (const [id, row] of changes.sessions) heads.set(id, { ...row, log: logs.get(id) ?? 0 })
  return admissions
})

type Logs = ReadonlyMap<SessionId, number>

/** The log of every changed session. */
const numbered = Effect.fnUntraced(function* (sql: Sql, known: ReadonlyMap<SessionId, LoggedRow>, changes: Changes) {
  const logs = new Map<SessionId, number>()
  let next: number | undefined
  for (const id of changes.sessions.keys()) {
    const log: number = known.get(id)?.log ?? next ?? (yield* freshLog(sql))
    if (!known.has(id)) next = log + 1
    logs.set(id, log)
  }
  return logs
})

const eventValues = (batch: Batch, admissions: ReadonlyArray<Admission>, logs: Logs) => {
  const rows: Array<Values> = []
  batch.forEach(({ bodies, session }, index) => {
    const admission = admissions[index]
    const log = logs.get(session)
    if (admission?._tag !== "Admitted" || log === undefined) return
    admission.events.forEach(({ at, seq, type }, place) => {
      rows.push([log, seq, at, type, bodies[place] ?? ""])
    })
  })
  return rows
}

const knownSessions = Effect.fnUntraced(function* (sql: Sql, heads: Heads, batch: Batch) {
  const ids = batch.flatMap(({ session }) => (heads.has(session) ? [] : [session]))
  if (!Arr.isArrayNonEmpty(ids)) return heads
  const rows = yield* sql<LoggedRow>`
    SELECT log, id, agent, created_at AS "createdAt", updated_at AS "updatedAt", seq
    FROM sessions WHERE id IN ${sql.in(padded(ids))}`
  return new Map([...heads, ...rows.map((row): [SessionId, LoggedRow] => [row.id, row])])
})

const knownMessages = Effect.fnUntraced(function* (sql: Sql, batch: Batch) {
  const externalIds = batch.flatMap(({ events }) =>
    events.flatMap((event) =>
      event.type === "MessageAccepted" && event.externalId !== undefined ? [event.externalId] : []
    )
  )
  const known = new Map<string, MessageRow>()
  for (const ids of chunked(externalIds, idLimit)) {
    const rows = yield* sql<MessageRow>`
      SELECT channel, external_id AS "externalId", session, turn, seq
      FROM messages WHERE external_id IN ${sql.in(ids)}`
    for (const row of rows) known.set(pairKey(row.channel, row.externalId), row)
  }
  return known
})

const writesOf = (changes: Changes, logs: Logs): ReadonlyArray<Write> => {
  const logOf = (session: SessionId) => logs.get(session) ?? 0
  const turns = Array.from(changes.turns.values())
  const unended = turns.filter(({ ended }) => !ended)
  return [
    ...writeSessions(Array.from(changes.sessions.values(), (row) => sessionValues({ ...row, log: logOf(row.id) }))),
    ...writeMessages(Array.from(changes.messages.values(), messageValues)),
    ...writeBrought(changes.brought.map(({ file, session }) => broughtValues(logOf(session), file))),
    ...writeTurns(unended.map(({ session, turn }) => [logOf(session), turn])),
    ...turns.flatMap(({ ended, session, turn }) => (ended ? [deleteTurn(logOf(session), turn)] : [])),
    ...writeApprovals(Array.from(changes.asked.values(), approvalValues)),
    ...Array.from(changes.settled.values(), settleApproval),
    ...writeUsage(Array.from(changes.usage.values(), usageValues))
  ]
}

const writeDetails = Effect.fnUntraced(function* (sql: Sql, detailing: Changes["detailing"]) {
  for (const [id, events] of detailing) {
    const [before] = yield* decodeDetails(sql`SELECT id, ${sql.literal(detailColumns)} FROM sessions WHERE id = ${id}`)
    const details = events.reduce(detailsAfter, before === undefined ? plain : detailsOf(before))
    yield* sql`UPDATE sessions SET ${sql.update(detailValues(details))} WHERE id = ${id}`
  }
})

const decodeDetails = decoding(Details)
