/**
 * One content block of an answer, from its start over its deltas to its end, as parts: pure.
 *
 * What belongs to a turn that goes on has to go back as it came. Whatever a part has no place for is kept in its metadata,
 * under `anthropic`: `signature` and `redactedData` of thinking, `citations` of a text, and in `block` what else there was.
 * A tool that the API ran is a call and a result with `providerExecuted`; an unknown block leaves nothing behind.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as Response from "effect/ai/Response"
import type { ProviderPart } from "../Provider.ts"
import type { ContentBlock, ContentDelta } from "./AnthropicEvent.ts"

/** A block that has begun. */
export type Block =
  | { readonly type: "text"; readonly id: string; readonly citations: ReadonlyArray<Schema.Json> }
  | { readonly type: "thinking"; readonly id: string; readonly signature: string | undefined }
  | { readonly type: "whole"; readonly id: string }
  | OpenCall

interface OpenCall {
  readonly type: "call"
  readonly id: string
  readonly name: string
  readonly providerExecuted: boolean
  readonly input: Schema.Json
  readonly json: string
  readonly rest: Schema.JsonObject
}

type Parts = ReadonlyArray<ProviderPart>

/** The block, if more of it may come, and what can be said of it at once. */
export const start = (index: number, block: ContentBlock): readonly [Block | undefined, Parts] => {
  const id = String(index)
  switch (block.type) {
    case "text": {
      const citations = Array.isArray(block["citations"]) ? block["citations"] : []
      return [
        { type: "text", id, citations },
        [Response.makePart("text-start", { id }), ...textDelta(id, stringOf(block["text"]))]
      ]
    }
    case "thinking":
      return [
        { type: "thinking", id, signature: stringOf(block["signature"]) || undefined },
        [Response.makePart("reasoning-start", { id }), ...reasoningDelta(id, stringOf(block["thinking"]))]
      ]
    case "redacted_thinking":
      return startWhole(id, { redactedData: stringOf(block["data"]) ?? "" })
    case "container_upload":
      return startWhole(id, { block })
    case "tool_use":
    case "server_tool_use":
      return startCall(block)
    default:
      return [undefined, serverResult(block)]
  }
}

/** A block with nothing in it to be shown travels as reasoning without words. */
const startWhole = (id: string, anthropic: Schema.JsonObject): readonly [Block, Parts] => [
  { type: "whole", id },
  [Response.makePart("reasoning-start", { id, metadata: { anthropic } })]
]

/** Where the API's own tools ran: files and variables of one step are there for the next. */
export const container = (id: string): Parts => {
  const [block, parts] = startWhole("container", { container: id })
  return [...parts, ...end(block)]
}

const startCall = ({ id, input, name, ...rest }: ContentBlock): readonly [Block | undefined, Parts] => {
  if (typeof id !== "string" || typeof name !== "string") return [undefined, []]
  const providerExecuted = rest.type === "server_tool_use"
  const kept = providerExecuted ? rest : Struct.omit(rest, ["type"])
  return [
    { type: "call", id, name, providerExecuted, input: input ?? {}, json: "", rest: kept },
    [Response.makePart("tool-params-start", { id, name, providerExecuted })]
  ]
}

const resultSuffix = "_tool_result"

/** What a tool of the API's returned: it comes whole. New tools have results of new types, all named alike. */
const serverResult = ({ content, tool_use_id: id, ...rest }: ContentBlock): Parts => {
  if (!rest.type.endsWith(resultSuffix) || typeof id !== "string" || content === undefined) return []
  const result = {
    id,
    name: rest.type.slice(0, -resultSuffix.length),
    result: content,
    encodedResult: content,
    providerExecuted: true,
    preliminary: false,
    metadata: { anthropic: { block: rest } }
  }
  return [Response.makePart("tool-result", { ...result, isFailure: isError(content) })]
}

