/**
 * The laws of the logs (`upkeep/Databases.ts`), checked in SQL and, where asked, by decoding every event.
 *
 * Memory is bounded by one session's turns and approvals, however long its log is.
 */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import * as Result from "effect/Result"
import { SessionId } from "../../domain/Ids.ts"
import type { SessionEvent } from "../../domain/SessionEvent.ts"
import type { Breach, Law } from "../../upkeep/Databases.ts"
import { decodeRow } from "./EventBody.ts"

type Row = Readonly<Record<string, SQLOutputValue>>

/** What a log says of its turns and approvals. */
interface Told {
  readonly accepted: Set<string>
  readonly ended: Set<string>
  readonly asked: Set<string>
  readonly settled: Set<string>
}

/** The approvals of some sessions, by session: each with whether it is settled. */
export type Approvals = ReadonlyMap<string, ReadonlyMap<string, boolean>>

/** The approvals kept for the sessions behind `after` up to `last`. */
export const approvalsBetween = (database: DatabaseSync, after: string, last: string): Approvals => {
  const found = new Map<string, Map<string, boolean>>()
  const rows = database.prepare("SELECT id, session, settled FROM approvals WHERE session > ? AND session <= ?")
  for (const { id, session, settled } of rows.iterate(after, last)) {
    const known = found.get(String(session))
    if (known === undefined) found.set(String(session), new Map([[String(id), settled !== null]]))
    else known.set(String(id), settled !== null)
  }
  return found
}

/** Finds every breach in the session of a row; `deep` reads all of its events, otherwise the newest one. */
export const examiner = (database: DatabaseSync, deep: boolean) => {
  const counts = database.prepare("SELECT COUNT(*) AS n, MIN(seq) AS low, MAX(seq) AS high FROM events WHERE log = ?")
  const events = database.prepare("SELECT seq, at, body FROM events WHERE log = ? ORDER BY seq")
  const newest = database.prepare("SELECT seq, at, body FROM events WHERE log = ? ORDER BY seq DESC LIMIT 1")
  const landmarks = database.prepare(`SELECT seq, at, body FROM events
    WHERE log = ? AND type IN ('MessageAccepted', 'TurnEnded', 'ApprovalAsked', 'ApprovalSettled')`)
  const turns = database.prepare("SELECT turn FROM turns WHERE log = ?")

  return (row: Row, approvals: ReadonlyMap<string, boolean>): ReadonlyArray<Breach> => {
    const session = SessionId.make(String(row["id"]))
    const log = row["log"] ?? null
    const unfinished = new Set(turns.all(log).map(({ turn }) => String(turn)))
    const told: Told = { accepted: new Set(), ended: new Set(), asked: new Set(), settled: new Set() }
    const breaches = [...sequence(session, row, counts.get(log) ?? {})]
    let at = row["updated_at"]
    for (const event of (deep ? events : newest).iterate(log)) {
      at = event["at"] ?? null
      breaches.push(...note(told, session, event))
    }
    if (at !== row["updated_at"]) breaches.push(breach("row", session, "its last change is not its last event's"))
    if (!deep && unfinished.size + approvals.size > 0) {
      for (const event of landmarks.iterate(log)) breaches.push(...note(told, session, event))
    }
    return [
      ...breaches,
      ...turnBreaches(session, unfinished, told, deep),
      ...approvalBreaches(session, approvals, told)
    ]
  }
}

const breach = (law: Law, session: string, detail: string): Breach => ({ law, session, detail })

const sequence = (session: string, { seq }: Row, { high, low, n }: Row): ReadonlyArray<Breach> => {
  if (n === seq && high === seq && (low === 1 || seq === 0)) return []
  if (n === 0) return [breach("sequence", session, `all of its ${String(seq)} events are missing`)]
  if (high !== seq)
    return [breach("row", session, `it should end with event ${String(seq)}, and does with ${String(high)}`)]
  return [breach("sequence", session, `${Number(seq) - Number(n)} of its ${String(seq)} events are missing`)]
}

/** Remembers what the event says, or tells that it cannot be read. */
const note = (told: Told, session: SessionId, { at, body, seq }: Row): ReadonlyArray<Breach> => {
  const event = decodeRow(session, { seq: Number(seq), at: String(at), body: String(body) })
  if (Result.isFailure(event)) return [breach("body", session, event.failure.reason)]
  remember(told, event.success)
  return []
}

