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
import type { SessionEvent } from "../../domain/SessionEvent.ts"
import { type Admission, admit, type Append, type Known } from "../Admission.ts"
import { type Changes, type MessageRow, noChanges, pairKey, type SessionRow } from "../Projection.ts"
import { chunked, padded } from "./Chunks.ts"

/** An append with the stored form of its events, in the same order. */
export interface EncodedAppend extends Append {
  readonly bodies: ReadonlyArray<string>
}

type Sql = SqlClient.SqlClient
type Batch = Arr.NonEmptyReadonlyArray<EncodedAppend>

/** The most rows one statement writes. */
const rowLimit = 128

/** Commits a batch; answers for each append, in order, what became of it. */
export const commitBatch = (sql: Sql, batch: Batch): Effect.Effect<ReadonlyArray<Admission>, SqlError.SqlError> =>
  sql.withTransaction(decideAndWrite(sql, batch))

const decideAndWrite = Effect.fnUntraced(function* (sql: Sql, batch: Batch) {
  const at = DateTime.formatIso(yield* DateTime.now)
  const known: Known = { sessions: yield* knownSessions(sql, batch), messages: yield* knownMessages(sql, batch) }
  const changes = noChanges()
  const events: Array<Record<string, unknown>> = []
  const admissions = batch.map((append) => {
    const admission = admit(known, changes, append, at)
    if (admission._tag === "Admitted") collectRows(events, append, admission.events)
    return admission
  })
  if (events.length > 0) {
    yield* inChunks(events, (rows) => sql`INSERT INTO events ${sql.insert(rows)}`)
    yield* writeChanges(sql, changes)
  }
  return admissions
})

const collectRows = (
  rows: Array<Record<string, unknown>>,
  { bodies, session }: EncodedAppend,
  events: ReadonlyArray<SessionEvent>
) => {
  for (const [index, { at, seq, type }] of events.entries()) rows.push({ session, seq, at, type, body: bodies[index] })
}

const knownSessions = Effect.fnUntraced(function* (sql: Sql, batch: Batch) {
  const ids = padded(Arr.map(batch, ({ session }) => session))
  const rows = yield* sql<SessionRow>`
    SELECT id, agent, created_at AS "createdAt", updated_at AS "updatedAt", seq
    FROM sessions WHERE id IN ${sql.in(ids)}`
  return new Map(rows.map((row): [SessionId, SessionRow] => [row.id, row]))
})

const knownMessages = Effect.fnUntraced(function* (sql: Sql, batch: Batch) {
  const externalIds = batch.flatMap(({ events }) =>
    events.flatMap((event) =>
      event.type === "MessageAccepted" && event.externalId !== undefined ? [event.externalId] : []
    )
  )
  const known = new Map<string, MessageRow>()
  for (const ids of chunked(externalIds, rowLimit)) {
    const rows = yield* sql<MessageRow>`
      SELECT channel, external_id AS "externalId", session, turn, seq
      FROM messages WHERE external_id IN ${sql.in(ids)}`
    for (const row of rows) known.set(pairKey(row.channel, row.externalId), row)
  }
  return known
})

const writeChanges = Effect.fnUntraced(function* (sql: Sql, changes: Changes) {
  const sessions = Arr.fromIterable(changes.sessions.values())
  yield* inChunks(
    sessions.map(sessionColumns),
    (rows) =>
      sql`INSERT INTO sessions ${sql.insert(rows)}
      ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, seq = excluded.seq`
  )
  const messages = Arr.fromIterable(changes.messages.values())
  yield* inChunks(messages.map(messageColumns), (rows) => sql`INSERT INTO messages ${sql.insert(rows)}`)
  const turns = Arr.fromIterable(changes.turns.values())
  yield* inChunks(
    turns.map(({ ended, session, turn }) => ({ session, turn, ended: ended ? 1 : 0 })),
    (rows) =>
      sql`INSERT INTO turns ${sql.insert(rows)}
      ON CONFLICT (session, turn) DO UPDATE SET ended = 1 WHERE excluded.ended = 1`
  )
  for (const { askedAt, expiresAt, ...approval } of changes.asked.values()) {
    const row = { ...approval, asked_at: askedAt, expires_at: expiresAt }
    yield* sql`INSERT INTO approvals ${sql.insert(row)} ON CONFLICT (id) DO NOTHING`
  }
  for (const [id, settlement] of changes.settled) {
    yield* sql`UPDATE approvals SET settled = ${settlement} WHERE id = ${id} AND settled IS NULL`
  }
})

const sessionColumns = ({ agent, createdAt, id, seq, updatedAt }: SessionRow) => ({
  id,
  agent,
  created_at: createdAt,
  updated_at: updatedAt,
  seq
})

const messageColumns = ({ channel, externalId, seq, session, turn }: MessageRow) => ({
  channel,
  external_id: externalId,
  session,
  turn,
  seq
})

const inChunks = <A, B>(
  rows: ReadonlyArray<A>,
  write: (rows: Arr.NonEmptyReadonlyArray<A>) => Effect.Effect<B, SqlError.SqlError>
) => Effect.forEach(chunked(rows, rowLimit), write, { discard: true })
