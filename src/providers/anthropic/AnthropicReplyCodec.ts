/**
 * From the events of an Anthropic answer to the parts every provider streams: a pure fold.
 *
 * Thinking keeps its signature (`metadata.anthropic.signature`, or `redactedData`) so that it can be sent back
 * unmodified. Tools that ran on the vendor's side, citations and unknown blocks leave no part behind.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Response from "effect/ai/Response"
import type { ProviderPart } from "../Provider.ts"
import {
  type AnthropicEvent,
  type ContentBlock,
  type ContentDelta,
  decodeEvent,
  type ErrorBody,
  type Usage
} from "./AnthropicEvent.ts"

type Block =
  | { readonly type: "text"; readonly id: string }
  | { readonly type: "thinking"; readonly id: string; readonly signature: string | undefined }
  | { readonly type: "redacted"; readonly id: string }
  | {
      readonly type: "tool"
      readonly id: string
      readonly name: string
      readonly input: unknown
      readonly json: string
    }

/** How far an answer has come. `finished` once everything it has to say is said. */
export interface ReplyState {
  readonly open: ReadonlyMap<number, Block>
  readonly usage: Usage
  readonly stopReason: string | undefined
  readonly explanation: string | undefined
  readonly finished: boolean
}

export const initial: ReplyState = {
  open: new Map(),
  usage: {},
  stopReason: undefined,
  explanation: undefined,
  finished: false
}

/** Why an answer is no reply: what the API said in an `error` event, or what is wrong with it in our words. */
export type Break = ErrorBody | { readonly reason: "invalid_response" | "context_overflow"; readonly detail: string }

/** What some events amount to, up to the one that broke the answer off. */
export interface Reading {
  readonly state: ReplyState
  readonly parts: ReadonlyArray<ProviderPart>
  readonly broken?: Break
}

/** The model filled its window while it spoke: what it had left to say is missing. */
const windowFull: Break = {
  reason: "context_overflow",
  detail: "the reply was cut off because the conversation and the reply together fill the model's context window"
}

/** Reads the `data` of events in order. How they are grouped makes no difference to what is read. */
export const read = (before: ReplyState, events: Iterable<string>): Reading => {
  const parts: Array<ProviderPart> = []
  let state = before
  for (const data of events) {
    const event = decodeEvent(data)
    if (Result.isFailure(event)) {
      return { state, parts, broken: { reason: "invalid_response", detail: event.failure } }
    }
    if (event.success === undefined) continue
    if (event.success.type === "error") return { state, parts, broken: event.success }
    if (event.success.type === "message_stop" && state.stopReason === "model_context_window_exceeded") {
      return { state, parts, broken: windowFull }
    }
    const [next, added] = step(state, event.success)
    for (const part of added) parts.push(part)
    state = next
  }
  return { state, parts }
}

type Step = readonly [ReplyState, ReadonlyArray<ProviderPart>]

const step = (state: ReplyState, event: Exclude<AnthropicEvent, ErrorBody>): Step => {
  switch (event.type) {
    case "message_start": {
      const { id, model, usage } = event.message
      const part = Response.makePart("response-metadata", {
        ...(id == null ? undefined : { id }),
        ...(model == null ? undefined : { modelId: model })
      })
      return [{ ...state, usage: cumulate(state.usage, usage) }, [part]]
    }
    case "content_block_start":
      return startBlock(state, event.index, event.content_block)
    case "content_block_delta": {
      const block = state.open.get(event.index)
      return block === undefined ? [state, []] : extendBlock(state, event.index, block, event.delta)
    }
    case "content_block_stop": {
      const block = state.open.get(event.index)
      return block === undefined ? [state, []] : [withBlock(state, event.index, undefined), endBlock(block)]
    }
    case "message_delta": {
      const stopReason = event.delta.stop_reason ?? state.stopReason
      const explanation = event.delta.stop_details?.explanation ?? state.explanation
      return [{ ...state, stopReason, explanation, usage: cumulate(state.usage, event.usage) }, []]
    }
    case "message_stop":
      return [{ ...state, finished: true }, [finish(state)]]
  }
}

const withBlock = (state: ReplyState, index: number, block: Block | undefined): ReplyState => {
  const open = new Map(state.open)
  if (block === undefined) open.delete(index)
  else open.set(index, block)
  return { ...state, open }
}

const startBlock = (state: ReplyState, index: number, block: ContentBlock): Step => {
  const id = String(index)
  switch (block.type) {
    case "text":
      return [
        withBlock(state, index, { type: "text", id }),
        [Response.makePart("text-start", { id }), ...textDelta(id, block.text)]
      ]
    case "thinking":
      return [
        withBlock(state, index, { type: "thinking", id, signature: block.signature || undefined }),
        [Response.makePart("reasoning-start", { id }), ...reasoningDelta(id, block.thinking)]
      ]
    case "redacted_thinking": {
      const metadata = { anthropic: { redactedData: block.data ?? "" } }
      return [
        withBlock(state, index, { type: "redacted", id }),
        [Response.makePart("reasoning-start", { id, metadata })]
      ]
    }
    case "tool_use": {
      const tool = { id: block.id ?? "", name: block.name ?? "" }
      return [
        withBlock(state, index, { type: "tool", ...tool, input: block.input, json: "" }),
        [Response.makePart("tool-params-start", { ...tool, providerExecuted: false })]
      ]
    }
    default:
      return [state, []]
  }
}