const isErrorContent = Schema.is(Schema.Struct({ error_code: Schema.String }))
const isError = (content: Schema.Json): boolean => isErrorContent(content)

/** The block with a delta added to it, and what that says. A delta that does not fit its block says nothing. */
export const extend = (block: Block, delta: ContentDelta): readonly [Block, Parts] => {
  switch (block.type) {
    case "text":
      if (delta.type === "text_delta") return [block, textDelta(block.id, delta.text)]
      return delta.type === "citations_delta" && delta.citation !== undefined
        ? [{ ...block, citations: [...block.citations, delta.citation] }, []]
        : [block, []]
    case "thinking":
      if (delta.type === "thinking_delta") return [block, reasoningDelta(block.id, delta.thinking)]
      return delta.type === "signature_delta" && delta.signature !== undefined
        ? [{ ...block, signature: delta.signature }, []]
        : [block, []]
    case "call":
      return delta.type === "input_json_delta" && delta.partial_json
        ? [
            { ...block, json: block.json + delta.partial_json },
            [{ ...paramsPart, id: block.id, delta: delta.partial_json }]
          ]
        : [block, []]
    case "whole":
      return [block, []]
  }
}

/** Whether it is a call of which no input has come: there may be none, or the reply was cut off before it. */
export const isWithoutInput = (block: Block): boolean =>
  block.type === "call" && block.json === "" && isEmpty(block.input)

const isEmpty = (input: Schema.Json): boolean =>
  typeof input === "object" && input !== null && Struct.keys(input).length === 0

/** What can be said of a block once it is whole; `cut`: it is the last one of a reply that reached its length limit. */
export const end = (block: Block, cut = false): Parts => {
  switch (block.type) {
    case "text": {
      const metadata = block.citations.length === 0 ? {} : { anthropic: { citations: block.citations } }
      return [Response.makePart("text-end", { id: block.id, metadata })]
    }
    case "thinking": {
      const metadata = block.signature === undefined ? {} : { anthropic: { signature: block.signature } }
      return [Response.makePart("reasoning-end", { id: block.id, metadata })]
    }
    case "whole":
      return [Response.makePart("reasoning-end", { id: block.id })]
    case "call":
      return [Response.makePart("tool-params-end", { id: block.id }), toolCall(block, cut && isWithoutInput(block))]
  }
}

const stringOf = (value: Schema.Json | undefined): string | undefined => (typeof value === "string" ? value : undefined)

/** Nearly every part is one of these. A copy takes far less time than `makePart`, which is given parts of every kind. */
const textPart = Response.makePart("text-delta", { id: "", delta: "" })
const reasoningPart = Response.makePart("reasoning-delta", { id: "", delta: "" })
const paramsPart = Response.makePart("tool-params-delta", { id: "", delta: "" })

const textDelta = (id: string, delta: string | undefined): Parts => (delta ? [{ ...textPart, id, delta }] : [])

const reasoningDelta = (id: string, delta: string | undefined): Parts =>
  delta ? [{ ...reasoningPart, id, delta }] : []

const decodeInput = Schema.decodeUnknownOption(Schema.JsonObject)
const parseInput = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.JsonObject))

/**
 * Input that is no JSON object was cut off by the token limit: the call goes on without parameters and says so
 * in `metadata.anthropic.unparsedInput`, which holds what the model wrote.
 */
const toolCall = ({ id, input, json, name, providerExecuted, rest }: OpenCall, cut: boolean): ProviderPart => {
  const params = cut ? Option.none() : json === "" ? decodeInput(input) : parseInput(json)
  const kept = {
    ...(Struct.keys(rest).length === 0 ? undefined : { block: rest }),
    ...(Option.isSome(params) ? undefined : { unparsedInput: json })
  }
  const metadata = Struct.keys(kept).length === 0 ? {} : { anthropic: kept }
  return Response.makePart("tool-call", {
    id,
    name,
    params: Option.getOrElse(params, () => ({})),
    providerExecuted,
    metadata
  })
}
