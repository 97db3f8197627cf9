/** What a message that arrives means for the session it arrives in. Pure. */
import * as Result from "effect/Result"
import type { AgentConfig } from "../config/AgentConfig.ts"
import type { AgentId, TurnId } from "../domain/Ids.ts"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import type { SessionState } from "../sessions/SessionLog.ts"
import { AgentUnknown } from "./Agents.ts"
import type { Content } from "./Bringing.ts"
import type { Addressed } from "./Directory.ts"
import { AgentMissing, SessionCrowded, SessionTaken } from "./DirectoryError.ts"

/** The most messages that may wait in one session: each costs memory, and time with every event until it is answered. */
export const mostWaiting = 1000

/** Which turn a message becomes part of, and which one it cancels. */
export interface Route {
  readonly turn: TurnId
  readonly cancels?: TurnId
}

/**
 * `steer` joins the turn that runs or waits to, `queue` is a turn of its own, `interrupt` cancels the one that
 * runs first. `fresh` is the id of a new turn, should one be needed.
 */
export const route = (state: SessionState, midTurn: AgentConfig["midTurn"], fresh: TurnId): Route => {
  const running = state.turn?.cancelling === undefined ? state.turn : undefined
  switch (midTurn) {
    case "queue":
      return { turn: fresh }
    case "interrupt":
      return running === undefined ? { turn: fresh } : { turn: fresh, cancels: running.id }
    case "steer":
      return { turn: running?.id ?? state.waiting.at(-1)?.turn ?? fresh }
  }
}

/** A message as the events that take it in, or why it cannot be taken. */
export const arrive = (
  state: SessionState,
  message: Addressed & Content,
  fresh: TurnId,
  definition: (agent: AgentId) => AgentConfig | undefined
): Result.Result<Arrived, AgentUnknown | AgentMissing | SessionTaken | SessionCrowded> => {
  const agent = message.agent ?? state.agent
  if (agent === undefined) return Result.fail(new AgentMissing({ session: message.session }))
  if (state.agent !== undefined && state.agent !== agent) {
    return Result.fail(new SessionTaken({ session: message.session, agent: state.agent }))
  }
  const defined = definition(agent)
  if (defined === undefined) return Result.fail(new AgentUnknown({ agent }))
  if (state.waiting.length + (state.turn?.steering.length ?? 0) >= mostWaiting) {
    return Result.fail(new SessionCrowded({ session: message.session, limit: mostWaiting }))
  }
  const { cancels, turn } = route(state, state.settings.midTurn ?? defined.midTurn, fresh)
  const events: ReadonlyArray<NewSessionEvent> = [
    ...(cancels === undefined ? [] : [cancel(cancels, "a newer message took its place")]),
    accepted(message, agent, turn)
  ]
  return Result.succeed({ turn, seq: state.seq + events.length, events })
}

export interface Arrived {
  readonly turn: TurnId
  /** The sequence number its `MessageAccepted` gets. */
  readonly seq: number
  readonly events: ReadonlyArray<NewSessionEvent>
}

export const cancel = (turn: TurnId, reason: string): NewSessionEvent => ({ type: "CancelRequested", turn, reason })

const accepted = (message: Addressed & Content, agent: AgentId, turn: TurnId): NewSessionEvent => {
  const { channel, externalId, files = [], preceding = [], text } = message
  return {
    type: "MessageAccepted",
    turn,
    agent,
    channel,
    text,
    ...(externalId === undefined ? {} : { externalId }),
    ...(files.length === 0 ? {} : { files }),
    ...(preceding.length === 0 ? {} : { preceding })
  }
}
