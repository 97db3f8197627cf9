/**
 * The questions of the session store, in SQL that SQLite and PostgreSQL both understand. Every row is decoded: one
 * that does not fit fails its read with the reason and is never left out.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { Approval, Settlement } from "../../domain/Approval.ts"
import { SessionId, TurnId } from "../../domain/Ids.ts"
import { type SessionEvent, SessionSummary } from "../../domain/SessionEvent.ts"
import { type ApprovalRecord, DuplicateMessage, type SessionStore, StoreUnavailable } from "../SessionStore.ts"
import { decodeRow, type EventRow } from "./EventBody.ts"

/** What the database, or a row of it, has to say to a person. */
export const unavailable = (error: SqlError.SqlError): StoreUnavailable =>
  new StoreUnavailable({ reason: error.message, cause: error })

/** Everything a store offers but `append`. */
export const makeReads = (sql: SqlClient.SqlClient): Omit<SessionStore["Service"], "append"> => ({
  ...logReads(sql),
  ...sessionReads(sql),
  ...approvalReads(sql)
})

type Reads<Names extends keyof SessionStore["Service"]> = Pick<SessionStore["Service"], Names>

/** The most events that are read and decoded in one stretch, in which no other fiber gets on: some 3 ms. */
const stretch = 250

const logReads = (sql: SqlClient.SqlClient): Reads<"read" | "accepted"> => ({
  read: Effect.fn("SessionStore.read")(function* (session, { after = 0, limit }) {
    const found: Array<SessionEvent> = []
    for (;;) {
      const most = Math.min(stretch, limit - found.length)
      const rows = yield* Effect.mapError(
        sql<EventRow>`SELECT seq, at, body FROM events WHERE session = ${session} AND seq > ${found.at(-1)?.seq ?? after}
          ORDER BY seq LIMIT ${most}`,
        unavailable
      )
      for (const row of rows) found.push(yield* Effect.fromResult(decodeRow(session, row)))
      if (rows.length < most || found.length === limit) return found
      yield* Effect.yieldNow
    }
  }),
  accepted: Effect.fn("SessionStore.accepted")(function* (channel, externalId) {
    const [place] = yield* decodePlaces(sql`SELECT session, turn, seq FROM messages
      WHERE external_id = ${externalId} AND channel = ${channel}`)
    return Option.map(Option.fromUndefinedOr(place), (place) => new DuplicateMessage(place))
  })
})

const sessionReads = (sql: SqlClient.SqlClient): Reads<"session" | "sessions" | "unfinished" | "count"> => {
  const summary = sql.literal(`SELECT id, agent, created_at AS "createdAt", updated_at AS "updatedAt", seq,
    (SELECT CAST(COUNT(*) AS INTEGER) FROM turns WHERE turns.session = sessions.id AND ended = 0) AS unfinished
    FROM sessions`)
  return {
    session: Effect.fn("SessionStore.session")(function* (id) {
      const [row] = yield* decodeSummaries(sql`${summary} WHERE id = ${id}`)
      return Option.fromUndefinedOr(row)
    }),
    sessions: Effect.fn("SessionStore.sessions")(({ after = "", limit }) =>
      decodeSummaries(sql`${summary} WHERE id > ${after} ORDER BY id LIMIT ${limit}`)
    ),
    unfinished: Effect.map(
      decodeIds(sql`SELECT DISTINCT session FROM turns WHERE ended = 0 ORDER BY session`),
      (rows) => rows.map(({ session }) => session)
    ),
    count: Effect.map(
      decodeCounts(sql`SELECT CAST(COUNT(*) AS INTEGER) AS count FROM sessions`),
      ([row]) => row?.count ?? 0
    )
  }
}

const approvalReads = (sql: SqlClient.SqlClient): Reads<"approvals" | "approval"> => {
  const approval = sql.literal(`SELECT id, session, agent, turn, call, tool, summary, asked_at AS "askedAt",
    expires_at AS "expiresAt", settled FROM approvals`)
  return {
    approvals: Effect.map(decodeApprovals(sql`${approval} WHERE settled IS NULL ORDER BY asked_at, id`), (rows) =>
      rows.map((row) => recordOf(row).approval)
    ),
    approval: Effect.fn("SessionStore.approval")(function* (id) {
      const [row] = yield* decodeApprovals(sql`${approval} WHERE id = ${id}`)
      return Option.map(Option.fromUndefinedOr(row), recordOf)
    })
  }
}

const ApprovalRow = Schema.Struct({ ...Approval.fields, settled: Schema.NullOr(Settlement) })

const recordOf = ({ settled, ...approval }: typeof ApprovalRow.Type): ApprovalRecord =>
  settled === null ? { approval: new Approval(approval) } : { approval: new Approval(approval), settled }

const decoding = <A, I>(row: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(row))
  return (statement: Statement.Statement<unknown>): Effect.Effect<ReadonlyArray<A>, StoreUnavailable> =>
    Effect.mapError(Effect.flatMap(statement, decode), (error) =>
      error._tag === "SqlError" ? unavailable(error) : unreadable(error)
    )
}

const unreadable = (cause: Schema.SchemaError) =>
  new StoreUnavailable({ reason: `a stored row cannot be read: ${cause.message.replaceAll(/\s+/g, " ")}`, cause })

const decodePlaces = decoding(Schema.Struct({ session: SessionId, turn: TurnId, seq: Schema.Int }))
const decodeSummaries = decoding(SessionSummary)
const decodeIds = decoding(Schema.Struct({ session: SessionId }))
const decodeCounts = decoding(Schema.Struct({ count: Schema.Int }))
const decodeApprovals = decoding(ApprovalRow)
