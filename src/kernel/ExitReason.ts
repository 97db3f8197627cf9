/** Why an incarnation ended, as one line for people: no stack traces, no nested causes. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Ending } from "./Restart.ts"

/** `ended` for a normal end, `stopped` when it was told to end and did, otherwise the reason of its cause. */
export const endOf = (exit: Exit.Exit<unknown, unknown>, ending: Ending): string => {
  if (Exit.isSuccess(exit)) return ending === "stopped" ? "stopped" : "ended"
  return ending === "stopped" && Cause.hasInterruptsOnly(exit.cause) ? "stopped" : reasonOf(exit.cause)
}

/** The errors and defects of a cause, or `interrupted` when there is nothing else. */
export const reasonOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "interrupted"
  return Cause.prettyErrors(cause).map(describe).join("; ")
}

const describe = (error: Error): string => {
  const message = error.message.split("\n", 1)[0]
  return message === undefined || message === "" ? error.name : `${error.name}: ${message}`
}
