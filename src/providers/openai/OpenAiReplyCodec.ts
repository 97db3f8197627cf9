/**
 * From the chunks of a chat completion to the parts every provider streams: a pure fold.
 *
 * An answer is complete at `[DONE]`, or when its body ends after a finish reason, as some servers leave either out. Tool
 * calls are handed on whole at that point. Only the first choice is read: we never ask for more.
 */
import * as Result from "effect/Result"
import * as Response from "effect/ai/Response"
import type { ProviderPart } from "../Provider.ts"
import { type Delta, decodeEvent, filteredIn, type OpenAiEvent, type Usage } from "./OpenAiEvent.ts"
import * as ToolCalls from "./OpenAiToolCalls.ts"

/** How far an answer has come. `finished` once everything it has to say is said. */
export interface ReplyState {
  /** Whether anything was read at all. */
  readonly begun: boolean
  readonly open: { readonly type: "text" | "reasoning"; readonly id: string } | undefined
  /** How many texts and thoughts there were. */
  readonly blocks: number
  readonly calls: ToolCalls.ToolCalls
  /** What was said instead of an answer. */
  readonly refusal: string
  /** What a server's own filter objected to. */
  readonly filtered: ReadonlyArray<string>
  readonly finishReason: string | undefined
  readonly usage: Usage | undefined
  readonly finished: boolean
}

/** `seed` is part of the ids of tool calls that come without one: it must differ from call to call. */
export const initial = (seed: string): ReplyState => ({
  begun: false,
  open: undefined,
  blocks: 0,
  calls: ToolCalls.initial(seed),
  refusal: "",
  filtered: [],
  finishReason: undefined,
  usage: undefined,
  finished: false
})

/** Why an answer is no reply: what the server said went wrong, or what is wrong with it in our words. */
export type Break =
  | { readonly error: unknown }
  | { readonly reason: "invalid_response" | "stream_cut"; readonly detail: string }

/** What some events amount to, up to the one that broke the answer off. */
export interface Reading {
  readonly state: ReplyState
  readonly parts: ReadonlyArray<ProviderPart>
  readonly broken?: Break
}

const cut: Break = { reason: "stream_cut", detail: "the answer ended before it was complete" }

/** Reads the `data` of events in order. How they are grouped makes no difference to what is read. */
export const read = (before: ReplyState, events: Iterable<string>): Reading => {
  const parts: Array<ProviderPart> = []
  let state = before
  for (const data of events) {
    const event = decodeEvent(data)
    if (Result.isFailure(event)) {
      return { state, parts, broken: { reason: "invalid_response", detail: event.failure } }
    }
    if (event.success.type === "error") return { state, parts, broken: event.success }
    if (event.success.type === "done") {
      const { parts: last, ...rest } = isSilent(state) ? { state, parts: [], broken: cut } : complete(state)
      return { ...rest, parts: [...parts, ...last] }
    }
    const [next, added] = step(state, event.success)
    for (const part of added) parts.push(part)
    state = next
  }
  return { state, parts }
}

/** The body is over: what is left to say, unless the answer was cut off. */
export const end = (state: ReplyState): Reading => {
  if (state.finished) return { state, parts: [] }
  return isWhole(state) ? complete(state) : { state, parts: [], broken: cut }
}

/** Whether all but the usage is there, so that it does not matter how the body ends. */
export const isWhole = (state: ReplyState): boolean => state.finishReason !== undefined

const isSilent = (state: ReplyState): boolean => !isWhole(state) && state.blocks === 0 && ToolCalls.isEmpty(state.calls)

type Step = readonly [ReplyState, ReadonlyArray<ProviderPart>]

const step = (state: ReplyState, { chunk, usage }: Extract<OpenAiEvent, { readonly type: "chunk" }>): Step => {
  const parts: Array<ProviderPart> = []
  const choice = chunk.choices?.find(({ index }) => (index ?? 0) === 0)
  const finishReason = choice?.finish_reason || state.finishReason
  const filtered = [...state.filtered, ...filteredIn(choice?.content_filter_results)]
  let next: ReplyState = { ...state, begun: true, finishReason, filtered, usage: usage ?? state.usage }
  if (!state.begun) {
    const named = {
      ...(chunk.id ? { id: chunk.id } : undefined),
      ...(chunk.model ? { modelId: chunk.model } : undefined)
    }
    parts.push(Response.makePart("response-metadata", named))
  }
  if (choice?.delta != null) next = hear(next, choice.delta, parts)
  return [next, parts]
}

