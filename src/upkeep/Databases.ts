/**
 * Databases of this service seen from outside: looked at without being changed, and copied while they are in use.
 *
 * Everything happens in worker threads, so that no event loop waits for a disk. A database that is open in a running
 * service can be examined and copied: readers hold up no writer, and a copy is of one moment.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type { Effect } from "effect"
import type { JobError } from "../threads/ThreadError.ts"

/** Whose database: the service's own, or a tenant's. */
export const Kind = Schema.Literals(["service", "sessions"])
export type Kind = typeof Kind.Type

/** A database as a whole. Counts and versions are 0 unless it is `open`. */
export const Survey = Schema.Struct({
  /** `locked`: somebody has it for himself. `foreign`: no database at all. `unreadable`: it cannot be opened. */
  state: Schema.Literals(["open", "missing", "locked", "foreign", "damaged", "unreadable"]),
  /** In SQLite's own words, why it is not open. */
  detail: Schema.String,
  /** The tables' version, and the newest that this program knows. */
  version: Schema.Int,
  known: Schema.Int,
  /** The sizes of the file and of its write-ahead log, in bytes. */
  bytes: Schema.Int,
  wal: Schema.Int,
  /** What SQLite's own check complains about, at most ten lines. */
  damage: Schema.Array(Schema.String),
  sessions: Schema.Int,
  events: Schema.Int
})
export type Survey = typeof Survey.Type

/**
 * What has to be true of the logs: events count from 1 without gaps; a session's row says what its last event says; every
 * body can be read; a turn is unfinished exactly when no event has ended it; every approval was asked for in the log;
 * every file that a log names is kept; nothing is kept for a session that is not there (`orphan`: but a start removes it;
 * `stray`: and nothing removes it).
 */
export const Law = Schema.Literals(["sequence", "row", "body", "unfinished", "approval", "file", "orphan", "stray"])
export type Law = typeof Law.Type

/** One place where a law does not hold. */
export const Breach = Schema.Struct({ law: Law, session: Schema.String, detail: Schema.String })
export type Breach = typeof Breach.Type

/** The sessions up to `next`, which is null at the end. Breaches beyond the first few are only counted. */
export const Stretch = Schema.Struct({
  next: Schema.NullOr(Schema.String),
  sessions: Schema.Int,
  events: Schema.Int,
  breaches: Schema.Array(Breach),
  more: Schema.Int
})
export type Stretch = typeof Stretch.Type

/** Which sessions to look at: those behind `after`, whole ones, until about `budget` events have been looked at. */
export const StretchRequest = Schema.Struct({
  file: Schema.String,
  after: Schema.NullOr(Schema.String),
  budget: Schema.Int,
  /** Reads and decodes every event; otherwise the newest of each session. */
  deep: Schema.Boolean
})
export type StretchRequest = typeof StretchRequest.Type

export class Databases extends Context.Service<
  Databases,
  {
    /** Looks at a database as a whole; `thorough` also compares every index with its table. */
    survey(file: string, kind: Kind, thorough: boolean): Effect.Effect<Survey, JobError>
    /** Checks the laws of the logs for some sessions of a tenant's database. */
    examine(request: StretchRequest): Effect.Effect<Stretch, JobError>
    /** Copies a database as it is at one moment into a new file (0600). Fails with one sentence in `reason`. */
    snapshot(from: string, to: string): Effect.Effect<void, JobError>
  }
>()("fiberclaw/upkeep/Databases") {}
