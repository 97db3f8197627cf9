/** How a session's row is kept: the columns of the sessions table, and what they are to the rest. */
import * as Schema from "effect/Schema"
import { AgentId, SessionId } from "../../domain/Ids.ts"
import { SessionSettings } from "../../domain/SessionChange.ts"
import { SessionSummary } from "../../domain/SessionEvent.ts"
import type { SessionDetails, SessionRow } from "../Projection.ts"
import { inserting, type Values } from "./Insert.ts"

/** A session's row and the number its events are kept under. */
export interface LoggedRow extends SessionRow {
  readonly log: number
}

/** What to select for `Details`. */
export const detailColumns = `compacted, settings, name, forked_from AS "forkedFrom", forked_through AS "forkedThrough"`

const details = {
  compacted: Schema.Int,
  settings: Schema.fromJsonString(SessionSettings),
  name: Schema.NullOr(Schema.String),
  forkedFrom: Schema.NullOr(SessionId),
  forkedThrough: Schema.NullOr(Schema.Int)
}

export const Details = Schema.Struct({ id: SessionId, ...details })

/** What to select for `Counted`. */
export const countedColumns = `log, id, agent, created_at AS "createdAt", updated_at AS "updatedAt", seq, ${detailColumns},
  (SELECT CAST(COUNT(*) AS INTEGER) FROM turns WHERE turns.log = sessions.log) AS unfinished`

export const Counted = Schema.Struct({
  log: Schema.Int,
  id: SessionId,
  agent: AgentId,
  createdAt: Schema.String,
  updatedAt: Schema.String,
  seq: Schema.Int,
  ...details,
  unfinished: Schema.Int
})

export const detailsOf = ({
  compacted,
  forkedFrom,
  forkedThrough,
  name,
  settings
}: Omit<typeof Details.Type, "id">): SessionDetails => ({
  compacted,
  settings,
  ...(name !== null && { name }),
  ...(forkedFrom !== null && forkedThrough !== null && { forkedFrom: { session: forkedFrom, through: forkedThrough } })
})

export const summaryOf = (row: typeof Counted.Type): SessionSummary => {
  const { agent, createdAt, id, seq, unfinished, updatedAt } = row
  return new SessionSummary({ id, agent, createdAt, updatedAt, seq, unfinished, ...detailsOf(row) })
}

/** Writes rows whose sessions are there already, or are new with the details of none. */
export const writeSessions = inserting(
  "sessions",
  ["log", "id", "agent", "created_at", "updated_at", "seq", "compacted", "settings"],
  "ON CONFLICT (log) DO UPDATE SET updated_at = excluded.updated_at, seq = excluded.seq"
)

export const sessionValues = ({ agent, createdAt, id, log, seq, updatedAt }: LoggedRow): Values => [
  log,
  id,
  agent,
  createdAt,
  updatedAt,
  seq,
  0,
  "{}"
]

/** The columns of a session's details and their values. */
export const detailValues = ({ compacted, forkedFrom, name, settings }: SessionDetails) => ({
  compacted,
  settings: JSON.stringify(settings),
  name: name ?? null,
  forked_from: forkedFrom?.session ?? null,
  forked_through: forkedFrom?.through ?? null
})
