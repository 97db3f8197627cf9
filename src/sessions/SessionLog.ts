/**
 * What a session's log amounts to: a pure fold from its events to its state.
 *
 * The state holds what the model will be sent, the messages that wait for a turn, and how far the running turn
 * has come. The history it keeps is always a valid transcript: every tool call is followed by its result before
 * anything else is said. What an event costs depends on what waits and how far the turn is, never on how long the log
 * is.
 */
import type { Settlement } from "../domain/Approval.ts"
import type { AgentId, ApprovalId, CallId, TurnId } from "../domain/Ids.ts"
import type { PriorMessage } from "../domain/PriorMessage.ts"
import type { Failure, NewSessionEvent, NewSessionEventOf } from "../domain/SessionEvent.ts"
import type { SessionSettings } from "../domain/SessionChange.ts"
import type { EffectClass } from "../domain/ToolEffect.ts"
import * as History from "./History.ts"

/** An accepted message that has not reached the model yet. */
export interface WaitingMessage {
  readonly seq: number
  readonly turn: TurnId
  readonly agent: AgentId
  readonly text: string
  readonly preceding: ReadonlyArray<PriorMessage>
}

/**
 * How far a tool call has come: `asked` by the model, `awaiting` a person, settled by one (`allowed`,
 * `declined`), `running`, `cut` off by a crash while it ran, or `returned`.
 */
export type CallStatus = "asked" | "awaiting" | "allowed" | "declined" | "running" | "cut" | "returned"

export interface CallState {
  readonly id: CallId
  readonly tool: string
  readonly input: unknown
  readonly status: CallStatus
  readonly approval?: ApprovalId
  readonly verdict?: { readonly verdict: Settlement; readonly reason?: string | undefined }
  readonly effect?: EffectClass
  readonly result?: { readonly failed: boolean; readonly output: string }
}

export interface TurnState {
  readonly id: TurnId
  readonly agent: AgentId
  readonly model: string
  readonly generation: number
  readonly step: number
  /** Whether the model is being asked right now. */
  readonly asking: boolean
  /** Why the last reply ended, once nothing of it is left to do; absent when the model has to be asked. */
  readonly finished?: NewSessionEventOf<"ModelReplied">["finishReason"]
  /** The calls of the last reply, until every one of them has returned. */
  readonly calls: ReadonlyArray<CallState>
  readonly steering: ReadonlyArray<WaitingMessage>
  readonly cancelling?: string
  /** How often in a row the turn was resumed without getting any further. */
  readonly resumes: number
}

export interface SessionState {
  /** The sequence number of the last event; 0 before the first. */
  readonly seq: number
  readonly agent?: AgentId
  readonly waiting: ReadonlyArray<WaitingMessage>
  readonly turn?: TurnState
  readonly history: History.History
  /** Calls that a person allowed once and for all in this session, as `callKey` names them. */
  readonly alwaysAllowed: ReadonlySet<string>
  /** What it has of its own instead of its agent's. */
  readonly settings: SessionSettings
  readonly lastEnded?: { readonly turn: TurnId; readonly outcome: string; readonly failure?: Failure | undefined }
}

export const empty: SessionState = { seq: 0, waiting: [], history: History.silence, alwaysAllowed: new Set(), settings: {} }

/** What makes two calls the same to a person who says "always": the tool and everything it was asked to do. */
export const callKey = (tool: string, input: unknown): string => `${tool} ${JSON.stringify(input)}`

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
    case "Unpinned":
    case "SessionRenamed":
    case "SessionForked":
    case "SessionImported":
      return state
    default:
      return state.turn === undefined ? state : inTurn(state, state.turn, event)
  }
}

type BetweenTurns =
  | "MessageAccepted"
  | "TurnStarted"
  | "TurnEnded"
  | "SessionConfigured"
  | "Pinned"
  | "Unpinned"
  | "SessionRenamed"
  | "SessionForked"
  | "SessionImported"

