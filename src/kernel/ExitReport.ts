/**
 * What is told about the end of an incarnation: once to the log if it is abnormal, and to whoever listens.
 *
 * Log sentences are fixed; path, reason and decision are annotations.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
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
  if (Exit.isSuccess(exit))
    return ending === "stopped" || decision === "Remove" || decision === "KeepStopped" || decision === "ShutDown"
  return ending === "stopped" && Cause.hasInterruptsOnly(exit.cause)
}

type Listener = (report: ExitReport) => Effect.Effect<void>

/** Logs an abnormal exit and tells the listener of any; undefined when there is nobody to tell. */
export const tell = (
  end: End,
  listener: Listener | undefined,
  whose: () => Pick<ExitReport, "path" | "id" | "restarts">
): Effect.Effect<void> | undefined => {
  const expected = isExpected(end)
  if (expected && listener === undefined) return undefined
  const report = { ...end, ...whose() }
  const log = expected ? Effect.void : logExit(report)
  if (listener === undefined) return log
  return Effect.andThen(
    log,
    Effect.catchCause(
      Effect.suspend(() => listener(report)),
      (cause) => Effect.logError("exit listener failed", cause)
    )
  )
}

/** The reason is put into words only if somebody reads the log: that takes longer than the restart. */
const logExit = ({ decision, ending, exit, path, restarts }: ExitReport): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const level = levels[decision]
    if (!LogLevel.isGreaterThanOrEqualTo(level, fiber.getRef(References.MinimumLogLevel))) return Effect.void
    const cause = Exit.isFailure(exit) ? [exit.cause] : []
    return Effect.logWithLevel(level)(sentence(decision), ...cause).pipe(
      Effect.annotateLogs({ child: path, reason: endOf(exit, ending), decision: words[decision], restarts })
    )
  })

/** Whoever starts a child is told that it did not start, and says what that means. */
const levels: Record<Verdict["_tag"], LogLevel.Severity> = {
  Restart: "Warn",
  Remove: "Error",
  KeepStopped: "Error",
  Park: "Error",
  GiveUp: "Error",
  ShutDown: "Warn",
  StartFailed: "Debug"
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
  ShutDown: "shut down",
  StartFailed: "do not supervise"
}
