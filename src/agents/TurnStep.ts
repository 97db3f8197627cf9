/**
 * What happens next in a session: one pure function of its state.
 *
 * Nothing else in the service knows how a turn goes on, and nothing knows whether it is being run for the first
 * time or after a crash: a start only appends `TurnResumed` where `underWay` says that something was cut off,
 * and decides like always.
 */
import type { CompactionReason } from "../domain/ContextEvent.ts"
import type { ApprovalId, CallId, TurnId } from "../domain/Ids.ts"
import type { Failure, NewSessionEventOf } from "../domain/SessionEvent.ts"
import type { EffectClass } from "../domain/ToolEffect.ts"
import { type Running, roomFor, withoutSummary } from "../sessions/Compaction.ts"
import { type Limits, limitOf } from "../sessions/Estimate.ts"
import type { CallState, SessionState, TurnState } from "../sessions/SessionLog.ts"
import { callKey } from "../sessions/TurnLog.ts"

/** What an agent's policy says of one tool call. */
export type Judgement =
  | { readonly _tag: "Run"; readonly effect: EffectClass }
  | { readonly _tag: "Ask"; readonly effect: EffectClass; readonly summary: string }
  | { readonly _tag: "Refuse"; readonly reason: string }

/** What `decide` has to know of the agent. `judge` is pure. */
export interface Policy {
  readonly maxSteps: number
  /** How often a turn may be resumed without getting any further before it is given up. */
  readonly maxResumes: number
  /** Why no turn can go on at all, for example because the agent is gone. */
  readonly hopeless?: Failure
  /** What the model takes in; without it nothing is ever left out. */
  readonly context?: Limits
  judge(tool: string, input: unknown): Judgement
}

export type Directive =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Wait" }
  | { readonly _tag: "StartTurn"; readonly turn: TurnId }
  | { readonly _tag: "Steer"; readonly turn: TurnId; readonly messages: ReadonlyArray<number> }
  | {
      readonly _tag: "CallModel"
      readonly turn: TurnId
      readonly step: number
      /** The provider is to be asked first whether the request has fewer tokens than this. */
      readonly limit?: number
    }
  | {
      readonly _tag: "Compact"
      readonly turn: TurnId
      readonly reason: CompactionReason
      readonly through: number
      /** What is to be summarised, and what there is room for. */
      readonly state: Running
      readonly limits: Limits
    }
  | { readonly _tag: "LeaveOut"; readonly event: NewSessionEventOf<"Compacted"> }
  | { readonly _tag: "RunTool"; readonly turn: TurnState; readonly call: CallState; readonly effect: EffectClass }
  | { readonly _tag: "QueryTool"; readonly turn: TurnState; readonly call: CallState; readonly effect: EffectClass }
  | { readonly _tag: "AskApproval"; readonly turn: TurnState; readonly call: CallState; readonly summary: string }
  | { readonly _tag: "DropApproval"; readonly turn: TurnId; readonly approval: ApprovalId }
  | {
      readonly _tag: "SettleCall"
      readonly turn: TurnState
      readonly call: CallId
      readonly outcome: "refused" | "cancelled" | "unknown"
      readonly output: string
    }
  | { readonly _tag: "GoOn"; readonly turn: TurnId; readonly cause: NewSessionEventOf<"ReplyContinued">["cause"] }
  | {
      readonly _tag: "EndTurn"
      readonly turn: TurnId
      readonly outcome: "completed" | "failed" | "cancelled"
      readonly failure?: Failure
      readonly cutShort?: "length"
    }

const texts = {
  unknown:
    "The service was interrupted while this call ran, and it is not known whether it took effect. It was not run " +
    "again. Find out before you repeat it, or ask the person.",
  cancelled: "The turn was cancelled before this call ended.",
  expired: "Nobody answered the request for approval in time, so the call was not run.",
  denied: "A person refused this call, so it was not run.",
  cutOff: "the summary was cut off again and again",
  overflow: "the model was sent more than it takes in, also after older parts of the conversation had been left out",
  malformed:
    "The input of this call is not valid JSON, or was cut off by the length limit of a reply, so it was not run. " +
    "Call again, with less input at once if there was much.",
  wordless: "the model used up its reply before it said anything; raise the agent's maxTokens",
  tooLarge: "this turn alone is more than the model takes in"
}