/** Settings after a change: what it does not name stays, and null goes back to the agent's. */
const configured = (
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

const inTurn = (
  state: SessionState,
  turn: TurnState,
  event: Exclude<NewSessionEvent, { readonly type: BetweenTurns }>
): SessionState => {
  switch (event.type) {
    case "TurnResumed":
      return { ...state, turn: resumed(turn) }
    case "ModelCalled": {
      const { finished: _, ...rest } = turn
      return { ...state, turn: { ...rest, asking: true, step: event.step } }
    }
    case "ModelReplied":
      return replied(state, turn, event)
    case "ToolCalled":
      return withCall(state, turn, event.call, { status: "running", effect: event.effect })
    case "ToolReturned": {
      const result = { failed: event.outcome !== "succeeded", output: event.output }
      return returned(withCall(state, { ...turn, resumes: 0 }, event.call, { status: "returned", result }))
    }
    case "ApprovalAsked":
      return withCall(state, turn, event.call, { status: "awaiting", approval: event.approval })
    case "ApprovalSettled":
      return settled(state, turn, event)
    case "Steered":
      return steered(state, turn, event.messages)
    case "CancelRequested":
      return event.turn === turn.id ? { ...state, turn: { ...turn, cancelling: event.reason } } : state
    case "ContextMeasured":
    case "ContextOverflowed":
    case "CompactionStarted":
    case "Compacted":
      return state
  }
}

/** A model call that was cut off is made again as the same step; a tool call is marked, for `decide` to judge. */
const resumed = (turn: TurnState): TurnState => ({
  ...turn,
  asking: false,
  step: turn.asking ? turn.step - 1 : turn.step,
  resumes: turn.resumes + 1,
  calls: turn.calls.map((call) => (call.status === "running" ? { ...call, status: "cut" } : call))
})

const accepted = (state: SessionState, event: NewSessionEventOf<"MessageAccepted">): SessionState => {
  const { agent, preceding = [], text, turn } = event
  const message: WaitingMessage = { seq: state.seq + 1, turn, agent, text, preceding }
  if (state.turn?.id === turn) {
    return { ...state, turn: { ...state.turn, steering: [...state.turn.steering, message] } }
  }
  return { ...state, agent, waiting: [...state.waiting, message] }
}

const started = (state: SessionState, event: NewSessionEventOf<"TurnStarted">): SessionState => ({
  ...state,
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
    calls: [],
    steering: [],
    resumes: 0
  }
})

/** What nobody told the model yet is kept for the next turn, however this one ended. */
const ended = (state: SessionState, event: NewSessionEventOf<"TurnEnded">): SessionState => {
  const { turn, ...rest } = state
  return {
    ...rest,
    history: told(state, turn?.steering ?? []),
    lastEnded: { turn: event.turn, outcome: event.outcome, failure: event.failure }
  }
}

const replied = (
  state: SessionState,
  turn: TurnState,
  { content, finishReason }: NewSessionEventOf<"ModelReplied">
): SessionState => {
  const calls = content.flatMap(
    (part): ReadonlyArray<CallState> =>
      part.type === "tool-call" && part.providerExecuted !== true
        ? [{ id: part.id as CallId, tool: part.name, input: part.params, status: "asked" }]
        : []
  )
  return {
    ...state,
    history: History.append(state.history, content.length === 0 ? [] : [{ role: "assistant", content }]),
    turn: { ...turn, asking: false, resumes: 0, calls, ...(calls.length === 0 ? { finished: finishReason } : {}) }
  }
}

const returned = (state: SessionState): SessionState => {
  const turn = state.turn
  if (turn === undefined || turn.calls.some((call) => call.status !== "returned")) return state
  const content = turn.calls.map((call) => ({
    type: "tool-result" as const,
    id: call.id,
    name: call.tool,
    isFailure: call.result?.failed ?? true,
    result: call.result?.output ?? "",
    providerExecuted: false
  }))
  return { ...state, history: History.append(state.history, [{ role: "tool", content }]), turn: { ...turn, calls: [] } }
}

const settled = (
  state: SessionState,
  turn: TurnState,
  { approval, reason, verdict }: NewSessionEventOf<"ApprovalSettled">
): SessionState => {
  const call = turn.calls.find((candidate) => candidate.approval === approval)
  if (call === undefined) return state
  const allowed = verdict === "allow" || verdict === "allowAlways"
  const next = withCall(state, turn, call.id, {
    status: allowed ? "allowed" : "declined",
    verdict: { verdict, reason }
  })
  if (verdict !== "allowAlways") return next
  return { ...next, alwaysAllowed: new Set([...state.alwaysAllowed, callKey(call.tool, call.input)]) }
}

const steered = (state: SessionState, turn: TurnState, joined: ReadonlyArray<number>): SessionState => {
  const { finished: _, ...rest } = turn
  const joining = new Set(joined)
  const joins = (message: WaitingMessage) => joining.has(message.seq)
  return {
    ...state,
    history: told(state, turn.steering.filter(joins)),
    turn: { ...rest, steering: turn.steering.filter((message) => !joins(message)) }
  }
}

const withCall = (state: SessionState, turn: TurnState, id: CallId, change: Partial<CallState>): SessionState => ({
  ...state,
  turn: { ...turn, calls: turn.calls.map((call) => (call.id === id ? { ...call, ...change } : call)) }
})

const told = (state: SessionState, messages: ReadonlyArray<WaitingMessage>): History.History =>
  History.append(state.history, messages.flatMap(History.spoken))