const remember = (told: Told, event: SessionEvent): void => {
  switch (event.type) {
    case "MessageAccepted":
      told.accepted.add(event.turn)
      return
    case "TurnEnded":
      told.ended.add(event.turn)
      return
    case "ApprovalAsked":
      told.asked.add(event.approval)
      return
    case "ApprovalSettled":
      told.settled.add(event.approval)
      return
  }
}

/** Without `deep` only the turns that are kept are looked for: what else was accepted may be unread. */
const turnBreaches = (session: string, kept: ReadonlySet<string>, told: Told, deep: boolean): ReadonlyArray<Breach> => {
  const unfinished = (detail: string) => breach("unfinished", session, detail)
  const wrong = Array.from(kept).flatMap((turn) => {
    if (!told.accepted.has(turn)) return [unfinished(`turn ${turn} is in no event`)]
    return told.ended.has(turn) ? [unfinished(`turn ${turn} has ended in the log`)] : []
  })
  if (!deep) return wrong
  const open = Array.from(told.accepted).filter((turn) => !told.ended.has(turn) && !kept.has(turn))
  return [...wrong, ...open.map((turn) => unfinished(`turn ${turn} has not ended, and is not kept as unfinished`))]
}

const approvalBreaches = (session: string, kept: ReadonlyMap<string, boolean>, told: Told) => {
  const found: Array<Breach> = []
  for (const [approval, settled] of kept) {
    if (!told.asked.has(approval)) found.push(breach("approval", session, `approval ${approval} is in no event`))
    else if (settled !== told.settled.has(approval)) {
      const said = settled ? "is settled, and not in the log" : "is open, and settled in the log"
      found.push(breach("approval", session, `approval ${approval} ${said}`))
    }
  }
  return found
}

/** What is kept for sessions that are not there, coming or going or for ever, and which files are not there. */
export const orphans = (database: DatabaseSync): ReadonlyArray<Breach> => [
  ...database
    .prepare("SELECT log FROM orphans")
    .all()
    .map(({ log }) => breach("orphan", "", `log ${String(log)}`)),
  ...database
    .prepare(`WITH RECURSIVE logs (log) AS (
        SELECT MIN(log) FROM events
        UNION ALL
        SELECT (SELECT MIN(log) FROM events WHERE log > logs.log) FROM logs WHERE logs.log IS NOT NULL
      )
      SELECT log FROM logs
      WHERE log IS NOT NULL AND log NOT IN (SELECT log FROM sessions) AND log NOT IN (SELECT log FROM orphans)`)
    .all()
    .map(({ log }) => breach("stray", "", `log ${String(log)}`)),
  ...database
    .prepare("SELECT log, COUNT(*) AS n FROM turns WHERE log NOT IN (SELECT log FROM sessions) GROUP BY log")
    .all()
    .map(({ log, n }) => breach("stray", "", `${String(n)} turns of log ${String(log)}`)),
  ...fileBreaches(database),
  ...database
    .prepare(`SELECT session, COUNT(*) AS n FROM approvals
      WHERE session NOT IN (SELECT id FROM sessions) GROUP BY session`)
    .all()
    .map(({ n, session }) => breach("stray", String(session), `${String(n)} approvals`))
]

const fileBreaches = (database: DatabaseSync): ReadonlyArray<Breach> => [
  ...database
    .prepare("SELECT sha256 FROM files WHERE sha256 NOT IN (SELECT sha256 FROM brought)")
    .all()
    .map(({ sha256 }) => breach("orphan", "", `file ${String(sha256)}`)),
  ...database
    .prepare(`SELECT id, brought.sha256 FROM brought JOIN sessions ON sessions.log = brought.log
      WHERE brought.sha256 NOT IN (SELECT sha256 FROM files)`)
    .all()
    .map(({ id, sha256 }) => breach("file", String(id), `file ${String(sha256)}`)),
  ...database
    .prepare(`SELECT log, COUNT(*) AS n FROM brought
      WHERE log NOT IN (SELECT log FROM sessions) AND log NOT IN (SELECT log FROM orphans) GROUP BY log`)
    .all()
    .map(({ log, n }) => breach("stray", "", `${String(n)} files of log ${String(log)}`))
]
