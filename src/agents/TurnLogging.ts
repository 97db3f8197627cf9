/** Which events of a turn are worth a line in the log of the service, and what it says. */
import * as Effect from "effect/Effect"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"

/** What an operator wants to know of every turn. */
export const tell = (event: NewSessionEvent) => {
  switch (event.type) {
    case "TurnStarted":
      return Effect.annotateLogs(Effect.logDebug("turn started"), { turn: event.turn, agent: event.agent })
    case "TurnResumed":
      return Effect.annotateLogs(Effect.logWarning("turn resumed"), { turn: event.turn })
    case "ReplyCut": {
      const { detail, reason, text, turn } = event
      return Effect.annotateLogs(Effect.logWarning("reply broke off"), { turn, reason, detail, kept: text.length })
    }
    case "Compacted": {
      const { after, before, detail, method, turn } = event
      const why = detail === undefined ? {} : { detail }
      return Effect.annotateLogs(Effect.logInfo("session compacted"), { turn, method, before, after, ...why })
    }
    case "TurnEnded": {
      const { failure, outcome, turn } = event
      const why = failure === undefined ? {} : { reason: failure.type, detail: failure.message }
      return Effect.annotateLogs(Effect.logInfo("turn ended"), { turn, outcome, ...why })
    }
    default:
      return Effect.void
  }
}
