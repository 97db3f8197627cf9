/** Writing into the tables beside that of the sessions. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql"
import type { Approval } from "../../domain/Approval.ts"
import type { TurnId } from "../../domain/Ids.ts"
import type { MessageRow, SettledRow } from "../Projection.ts"
import { inserting, type Values, type Write } from "./Insert.ts"

export const writeEvents = inserting("events", ["log", "seq", "at", "type", "body"])

/** Messages that are known already stay where they are known. */
export const writeMessages = inserting(
  "messages",
  ["channel", "external_id", "session", "turn", "seq"],
  "ON CONFLICT (external_id, channel) DO NOTHING"
)

export const messageValues = ({ channel, externalId, seq, session, turn }: MessageRow): Values => [
  channel,
  externalId,
  session,
  turn,
  seq
]

/** Turns that were accepted. */
export const writeTurns = inserting("turns", ["log", "turn"], "ON CONFLICT (log, turn) DO NOTHING")

/** A turn that has ended. */
export const deleteTurn = (log: number, turn: TurnId): Write => [
  "DELETE FROM turns WHERE log = ? AND turn = ?",
  [log, turn]
]

export const writeApprovals = inserting(
  "approvals",
  ["id", "session", "agent", "turn", "call", "tool", "summary", "asked_at", "expires_at"],
  "ON CONFLICT (id) DO NOTHING"
)

export const approvalValues = (approval: Approval): Values => {
  const { agent, askedAt, call, expiresAt, id, session, summary, tool, turn } = approval
  return [id, session, agent, turn, call, tool, summary, askedAt, expiresAt]
}

/** The first settlement stays. */
export const settleApproval = ({ id, session, settlement }: SettledRow): Write => [
  "UPDATE approvals SET settled = ? WHERE id = ? AND session = ? AND settled IS NULL",
  [settlement, id, session]
]

/** A number that no log has, nor one that is still being purged; to be used in the same transaction. */
export const freshLog = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const rows = yield* sql<{ readonly last: number | null }>`
    SELECT MAX(log) AS last FROM sessions UNION ALL SELECT MAX(log) FROM orphans`
  return Math.max(...rows.map(({ last }) => last ?? 0)) + 1
})
