/**
 * What a session's log amounts to: a pure fold from its events to its state.
 *
 * The state holds what the model will be sent, the messages that wait for a turn, and how far the running turn
 * has come. The history it keeps is always a valid transcript: every tool call is followed by its result before
 * anything else is said. What an event costs depends on what waits and how far the turn is, never on how long the log
 * is.
 */
import type { AgentId } from "../domain/Ids.ts"
import type { SessionSettings } from "../domain/SessionChange.ts"
import type { NewSessionEvent, NewSessionEventOf } from "../domain/SessionEvent.ts"
import { silence } from "./History.ts"
import type { Boundary, SessionState, WaitingMessage } from "./SessionState.ts"
import { inTurn, told } from "./TurnLog.ts"
import { pinned, unpinned } from "./Window.ts"

export type { CallState, SessionState, TurnState, WaitingMessage } from "./SessionState.ts"

export const empty: SessionState = {
  seq: 0,
  waiting: [],
  abandoned: [],
  history: silence,
  alwaysAllowed: new Set(),
  pinned: [],
  settings: {}
}

/** The state after one more event; `event` is taken to be the one at `state.seq + 1`. */
export const fold = (state: SessionState, event: NewSessionEvent): SessionState => ({
  ...apply(state, event),
  seq: state.seq + 1
})

export const foldAll = (state: SessionState, events: Iterable<NewSessionEvent>): SessionState => {
  let next = state
  for (const event of events) next = fold(next, event)
  return next
}

const apply = (state: SessionState, event: NewSessionEvent): SessionState => {
  switch (event.type) {
    case "MessageAccepted":
      return accepted(state, event)
    case "TurnStarted":
      return started(state, event)
    case "TurnEnded":
      return ended(state, event)
    case "SessionConfigured":
      return { ...state, settings: configured(state.settings, event) }
    case "Pinned":
      return pinned(state, event.pin)
    case "Unpinned":
      return unpinned(state, event.event)
    case "CancelRequested":
      return cancelRequested(state, event)
    case "SessionImported":
      return { ...state, waiting: [], abandoned: [], alwaysAllowed: new Set() }
    case "SessionRenamed":
    case "SessionForked":
      return state
    default:
      return state.turn === undefined ? state : inTurn(state, state.turn, event)
  }
}

/** Settings after a change: what it does not name stays, and null goes back to the agent's. */
export const configured = (
  settings: SessionSettings,
  { midTurn, model }: NewSessionEventOf<"SessionConfigured">
): SessionSettings => {
  const { midTurn: oldMidTurn, model: oldModel } = settings
  const next = { model: model === undefined ? oldModel : model, midTurn: midTurn === undefined ? oldMidTurn : midTurn }
  return {
    ...(next.model == null ? {} : { model: next.model }),
    ...(next.midTurn == null ? {} : { midTurn: next.midTurn })
  }
}

const accepted = (state: SessionState, event: NewSessionEventOf<"MessageAccepted">): SessionState => {
  const { agent, files, preceding = [], text, turn } = event
  const brought = files === undefined ? {} : { files }
  const message: WaitingMessage = { seq: state.seq + 1, turn, agent, text, ...brought, preceding }
  if (state.turn?.id === turn) {
    return { ...state, turn: { ...state.turn, steering: [...state.turn.steering, message] } }
  }
  return { ...state, agent, waiting: [...state.waiting, message] }
}

const started = (state: SessionState, event: NewSessionEventOf<"TurnStarted">): SessionState => ({
  ...state,
  ...(state.abandoned.length === 0 ? { boundary: boundaryOf(state, event.agent) } : {}),
  waiting: state.waiting.filter((message) => message.turn !== event.turn),
  history: told(
    state,
    state.waiting.filter((message) => message.turn === event.turn)
  ),
  turn: {
    id: event.turn,
    agent: event.agent,
    model: event.model,
    generation: event.generation,
    step: 0,
    asking: false,
    compacting: false,
    overflows: 0,
    overflowing: false,
    cuts: 0,
    continued: 0,
    goneOn: 0,
    calls: [],
    steering: [],
    aside: [],
    resumes: 0
  }
})

const boundaryOf = (state: SessionState, agent: AgentId): Boundary => {
  const { alwaysAllowed, boundary, pinned, seq, settings, waiting } = state
  return { through: seq, agent: state.agent ?? agent, waiting, alwaysAllowed, pinned, settings, before: boundary }
}

/** A turn that waits is not there to be stopped: it ends before it begins. */
const cancelRequested = (state: SessionState, { reason, turn }: NewSessionEventOf<"CancelRequested">): SessionState => {
  if (state.turn?.id === turn) return { ...state, turn: { ...state.turn, cancelling: reason } }
  const waits = state.waiting.some((message) => message.turn === turn) && !state.abandoned.includes(turn)
  return waits ? { ...state, abandoned: [...state.abandoned, turn] } : state
}

/** What nobody told the model yet is kept for the next turn, however this one ended. */
const ended = (state: SessionState, event: NewSessionEventOf<"TurnEnded">): SessionState => {
  const { turn, ...rest } = state
  if (turn?.id === event.turn) return { ...rest, history: told(state, [...turn.steering, ...turn.aside]) }
  const untold = state.waiting.filter((message) => message.turn === event.turn)
  const next = {
    ...state,
    waiting: state.waiting.filter((message) => message.turn !== event.turn),
    abandoned: state.abandoned.filter((abandoned) => abandoned !== event.turn)
  }
  // Nothing may be said between a call and its result.
  return turn === undefined
    ? { ...next, history: told(state, untold) }
    : { ...next, turn: { ...turn, aside: [...turn.aside, ...untold] } }
}