/** How often in a row a reply may break off, and may be gone on with at its length limit, within one turn. */
const mostCuts = 2
const mostContinued = 3

/** Whether the log says that the model or a tool is at work; at the start of an incarnation: was, and was cut off. */
export const underWay = ({ turn }: SessionState): boolean =>
  turn !== undefined && (turn.asking || turn.compacting || turn.calls.some((call) => call.status === "running"))

/** Whether what comes next is only to end what was cancelled, which nobody has to be there for. */
export const isGivenUp = ({ abandoned, turn }: SessionState): boolean =>
  turn === undefined ? abandoned.length > 0 : turn.cancelling !== undefined

/** The next thing to do. `Wait`: something is under way or a person is asked; `Idle`: the session is at rest. */
export const decide = (state: SessionState, policy: Policy): Directive => {
  const turn = state.turn
  const [abandoned] = state.abandoned
  if (abandoned !== undefined) return { _tag: "EndTurn", turn: abandoned, outcome: "cancelled" }
  if (turn === undefined) {
    const next = state.waiting[0]
    return next === undefined ? { _tag: "Idle" } : { _tag: "StartTurn", turn: next.turn }
  }
  if (turn.cancelling !== undefined) return wrapUp(turn, { _tag: "EndTurn", turn: turn.id, outcome: "cancelled" })
  if (policy.hopeless !== undefined) return wrapUp(turn, failed(turn, policy.hopeless.type, policy.hopeless.message))
  if (turn.resumes > policy.maxResumes) {
    return wrapUp(
      turn,
      failed(turn, "interrupted_repeatedly", `the turn was cut off ${turn.resumes} times at the same place`)
    )
  }
  if (turn.asking || turn.compacting) return { _tag: "Wait" }
  if (turn.calls.length > 0) return decideCalls(state, turn, policy)
  if (turn.steering.length > 0) {
    return { _tag: "Steer", turn: turn.id, messages: turn.steering.map((message) => message.seq) }
  }
  if (turn.broken !== undefined && turn.cuts > mostCuts) return failed(turn, turn.broken.reason, turn.broken.detail)
  if (turn.broken?.kept) return { _tag: "GoOn", turn: turn.id, cause: "cut" }
  return turn.finished === undefined || turn.finished === "pause"
    ? decideStep({ ...state, turn }, policy)
    : decideEnd(turn, turn.finished)
}

const decideStep = (state: Running, { context, maxResumes, maxSteps }: Policy): Directive => {
  const { turn } = state
  if (turn.step - turn.goneOn >= maxSteps)
    return failed(turn, "max_steps", `the turn reached its limit of ${maxSteps} steps`)
  if (turn.overflows > 1) return failed(turn, "context_overflow", texts.overflow)
  const call: Directive = { _tag: "CallModel", turn: turn.id, step: turn.step + 1 }
  if (context === undefined) return turn.overflowing ? failed(turn, "context_overflow", texts.overflow) : call
  const room = roomFor(state, context)
  switch (room._tag) {
    case "Enough":
      return room.count ? { ...call, limit: limitOf(context) } : call
    case "Summarise": {
      const { reason, through } = room
      return turn.resumes > 0 && turn.resumes >= maxResumes
        ? { _tag: "LeaveOut", event: withoutSummary(state, context, room, texts.cutOff) }
        : { _tag: "Compact", turn: turn.id, reason, through, state, limits: context }
    }
    case "LeaveOut":
      return room
    case "TooLarge":
      return failed(turn, "context_overflow", texts.tooLarge)
  }
}

