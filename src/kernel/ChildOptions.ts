/**
 * What every child says of itself, of whatever kind it is: when it is started again, how long its end may take, and
 * how it fares.
 */
import * as Duration from "effect/Duration"
import type { Restart } from "./Restart.ts"

/** How long a child may take to end: a time, no time at all (`brutal`), or as long as it needs (`infinity`). */
export type Shutdown = Duration.Duration | "brutal" | "infinity"
export type ShutdownInput = Duration.Input | "brutal" | "infinity"

/** How much work waits for a child, and how much it has done since it was first started. */
export interface Vitals {
  readonly waiting: number
  /** Whether a piece of work is under way, of a child that does one after the other. */
  readonly busy?: boolean
  readonly done: number
}

/** What every child says of itself. */
export interface SpecBase {
  /** Unique among siblings; becomes a segment of the path. */
  readonly id: string
  readonly kind: "supervisor" | "worker"
  readonly restart: Restart
  readonly shutdown: Shutdown
  /** Whether its end for good may end its supervisor, see `autoShutdown`. Not for a permanent child, which has none. */
  readonly significant?: boolean | undefined
  /** For the tree, and for a watchdog to tell a busy child from a hung one. */
  vitals?(): Vitals | undefined
}

/** When a child is started again and how long its end may take. */
export interface ChildOptions {
  /** `permanent` unless told. */
  readonly restart?: Restart
  /** Unless told: 5 seconds for an effect, 10 seconds for a Layer, `infinity` for a supervisor. */
  readonly shutdown?: ShutdownInput
  readonly significant?: boolean
}

/** A shutdown as options give it. */
export const shutdownFrom = (input: ShutdownInput): Shutdown =>
  input === "brutal" || input === "infinity" ? input : Duration.fromInputUnsafe(input)
