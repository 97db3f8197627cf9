/**
 * The tool calls of a chat completion, put together from their pieces: pure.
 *
 * OpenAI numbers the calls and sends id and name once. Other servers leave the number, the id or the arguments out, give
 * every call the number 0, or repeat the name: whatever they do, no two calls become one, and no id is there twice.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Response from "effect/ai/Response"
import type { ProviderPart } from "../Provider.ts"
import type { ToolDelta } from "./OpenAiEvent.ts"

interface ToolCall {
  readonly index: number | undefined
  /** The id as the server sent it; empty if it sent none. */
  readonly sent: string
  readonly id: string
  readonly name: string
  readonly json: string
}

/** All calls so far, in the order of their first pieces. */
export interface ToolCalls {
  readonly seed: string
  readonly list: ReadonlyArray<ToolCall>
}

export const initial = (seed: string): ToolCalls => ({ seed, list: [] })

export const isEmpty = ({ list }: ToolCalls): boolean => list.length === 0

/** Adds what a chunk says of calls; what can be told of them already is added to `parts`. */
export const extend = (calls: ToolCalls, deltas: ReadonlyArray<ToolDelta>, parts: Array<ProviderPart>): ToolCalls => {
  const list = [...calls.list]
  for (const delta of deltas) {
    const known = positionOf(list, delta)
    const before = list[known] ?? begin(calls.seed, list, delta)
    const name = before.name || (delta.function?.name ?? "")
    const piece = pieceOf(delta.function?.arguments)
    const call = { ...before, name, json: before.json + piece }
    parts.push(...announced(before, call, piece))
    if (known === -1) list.push(call)
    else list[known] = call
  }
  return { ...calls, list }
}

/** Which call a piece belongs to; -1 if it begins one. */
const positionOf = (list: ReadonlyArray<ToolCall>, { function: called, id, index }: ToolDelta): number => {
  if (index == null) return id ? list.findIndex(({ sent }) => sent === id) : called?.name ? -1 : list.length - 1
  const position = list.findLastIndex((call) => call.index === index)
  const sent = list[position]?.sent ?? ""
  return id && sent !== "" && sent !== id
    ? list.findIndex((call) => call.index === index && call.sent === id)
    : position
}

const begin = (seed: string, list: ReadonlyArray<ToolCall>, { id, index }: ToolDelta): ToolCall => {
  const sent = id ?? ""
  const isFree = sent !== "" && list.every((call) => call.id !== sent)
  return { index: index ?? undefined, sent, id: isFree ? sent : `call_${seed}_${list.length}`, name: "", json: "" }
}

const pieceOf = (given: unknown): string =>
  typeof given === "string" ? given : given == null ? "" : JSON.stringify(given)

/** A call is announced with its name; what came of its arguments before follows at once. */
const announced = (before: ToolCall, { id, json, name }: ToolCall, piece: string): ReadonlyArray<ProviderPart> => {
  if (name === "") return []
  const isNew = before.name === ""
  const delta = isNew ? json : piece
  return [
    ...(isNew ? [Response.makePart("tool-params-start", { id, name, providerExecuted: false })] : []),
    ...(delta === "" ? [] : [Response.makePart("tool-params-delta", { id, delta })])
  ]
}

/** The calls as a whole; a sentence if one cannot be made. `cut`: the last one may have reached the length limit. */
export const complete = ({ list }: ToolCalls, cut: boolean): Result.Result<ReadonlyArray<ProviderPart>, string> =>
  list.some(({ name }) => name === "")
    ? Result.fail("a tool call of the answer has no name")
    : Result.succeed(
        list.flatMap((call, index) => [
          Response.makePart("tool-params-end", { id: call.id }),
          toPart(call, cut && index === list.length - 1)
        ])
      )

const parseInput = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

/**
 * Arguments that are no JSON object were cut off, or made up: the call goes on without parameters and says so in
 * `metadata.openai.unparsedInput`, which holds what the model wrote.
 */
const toPart = ({ id, json, name }: ToolCall, cut: boolean): ProviderPart => {
  const params = !cut && /^\s*(null)?\s*$/.test(json) ? Option.some({}) : parseInput(json)
  const metadata = Option.isSome(params) ? {} : { openai: { unparsedInput: json } }
  const call = { id, name, params: Option.getOrElse(params, () => ({})), providerExecuted: false, metadata }
  return Response.makePart("tool-call", call)
}
