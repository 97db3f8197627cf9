/**
 * From the events of an Anthropic answer to the parts every provider streams: a pure fold.
 *
 * How events are grouped makes no difference to it, and what it does not know it passes over. Blocks become parts in
 * `AnthropicBlock.ts`, the end of the answer in `AnthropicFinish.ts`.
 */
import * as Result from "effect/Result"
import * as Response from "effect/ai/Response"
import type { ProviderPart } from "../Provider.ts"
import * as Block from "./AnthropicBlock.ts"
import { type AnthropicEvent, decodeEvent, type ErrorBody } from "./AnthropicEvent.ts"
import { type Account, cumulate, finish, nothing } from "./AnthropicFinish.ts"

/** How far an answer has come. `finished` once everything it has to say is said. */
export interface ReplyState extends Account {
  readonly open: ReadonlyMap<number, Block.Block>
  /** A call that ended without input: whether it was cut off is known by what follows it. */
  readonly inputless: Block.Block | undefined
  readonly finished: boolean
}

export const initial: ReplyState = { ...nothing, open: new Map(), inputless: undefined, finished: false }

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
      const { diagnostics, id, model, usage } = event.message
      const part = Response.makePart("response-metadata", {
        ...(id == null ? undefined : { id }),
        ...(model == null ? undefined : { modelId: model })
      })
      const cacheMiss = diagnostics?.cache_miss_reason ?? state.cacheMiss
      return [{ ...state, cacheMiss, usage: cumulate(state.usage, usage) }, [part]]
    }
    case "content_block_start": {
      const [block, parts] = Block.start(event.index, event.content_block)
      const next = withBlock(state, event.index, block)
      return state.inputless === undefined
        ? [next, parts]
        : [{ ...next, inputless: undefined }, [...Block.end(state.inputless), ...parts]]
    }
    case "content_block_delta": {
      const block = state.open.get(event.index)
      if (block === undefined) return [state, []]
      const [next, parts] = Block.extend(block, event.delta)
      return [next === block ? state : withBlock(state, event.index, next), parts]
    }
    case "content_block_stop": {
      const block = state.open.get(event.index)
      if (block === undefined) return [state, []]
      const next = withBlock(state, event.index, undefined)
      return Block.isWithoutInput(block) ? [{ ...next, inputless: block }, []] : [next, Block.end(block)]
    }
    case "message_delta":
      return ending(state, event)
    case "message_stop":
      return ended(state)
  }
}

/** Some servers that speak the same language never end a block. */
const ended = (state: ReplyState): Step => {
  const { inputless, open, stopReason } = state
  const last = [...(inputless === undefined ? [] : [inputless]), ...open.values()]
  const parts = last.flatMap((block, index) =>
    Block.end(block, stopReason === "max_tokens" && index === last.length - 1)
  )
  return [{ ...state, open: new Map(), inputless: undefined, finished: true }, [...parts, finish(state)]]
}

const withBlock = (state: ReplyState, index: number, block: Block.Block | undefined): ReplyState => {
  if (block === undefined && !state.open.has(index)) return state
  const open = new Map(state.open)
  if (block === undefined) open.delete(index)
  else open.set(index, block)
  return { ...state, open }
}

/** The container that the API's own tools ran in is told behind the last block; a paused turn goes on in it. */
const ending = (
  state: ReplyState,
  { delta, usage }: Extract<AnthropicEvent, { readonly type: "message_delta" }>
): Step => {
  const next = {
    ...state,
    stopReason: delta.stop_reason ?? state.stopReason,
    category: delta.stop_details?.category ?? state.category,
    explanation: delta.stop_details?.explanation ?? state.explanation,
    usage: cumulate(state.usage, usage)
  }
  return [next, delta.container?.id == null ? [] : Block.container(delta.container.id)]
}
