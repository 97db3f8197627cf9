/**
 * The questions of the session store, in SQL that SQLite and PostgreSQL both understand. Every row is decoded: one
 * that does not fit fails its read with the reason and is never left out.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql"
import { Approval, Settlement } from "../../domain/Approval.ts"
import { type ApprovalId, SessionId, TurnId } from "../../domain/Ids.ts"
import type { SessionEvent } from "../../domain/SessionEvent.ts"
import type { ApprovalRecord, Page } from "../SessionQuery.ts"
import { DuplicateMessage } from "../StoreError.ts"
import { decodeRow, type EventRow } from "./EventBody.ts"
import { decoding, unavailable } from "./Rows.ts"

/** The most events that are read and decoded in one stretch, in which no other fiber gets on: some 3 ms. */
const stretch = 250

export const logReads = (sql: SqlClient.SqlClient) => ({
  read: Effect.fn("SessionStore.read")(function* (session: SessionId, { after = 0, limit }: Page<number>) {
    const found: Array<SessionEvent> = []
    for (;;) {
      const most = Math.min(stretch, limit - found.length)
      const rows = yield* Effect.mapError(
        sql<EventRow>`SELECT events.seq, at, body FROM events WHERE log = (SELECT log FROM sessions WHERE id = ${session})
          AND events.seq > ${found.at(-1)?.seq ?? after} ORDER BY events.seq LIMIT ${most}`,
        unavailable
      )
      for (const row of rows) found.push(yield* Effect.fromResult(decodeRow(session, row)))
      if (rows.length < most || found.length === limit) return found
      yield* Effect.yieldNow
    }
  }),
  accepted: Effect.fn("SessionStore.accepted")(function* (channel: string, externalId: string) {
    const [place] = yield* decodePlaces(sql`SELECT session, turn, seq FROM messages
      WHERE external_id = ${externalId} AND channel = ${channel}`)
    return Option.map(Option.fromUndefinedOr(place), (place) => new DuplicateMessage(place))
  }),
  compaction: Effect.fn("SessionStore.compaction")(function* (session: SessionId) {
    const [row] = yield* Effect.mapError(
      sql<EventRow>`SELECT events.seq, at, body FROM sessions JOIN events ON events.log = sessions.log
        AND events.seq = sessions.compacted WHERE sessions.id = ${session}`,
      unavailable
    )
    if (row === undefined) return Option.none()
    const event = yield* Effect.fromResult(decodeRow(session, row))
    return event.type === "Compacted" ? Option.some(event) : Option.none()
  })
})

export const approvalReads = (sql: SqlClient.SqlClient) => {
  const approval = sql.literal(`SELECT id, session, agent, turn, call, tool, summary, asked_at AS "askedAt",
    expires_at AS "expiresAt", settled FROM approvals`)
  return {
    approvals: Effect.map(decodeApprovals(sql`${approval} WHERE settled IS NULL ORDER BY asked_at, id`), (rows) =>
      rows.map((row) => recordOf(row).approval)
    ),
    approval: Effect.fn("SessionStore.approval")(function* (id: ApprovalId) {
      const [row] = yield* decodeApprovals(sql`${approval} WHERE id = ${id}`)
      return Option.map(Option.fromUndefinedOr(row), recordOf)
    })
  }
}

const ApprovalRow = Schema.Struct({ ...Approval.fields, settled: Schema.NullOr(Settlement) })

const recordOf = ({ settled, ...approval }: typeof ApprovalRow.Type): ApprovalRecord =>
  settled === null ? { approval: new Approval(approval) } : { approval: new Approval(approval), settled }

const decodePlaces = decoding(Schema.Struct({ session: SessionId, turn: TurnId, seq: Schema.Int }))
const decodeApprovals = decoding(ApprovalRow)
