/**
 * One message of a conversation as content blocks of the Messages API: pure.
 *
 * What the model said goes back as it came: thinking with its signature, citations with their text, the API's own tools
 * with what they returned, in order. What another provider's model said goes along as far as this one can take it.
 */
import type { ContentBlockParam, TextBlockParam, ToolResultBlockParam } from "@anthropic-ai/sdk/resources/messages"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Prompt } from "effect/ai"
import * as AnthropicFile from "./AnthropicFile.ts"
import type { CallIds } from "./CallIds.ts"

type Blocks = ReadonlyArray<ContentBlockParam>

/** `isWhole`: whether a tool that the API runs may be mentioned, as both its call and its result are there. */
export const blocksOf = (
  message: Exclude<Prompt.Message, Prompt.SystemMessage>,
  ids: CallIds,
  isWhole: (id: string) => boolean
): Blocks => {
  switch (message.role) {
    case "user":
      return message.content.flatMap(textOrFile)
    case "assistant":
      return message.content.flatMap((part) => assistantBlock(part, ids, isWhole))
    case "tool":
      return message.content.flatMap((part) => (part.type === "tool-result" ? [toolResult(part, ids)] : []))
  }
}

/** The API refuses a text block without anything to read in it. */
export const text = (value: string): ReadonlyArray<TextBlockParam> =>
  value.trim() === "" ? [] : [{ type: "text", text: value }]

const textOrFile = (part: Prompt.TextPart | Prompt.FilePart): ReadonlyArray<AnthropicFile.FileBlock> =>
  part.type === "text" ? text(part.text) : [AnthropicFile.toBlock(part)]

/** What `AnthropicBlock.ts` keeps with a part. */
const Kept = Schema.Struct({
  signature: Schema.optional(Schema.String),
  redactedData: Schema.optional(Schema.String),
  citations: Schema.optional(Schema.Array(Schema.Json)),
  block: Schema.optional(Schema.JsonObject),
  unparsedInput: Schema.optional(Schema.String),
  container: Schema.optional(Schema.String)
})
const decodeKept = Schema.decodeUnknownOption(Kept)
const keptWith = (part: { readonly options: Prompt.ProviderOptions }): typeof Kept.Type =>
  part.options["anthropic"] === undefined
    ? {}
    : Option.getOrElse(decodeKept(part.options["anthropic"]), (): typeof Kept.Type => ({}))

/** The container that the API's own tools ran in, if this part of a reply tells. */
export const containerOf = (part: Prompt.AssistantMessagePart): string | undefined =>
  part.type === "reasoning" ? keptWith(part).container : undefined

const assistantBlock = (part: Prompt.AssistantMessagePart, ids: CallIds, isWhole: (id: string) => boolean): Blocks => {
  switch (part.type) {
    case "text": {
      const { citations } = keptWith(part)
      return text(part.text).flatMap((block) => (citations === undefined ? [block] : theirs({ ...block, citations })))
    }
    case "reasoning":
      return reasoning(part)
    case "tool-call":
      return part.providerExecuted ? serverCall(part, isWhole) : theirs(toolUse(part, ids))
    case "tool-result":
      return serverResult(part, isWhole)
    case "file":
    case "tool-approval-request":
      return []
  }
}

/** Thinking that carries no signature of this vendor (another provider's, say) would be refused. */
const reasoning = (part: Prompt.ReasoningPart): Blocks => {
  const { block, redactedData, signature } = keptWith(part)
  if (redactedData !== undefined) return [{ type: "redacted_thinking", data: redactedData }]
  if (signature !== undefined) return [{ type: "thinking", thinking: part.text, signature }]
  return block === undefined ? [] : theirs(block)
}

const asObject = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))

const toolUse = (part: Prompt.ToolCallPart, ids: CallIds) => ({
  type: "tool_use",
  id: ids.called(part.id),
  name: toolName(part.name),
  input: Option.getOrElse(asObject(part.params), () => ({})),
  ...keptWith(part).block
})

const serverCall = (part: Prompt.ToolCallPart, isWhole: (id: string) => boolean): Blocks => {
  const { block, unparsedInput } = keptWith(part)
  return block === undefined || unparsedInput !== undefined || !isWhole(part.id)
    ? []
    : theirs({ type: block["type"], id: part.id, name: part.name, input: part.params, ...block })
}

const serverResult = (part: Prompt.ToolResultPart, isWhole: (id: string) => boolean): Blocks => {
  const { block } = keptWith(part)
  return block === undefined || !isWhole(part.id)
    ? []
    : theirs({ type: block["type"], tool_use_id: part.id, ...block, content: part.result })
}

/** The API made this block itself, and takes it back as it is: that need not be checked against its types. */
const theirs = (block: object): Blocks => (isBlock(block) ? [block] : [])
const isBlock = (block: object): block is ContentBlockParam =>
  Predicate.hasProperty(block, "type") && Predicate.isString(block.type)

/** With `is_error` the API takes nothing but text. */
const toolResult = (part: Prompt.ToolResultPart, ids: CallIds): ToolResultBlockParam => {
  const said = part.modelOutput === undefined ? text(asText(part.result)) : part.modelOutput.flatMap(textOrFile)
  const content = part.isFailure ? said.filter(({ type }) => type === "text") : said
  return {
    type: "tool_result",
    tool_use_id: ids.answered(part.id),
    ...(content.length === 0 ? undefined : { content: [...content] }),
    ...(part.isFailure ? { is_error: true } : undefined)
  }
}

const asText = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result ?? null) ?? String(result))

/** At most 128 letters, digits, `_` and `-`: models of other providers make up names that hold more. */
const toolName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 128)
