/** Short ways to say what happened in a turn, for tests that fold events. Turns are named by one letter, calls too. */
import type { Response } from "effect/ai"
import type { Settlement } from "../../src/domain/Approval.ts"
import { AgentId, ApprovalId, CallId, TurnId } from "../../src/domain/Ids.ts"
import { blank } from "../../src/domain/Note.ts"
import type { PriorMessage } from "../../src/domain/PriorMessage.ts"
import type { NewSessionEvent, NewSessionEventOf } from "../../src/domain/SessionEvent.ts"
import type { EffectClass } from "../../src/domain/ToolEffect.ts"

export const main = AgentId.make("main")

export const said = (turn: string, text = "hello", preceding?: ReadonlyArray<PriorMessage>): NewSessionEvent => ({
  type: "MessageAccepted",
  turn: TurnId.make(turn),
  agent: main,
  channel: "test",
  text,
  ...(preceding && { preceding })
})

export const started = (turn: string): NewSessionEvent => ({
  type: "TurnStarted",
  turn: TurnId.make(turn),
  agent: main,
  generation: 1,
  model: "fake/model"
})

export const resumed = (turn: string): NewSessionEvent => ({ type: "TurnResumed", turn: TurnId.make(turn) })

export const called = (turn: string, step: number): NewSessionEvent => ({
  type: "ModelCalled",
  turn: TurnId.make(turn),
  step,
  model: "fake/model"
})

export const usage: NewSessionEventOf<"ModelReplied">["usage"] = {
  inputTokens: { uncached: 1, total: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 }
}

/** What the model says: a text, or the tools it calls by the ids of the calls, each with the input `{}`. */
export const contentOf = (
  what: string | Readonly<Record<string, string>>
): NewSessionEventOf<"ModelReplied">["content"] => {
  if (typeof what !== "string") {
    return Object.entries(what).map(([id, name]) => ({
      type: "tool-call",
      id,
      name,
      params: {},
      providerExecuted: false
    }))
  }
  return what === "" ? [] : [{ type: "text", text: what }]
}

/** The model's whole reply. */
export const replied = (
  turn: string,
  step: number,
  what: string | Readonly<Record<string, string>>,
  finishReason: Response.FinishReason = typeof what === "string" ? "stop" : "tool-calls"
): NewSessionEventOf<"ModelReplied"> => ({
  type: "ModelReplied",
  turn: TurnId.make(turn),
  step,
  content: contentOf(what),
  finishReason,
  usage
})

/** A reply that broke off; `text` is what is kept of it. */
export const brokeOff = (turn: string, step: number, text = ""): NewSessionEvent => ({
  type: "ReplyCut",
  turn: TurnId.make(turn),
  step,
  text,
  reason: "stream_cut",
  detail: "the connection broke during the answer"
})

export const continued = (turn: string, cause: "cut" | "length"): NewSessionEvent => ({
  type: "ReplyContinued",
  turn: TurnId.make(turn),
  cause
})

export const toolCalled = (turn: string, step: number, call: string, effect: EffectClass): NewSessionEvent => ({
  type: "ToolCalled",
  turn: TurnId.make(turn),
  step,
  call: CallId.make(call),
  tool: effect,
  input: {},
  effect,
  key: `s/${turn}/${step}/${call}`
})

export const returned = (
  turn: string,
  step: number,
  call: string,
  outcome: NewSessionEventOf<"ToolReturned">["outcome"] = "succeeded"
): NewSessionEventOf<"ToolReturned"> => ({
  type: "ToolReturned",
  turn: TurnId.make(turn),
  step,
  call: CallId.make(call),
  outcome,
  output: `${call} ${outcome}`
})

export const asked = (turn: string, call: string): NewSessionEvent => ({
  type: "ApprovalAsked",
  turn: TurnId.make(turn),
  approval: ApprovalId.make(`approval-${call}`),
  agent: main,
  call: CallId.make(call),
  tool: "risky",
  summary: "something risky",
  expiresAt: "2030-01-01T00:00:00.000Z"
})

export const settled = (turn: string, call: string, verdict: Settlement, reason?: string): NewSessionEvent => ({
  type: "ApprovalSettled",
  turn: TurnId.make(turn),
  approval: ApprovalId.make(`approval-${call}`),
  verdict,
  ...(reason !== undefined && { reason })
})

export const steered = (turn: string, ...messages: ReadonlyArray<number>): NewSessionEvent => ({
  type: "Steered",
  turn: TurnId.make(turn),
  messages
})

export const overflowed = (turn: string, step: number): NewSessionEvent => ({
  type: "ContextOverflowed",
  turn: TurnId.make(turn),
  step,
  detail: "prompt is too long"
})

export const measured = (turn: string, step: number, tokens: number): NewSessionEvent => ({
  type: "ContextMeasured",
  turn: TurnId.make(turn),
  step,
  tokens
})

export const compacting = (turn: string, through: number): NewSessionEvent => ({
  type: "CompactionStarted",
  turn: TurnId.make(turn),
  reason: "window",
  through
})

/** A summary of everything up to event `through`, as one fact. */
export const compacted = (
  turn: string,
  through: number,
  fact: string,
  more: Partial<NewSessionEventOf<"Compacted">> = {}
): NewSessionEventOf<"Compacted"> => ({
  type: "Compacted",
  turn: TurnId.make(turn),
  reason: "window",
  method: "summarised",
  through,
  outputs: 0,
  note: { ...blank, facts: [fact] },
  carried: { agent: main, waiting: [], allowed: [], pinned: [], settings: {} },
  before: 100,
  after: 10,
  ...more
})

export const pinned = (event: number, text: string): NewSessionEventOf<"Pinned"> => ({
  type: "Pinned",
  pin: { event, role: "user", text }
})

export const unpinned = (event: number): NewSessionEvent => ({ type: "Unpinned", event })

/** A whole turn of five events: a message, and a text in answer to it. */
export const turn = (name: string, text = "hello", answer = "hi"): ReadonlyArray<NewSessionEvent> => [
  said(name, text),
  started(name),
  called(name, 1),
  replied(name, 1, answer),
  ended(name)
]

export const cancelRequested = (turn: string): NewSessionEvent => ({
  type: "CancelRequested",
  turn: TurnId.make(turn),
  reason: "the person said stop"
})

export const ended = (
  turn: string,
  outcome: NewSessionEventOf<"TurnEnded">["outcome"] = "completed",
  type?: string
): NewSessionEventOf<"TurnEnded"> => ({
  type: "TurnEnded",
  turn: TurnId.make(turn),
  outcome,
  ...(type !== undefined && { failure: { type, message: type } })
})