const hear = (before: ReplyState, delta: Delta, parts: Array<ProviderPart>): ReplyState => {
  const { content, reasoning, reasoning_content, refusal, tool_calls } = delta
  let state = extend(before, "reasoning", reasoning_content || reasoning, parts)
  state = extend(state, "text", content, parts)
  state = extend(state, "text", refusal, parts)
  if (refusal) state = { ...state, refusal: state.refusal + refusal }
  if (tool_calls == null || tool_calls.length === 0) return state
  const calls = ToolCalls.extend(state.calls, tool_calls, parts)
  return { ...state, calls }
}

/** Texts and thoughts follow each other: where one begins the other ends. */
const extend = (
  state: ReplyState,
  type: "text" | "reasoning",
  delta: string | null | undefined,
  parts: Array<ProviderPart>
): ReplyState => {
  if (!delta) return state
  if (state.open?.type === type) {
    parts.push(Response.makePart(`${type}-delta`, { id: state.open.id, delta }))
    return state
  }
  const id = String(state.blocks)
  parts.push(...close(state), Response.makePart(`${type}-start`, { id }))
  parts.push(Response.makePart(`${type}-delta`, { id, delta }))
  return { ...state, open: { type, id }, blocks: state.blocks + 1 }
}

const close = ({ open }: ReplyState): ReadonlyArray<ProviderPart> =>
  open === undefined ? [] : [Response.makePart(`${open.type}-end`, { id: open.id })]

const complete = (state: ReplyState): Reading => {
  const calls = ToolCalls.complete(state.calls, state.finishReason === "length")
  if (Result.isFailure(calls)) {
    return { state, parts: [], broken: { reason: "invalid_response", detail: calls.failure } }
  }
  const parts = [...close(state), ...calls.success, finish(state)]
  return { state: { ...state, open: undefined, finished: true }, parts }
}

const finish = (state: ReplyState): ProviderPart =>
  Response.makePart("finish", {
    reason: reasonOf(state),
    usage: totals(state.usage),
    metadata: { openai: { finishReason: state.finishReason ?? null, ...stopOf(state) } }
  })

/** Why the model would not answer, where it said so. */
const stopOf = ({ filtered, refusal }: ReplyState) => ({
  ...(filtered.length === 0 ? undefined : { category: Array.from(new Set(filtered)).join(", ") }),
  ...(refusal === "" ? undefined : { explanation: refusal })
})

/** Some servers say `stop`, or nothing, where tools are called; a refusal is no answer even where they say `stop`. */
const reasonOf = ({ calls, finishReason, refusal }: ReplyState): Response.FinishReason => {
  switch (finishReason) {
    case "length":
      return "length"
    case "content_filter":
      return "content-filter"
    case "error":
      return "error"
    case "stop":
    case "tool_calls":
    case "function_call":
    case undefined:
      if (refusal !== "") return "content-filter"
      if (!ToolCalls.isEmpty(calls)) return "tool-calls"
      return finishReason === undefined ? "unknown" : "stop"
    default:
      return "other"
  }
}

/** `prompt_tokens` counts what the cache gave as well. What a server does not tell stays unknown. */
const totals = (usage: Usage | undefined): Response.Usage => {
  const total = usage?.prompt_tokens ?? undefined
  const cacheRead = usage?.prompt_tokens_details?.cached_tokens ?? usage?.prompt_cache_hit_tokens ?? undefined
  const cacheWrite = usage?.prompt_tokens_details?.cache_write_tokens ?? undefined
  const uncached = total === undefined ? undefined : Math.max(0, total - (cacheRead ?? 0) - (cacheWrite ?? 0))
  const output = usage?.completion_tokens ?? undefined
  const reasoning = usage?.completion_tokens_details?.reasoning_tokens ?? undefined
  const text = output === undefined || reasoning === undefined ? undefined : Math.max(0, output - reasoning)
  return new Response.Usage({
    inputTokens: { uncached, total, cacheRead, cacheWrite },
    outputTokens: { total: output, text, reasoning }
  })
}