const decideEnd = (turn: TurnState, reason: NonNullable<TurnState["finished"]>): Directive => {
  switch (reason) {
    case "content-filter":
      return failed(turn, "refused", refusal(turn.stop))
    case "length":
      if (!turn.spoke && turn.continued === 0) return failed(turn, "max_tokens", texts.wordless)
      return turn.spoke && turn.continued < mostContinued
        ? { _tag: "GoOn", turn: turn.id, cause: "length" }
        : { _tag: "EndTurn", turn: turn.id, outcome: "completed", cutShort: "length" }
    case "error":
      return failed(turn, "model_error", "the model ended its reply with an error")
    default:
      return { _tag: "EndTurn", turn: turn.id, outcome: "completed" }
  }
}

const refusal = (stop: TurnState["stop"]): string => {
  const category = stop?.category === undefined ? "" : ` (${stop.category})`
  const explanation = stop?.explanation === undefined ? "" : `: ${stop.explanation}`
  return `the model declined to answer${category}${explanation}`
}

const decideCalls = (state: SessionState, turn: TurnState, policy: Policy): Directive => {
  const alone = turn.calls.some((call) => call.status === "running" && call.effect === "unsafe")
  const busy = turn.calls.some((call) => call.status === "running")
  for (const call of turn.calls) {
    const directive = decideCall(state, turn, call, policy)
    if (directive === undefined) continue
    const acts = directive._tag === "RunTool" || directive._tag === "QueryTool"
    const waits = acts && (alone || (busy && directive.effect === "unsafe"))
    if (!waits) return directive
  }
  return { _tag: "Wait" }
}

const decideCall = (state: SessionState, turn: TurnState, call: CallState, policy: Policy): Directive | undefined => {
  switch (call.status) {
    case "asked":
      return decideAsked(state, turn, call, policy)
    case "allowed":
      return decideAllowed(turn, call, policy.judge(call.tool, call.input))
    case "declined":
      return settle(turn, call, "refused", declined(call))
    case "cut":
      return decideCut(turn, call)
    case "awaiting":
    case "running":
    case "returned":
      return undefined
  }
}

const decideAsked = (state: SessionState, turn: TurnState, call: CallState, policy: Policy): Directive => {
  if (call.malformed) return settle(turn, call, "refused", texts.malformed)
  const judgement = policy.judge(call.tool, call.input)
  return judgement._tag === "Ask" && !state.alwaysAllowed.has(callKey(call.tool, call.input))
    ? { _tag: "AskApproval", turn, call, summary: judgement.summary }
    : decideAllowed(turn, call, judgement)
}

const decideAllowed = (turn: TurnState, call: CallState, judgement: Judgement): Directive =>
  judgement._tag === "Refuse"
    ? settle(turn, call, "refused", judgement.reason)
    : { _tag: "RunTool", turn, call, effect: judgement.effect }

const decideCut = (turn: TurnState, call: CallState): Directive => {
  switch (call.effect) {
    case "pure":
    case "idempotent":
      return { _tag: "RunTool", turn, call, effect: call.effect }
    case "queryable":
      return { _tag: "QueryTool", turn, call, effect: call.effect }
    default:
      return settle(turn, call, "unknown", texts.unknown)
  }
}

/** Before a turn ends early, every open approval is dropped and every open call gets its result. */
const wrapUp = (turn: TurnState, end: Directive): Directive => {
  const open = turn.calls.find((call) => call.status !== "returned")
  if (open === undefined) return end
  if (open.status === "awaiting" && open.approval !== undefined) {
    return { _tag: "DropApproval", turn: turn.id, approval: open.approval }
  }
  const started = open.status === "cut" || open.status === "running"
  return started && open.effect === "unsafe"
    ? settle(turn, open, "unknown", texts.unknown)
    : settle(turn, open, "cancelled", texts.cancelled)
}

const settle = (
  turn: TurnState,
  call: CallState,
  outcome: "refused" | "cancelled" | "unknown",
  output: string
): Directive => ({ _tag: "SettleCall", turn, call: call.id, outcome, output })

const failed = (turn: TurnState, type: string, message: string): Directive => ({
  _tag: "EndTurn",
  turn: turn.id,
  outcome: "failed",
  failure: { type, message }
})

const declined = ({ verdict }: CallState): string => {
  if (verdict?.verdict === "expired") return texts.expired
  return verdict?.reason === undefined ? texts.denied : `${texts.denied} Their reason: ${verdict.reason}`
}
