/**
 * What an event means for the turn it is part of: the part of the fold that is about models, tools and approvals.
 *
 * A result joins the history together with those of all other calls of its step, so that nothing ever stands between calls
 * and their results.
 */
import * as Schema from "effect/Schema"
import type { Prompt } from "effect/ai"
import type { CallId } from "../domain/Ids.ts"
import type { NewSessionEvent, NewSessionEventOf } from "../domain/SessionEvent.ts"
import * as History from "./History.ts"
import type { CallState, Measure, SessionState, TurnState, WaitingMessage } from "./SessionState.ts"
import { compacted } from "./Window.ts"

/** What makes two calls the same to a person who says "always": the tool and everything it was asked to do. */
export const callKey = (tool: string, input: unknown): string => `${tool} ${JSON.stringify(input)}`

type BetweenTurns =
  | "MessageAccepted"
  | "TurnStarted"
  | "TurnEnded"
  | "CancelRequested"
  | "SessionConfigured"
  | "Pinned"
  | "Unpinned"
  | "SessionRenamed"
  | "SessionForked"
  | "SessionImported"

/** The state of a session in the middle of a turn after an event of that turn. */
export const inTurn = (
  state: SessionState,
  turn: TurnState,
  event: Exclude<NewSessionEvent, { readonly type: BetweenTurns }>
): SessionState => {
  switch (event.type) {
    case "TurnResumed":
      return { ...state, turn: resumed(turn) }
    case "ModelCalled": {
      return { ...state, turn: { ...afresh(turn), asking: true, step: event.step } }
    }
    case "ReplyCut":
      return cut(state, turn, event)
    case "ReplyContinued": {
      const history = History.append(state.history, state.seq + 1, [
        { role: "user", content: [{ type: "text", text: goOn }] }
      ])
      const continued = turn.continued + (event.cause === "length" ? 1 : 0)
      return { ...state, history, turn: { ...afresh(turn), goneOn: turn.goneOn + 1, continued } }
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
    case "ContextMeasured":
      return { ...state, measure: { tokens: event.tokens, size: state.history.size }, turn: unasked(turn) }
    case "ContextOverflowed":
      return { ...state, turn: { ...unasked(turn), overflows: turn.overflows + 1, overflowing: true } }
    case "CompactionStarted":
      return { ...state, turn: { ...turn, compacting: true } }
    case "Compacted":
      return compacted(state, turn, event)
  }
}

/** Nothing of the last reply is left to be considered. */
const afresh = ({ broken: _, finished: __, spoke: ___, stop: ____, ...turn }: TurnState): TurnState => turn

/** What the model is told behind what it had said. */
export const goOn = "[Your reply was cut off here. Go on exactly where it stops, and repeat nothing of it.]"

/** What the model had said of the reply it is asked to go on with, however often it was; empty if it begins a new one. */
export const toGoOnWith = ({ newest }: History.History): string => {
  let said = ""
  let note = newest
  while (note?.before !== undefined && textIn(note.message) === goOn) {
    said = textIn(note.before.message) + said
    note = note.before.before
  }
  return said
}

const textIn = ({ content }: Prompt.MessageEncoded): string =>
  typeof content === "string"
    ? content
    : content.reduce((text: string, part) => (part.type === "text" ? text + part.text : text), "")

const cut = (
  state: SessionState,
  turn: TurnState,
  { detail, reason, text }: NewSessionEventOf<"ReplyCut">
): SessionState => {
  const kept = text !== ""
  const next = { ...turn, asking: false, broken: { reason, detail, kept }, cuts: turn.cuts + 1 }
  if (!kept) return { ...state, turn: { ...next, goneOn: turn.goneOn + 1 } }
  const history = History.append(state.history, state.seq + 1, [
    { role: "assistant", content: [{ type: "text", text }] }
  ])
  return { ...state, history, turn: next }
}

/** A step that came to nothing is taken again under the same number. */
const unasked = (turn: TurnState): TurnState => (turn.asking ? { ...turn, asking: false, step: turn.step - 1 } : turn)

/** A model call that was cut off is made again as the same step; a tool call is marked, for `decide` to judge. */
const resumed = (turn: TurnState): TurnState => ({
  ...unasked(turn),
  compacting: false,
  resumes: turn.resumes + 1,
  calls: turn.calls.map((call) => (call.status === "running" ? { ...call, status: "cut" } : call))
})

const replied = (
  state: SessionState,
  turn: TurnState,
  { content: whole, finishReason, id, model, stop, usage }: NewSessionEventOf<"ModelReplied">
): SessionState => {
  // What was refused in the middle is not done, and would have the next turn refused as well.
  const content = finishReason === "content-filter" ? [] : whole
  const calls = content.flatMap(
    (part): ReadonlyArray<CallState> =>
      part.type === "tool-call" && part.providerExecuted !== true
        ? [{ id: part.id as CallId, tool: part.name, input: part.params, status: "asked", ...soundness(part.options) }]
        : []
  )
  const said = content.length === 0 ? [] : [{ role: "assistant" as const, content }]
  const history = History.append(state.history, state.seq + 1, said)
  const spoke = content.some((part) => part.type === "text")
  const finished = calls.length === 0 ? { finished: finishReason, spoke } : {}
  return {
    ...state,
    history,
    ...measured(usage, history.size),
    ...(id === undefined ? {} : { lastReply: id }),
    ...(model === undefined ? {} : { answeredBy: model }),
    turn: {
      ...turn,
      asking: false,
      overflows: 0,
      overflowing: false,
      cuts: 0,
      continued: finishReason === "length" ? turn.continued : 0,
      resumes: 0,
      calls,
      ...finished,
      ...(stop === undefined ? {} : { stop })
    }
  }
}

const isUnparsed = Schema.is(Schema.Struct({ unparsedInput: Schema.String }))

/** Providers keep what they could not read of a call's input under this name. */
const soundness = (options: Prompt.ToolCallPartEncoded["options"]): Pick<CallState, "malformed"> =>
  Object.values(options ?? {}).some(isUnparsed) ? { malformed: true } : {}

/** What went in and came out is what the next request begins with. */
const measured = (
  { inputTokens, outputTokens }: NewSessionEventOf<"ModelReplied">["usage"],
  size: number
): { readonly measure?: Measure } =>
  inputTokens.total === undefined ? {} : { measure: { tokens: inputTokens.total + (outputTokens.total ?? 0), size } }

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
  const history = History.append(state.history, state.seq + 1, [{ role: "tool", content }])
  return { ...state, history, turn: { ...turn, calls: [] } }
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
  const joining = new Set(joined)
  const joins = (message: WaitingMessage) => joining.has(message.seq)
  return {
    ...state,
    history: told(state, turn.steering.filter(joins)),
    turn: { ...afresh(turn), steering: turn.steering.filter((message) => !joins(message)) }
  }
}

const withCall = (state: SessionState, turn: TurnState, id: CallId, change: Partial<CallState>): SessionState => ({
  ...state,
  turn: { ...turn, calls: turn.calls.map((call) => (call.id === id ? { ...call, ...change } : call)) }
})

/** The history once these messages have been told to the model. */
export const told = (state: SessionState, messages: ReadonlyArray<WaitingMessage>): History.History =>
  messages.reduce(
    (history, message) => History.append(history, state.seq + 1, History.spoken(message), message.seq),
    state.history
  )