const extendBlock = (state: ReplyState, index: number, block: Block, delta: ContentDelta): Step => {
  switch (delta.type) {
    case "text_delta":
      return [state, block.type === "text" ? textDelta(block.id, delta.text) : []]
    case "thinking_delta":
      return [state, block.type === "thinking" ? reasoningDelta(block.id, delta.thinking) : []]
    case "signature_delta":
      return block.type === "thinking" && delta.signature !== undefined
        ? [withBlock(state, index, { ...block, signature: delta.signature }), []]
        : [state, []]
    case "input_json_delta":
      return block.type === "tool" && delta.partial_json
        ? [
            withBlock(state, index, { ...block, json: block.json + delta.partial_json }),
            [Response.makePart("tool-params-delta", { id: block.id, delta: delta.partial_json })]
          ]
        : [state, []]
    default:
      return [state, []]
  }
}

const endBlock = (block: Block): ReadonlyArray<ProviderPart> => {
  switch (block.type) {
    case "text":
      return [Response.makePart("text-end", { id: block.id })]
    case "thinking": {
      const metadata = block.signature === undefined ? {} : { anthropic: { signature: block.signature } }
      return [Response.makePart("reasoning-end", { id: block.id, metadata })]
    }
    case "redacted":
      return [Response.makePart("reasoning-end", { id: block.id })]
    case "tool":
      return [Response.makePart("tool-params-end", { id: block.id }), toolCall(block)]
  }
}

const textDelta = (id: string, delta: string | null | undefined): ReadonlyArray<ProviderPart> =>
  delta ? [Response.makePart("text-delta", { id, delta })] : []

const reasoningDelta = (id: string, delta: string | null | undefined): ReadonlyArray<ProviderPart> =>
  delta ? [Response.makePart("reasoning-delta", { id, delta })] : []

const JsonObject = Schema.Record(Schema.String, Schema.Json)
const decodeInput = Schema.decodeUnknownOption(JsonObject)
const parseInput = Schema.decodeUnknownOption(Schema.fromJsonString(JsonObject))

/**
 * Input that is no JSON object was cut off by the token limit: the call goes on without parameters and says so
 * in `metadata.anthropic.unparsedInput`, which holds what the model wrote.
 */
const toolCall = (block: Extract<Block, { readonly type: "tool" }>): ProviderPart => {
  const { id, name } = block
  const params = block.json === "" ? decodeInput(block.input ?? {}) : parseInput(block.json)
  const metadata = Option.isSome(params) ? {} : { anthropic: { unparsedInput: block.json } }
  const call = { id, name, params: Option.getOrElse(params, () => ({})), providerExecuted: false, metadata }
  return Response.makePart("tool-call", call)
}

const cumulate = (before: Usage, now: Usage | null | undefined): Usage => ({
  input_tokens: now?.input_tokens ?? before.input_tokens,
  cache_creation_input_tokens: now?.cache_creation_input_tokens ?? before.cache_creation_input_tokens,
  cache_read_input_tokens: now?.cache_read_input_tokens ?? before.cache_read_input_tokens,
  output_tokens: now?.output_tokens ?? before.output_tokens,
  output_tokens_details: now?.output_tokens_details ?? before.output_tokens_details
})

const finish = (state: ReplyState): ProviderPart =>
  Response.makePart("finish", {
    reason: finishReason(state.stopReason),
    usage: totals(state.usage),
    metadata: {
      anthropic: {
        stopReason: state.stopReason ?? null,
        ...(state.explanation === undefined ? undefined : { explanation: state.explanation })
      }
    }
  })

const finishReason = (stopReason: string | undefined): Response.FinishReason => {
  switch (stopReason) {
    case "end_turn":
    case "stop_sequence":
      return "stop"
    case "max_tokens":
      return "length"
    case "tool_use":
      return "tool-calls"
    case "pause_turn":
      return "pause"
    case "refusal":
      return "content-filter"
    case undefined:
      return "unknown"
    default:
      return "other"
  }
}

/** `input_tokens` counts only what the cache did not: the total is the sum of all three. */
const totals = (usage: Usage): Response.Usage => {
  const uncached = usage.input_tokens ?? 0
  const cacheWrite = usage.cache_creation_input_tokens ?? 0
  const cacheRead = usage.cache_read_input_tokens ?? 0
  const output = usage.output_tokens ?? 0
  const reasoning = usage.output_tokens_details?.thinking_tokens
  return new Response.Usage({
    inputTokens: { uncached, cacheWrite, cacheRead, total: uncached + cacheWrite + cacheRead },
    outputTokens: { total: output, ...(reasoning == null ? undefined : { reasoning, text: output - reasoning }) }
  })
}
