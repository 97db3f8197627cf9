/** Between a turn's events and the shapes of OpenAI's chat completions. Pure. */
import { type SessionEvent, type SessionEventOf, textOf } from "../domain/SessionEvent.ts"

/** What a turn has come to so far, for the client that waits for it. */
export interface Outcome {
  readonly text: string
  /** Whether the next reply goes on in the middle of this text. */
  readonly goesOn: boolean
  readonly finish: "stop" | "length" | "content_filter"
  readonly promptTokens: number
  readonly completionTokens: number
  readonly ended?: SessionEventOf<"TurnEnded">
}

export const nothingYet: Outcome = { text: "", goesOn: false, finish: "stop", promptTokens: 0, completionTokens: 0 }

/** What stands between the text so far and the next reply. */
export const gapAfter = ({ goesOn, text }: Outcome): string => (goesOn || text === "" ? "" : "\n\n")

/**
 * Adds one event of the turn. The text is what the model said in all its replies, a blank line between two; one that was
 * cut off and the next are one.
 */
export const gather = (outcome: Outcome, event: SessionEvent): Outcome => {
  if (event.type === "TurnEnded") return { ...outcome, ended: event }
  if (event.type === "ReplyContinued") return { ...outcome, goesOn: true }
  if (event.type !== "ModelReplied" && event.type !== "ReplyCut") return outcome
  const said = textOf(event)
  const text = said === "" ? outcome.text : `${outcome.text}${gapAfter(outcome)}${said}`
  if (event.type === "ReplyCut") return { ...outcome, text }
  return {
    text,
    goesOn: false,
    finish: finishOf(event.finishReason),
    promptTokens: outcome.promptTokens + (event.usage.inputTokens.total ?? 0),
    completionTokens: outcome.completionTokens + (event.usage.outputTokens.total ?? 0)
  }
}

const finishOf = (reason: SessionEventOf<"ModelReplied">["finishReason"]): Outcome["finish"] => {
  if (reason === "length") return "length"
  return reason === "content-filter" ? "content_filter" : "stop"
}

const usageOf = ({ completionTokens, promptTokens }: Outcome) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens
})

/** What every answer to one request has in common. `created` is in seconds since the epoch. */
export interface Answering {
  readonly id: string
  readonly model: string
  readonly created: number
}

export const completion = (answering: Answering, outcome: Outcome) => ({
  ...answering,
  object: "chat.completion" as const,
  choices: [
    { index: 0, message: { role: "assistant" as const, content: outcome.text }, finish_reason: outcome.finish }
  ],
  usage: usageOf(outcome)
})

export const chunk = (
  answering: Answering,
  delta: { readonly role?: "assistant"; readonly content?: string },
  finish: Outcome["finish"] | null = null
) => ({
  ...answering,
  object: "chat.completion.chunk" as const,
  choices: [{ index: 0, delta, finish_reason: finish }]
})

export const usageChunk = (answering: Answering, outcome: Outcome) => ({
  ...answering,
  object: "chat.completion.chunk" as const,
  choices: [],
  usage: usageOf(outcome)
})

/** Why a turn has no answer: a status, a name for programs and a sentence for people. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly detail: string
}

/** What OpenAI has 429 for: too much at once, and too much money. */
const limits: ReadonlyArray<string> = ["rate_limited", "spend_limit"]

/** What became of a turn instead of an answer; none when it has one. */
export const refusalOf = ({ ended }: Outcome): Refusal | undefined => {
  if (ended === undefined) {
    return { status: 503, type: "interrupted", detail: "the service is stopping; the turn goes on when it is back" }
  }
  if (ended.failure !== undefined) {
    const { message, type } = ended.failure
    return { status: limits.includes(type) ? 429 : 502, type, detail: message }
  }
  return ended.outcome === "completed"
    ? undefined
    : { status: 409, type: "cancelled", detail: "the turn was cancelled" }
}

/** The refusal as OpenAI's clients expect errors, with the problem's own fields beside. */
export const failure = ({ detail, status, type }: Refusal) => ({
  type: "about:blank",
  title: "The turn failed",
  status,
  detail,
  error: { message: detail, type, param: null, code: type }
})
