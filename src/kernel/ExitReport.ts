/**
 * What is told about the end of an incarnation: once to the log if it is abnormal, and to whoever listens.
 *
 * Log sentences are fixed; path, reason and decision are annotations.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { endOf } from "./ExitReason.ts"
import type { Decision, Ending } from "./Restart.ts"

/** A decision of the restart rules, or that a child whose first start failed is not supervised at all. */
export type Verdict = Decision | { readonly _tag: "StartFailed" }

/** One end of one incarnation, and what is done about it. */
export interface End {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly ending: Ending
  readonly decision: Verdict["_tag"]
}

export interface ExitReport extends End {
  /** The child's path in the tree. */
  readonly path: string
  readonly id: string
  /** How often the child had been started again before. */
  readonly restarts: number
}

/** Whether there is nothing to tell: the child was told to end and did, or ended by itself as it may. */
export const isExpected = ({ decision, ending, exit }: End): boolean => {
  if (Exit.isSuccess(exit)) return ending === "stopped" || decision === "Remove" || decision === "KeepStopped"
  return ending === "stopped" && Cause.hasInterruptsOnly(exit.cause)
}

/** Logs an abnormal exit; says nothing about an expected one. */
export const logExit = (report: ExitReport): Effect.Effect<void> => {
  if (isExpected(report)) return Effect.void
  const { decision, ending, exit, path, restarts } = report
  const log = levels[decision]
  const cause = Exit.isFailure(exit) ? [exit.cause] : []
  return log(sentence(decision), ...cause).pipe(
    Effect.annotateLogs({ child: path, reason: endOf(exit, ending), decision: words[decision], restarts })
  )
}

/** Whoever starts a child is told that it did not start, and says what that means. */
const levels: Record<Verdict["_tag"], typeof Effect.logError> = {
  Restart: Effect.logWarning,
  Remove: Effect.logError,
  KeepStopped: Effect.logError,
  Park: Effect.logError,
  GiveUp: Effect.logError,
  StartFailed: Effect.logDebug
}

const sentence = (decision: Verdict["_tag"]): string => {
  if (decision === "StartFailed") return "child failed to start"
  return decision === "Park" ? "child parked" : "child exited"
}

const words: Record<Verdict["_tag"], string> = {
  Restart: "restart",
  Remove: "remove",
  KeepStopped: "keep stopped",
  Park: "park",
  GiveUp: "give up",
  StartFailed: "do not supervise"
}
