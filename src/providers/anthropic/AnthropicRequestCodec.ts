/**
 * From our request to the parameters of the Messages API: pure.
 *
 * What the API would refuse never leaves: empty texts, empty messages, two messages of one role in a row, a
 * tool's result anywhere but right after its call. Thinking goes back unmodified and in order, or not at all.
 */
import type {
  ContentBlockParam,
  ImageBlockParam,
  MessageCreateParamsStreaming,
  MessageParam,
  TextBlockParam,
  Tool as ToolParam,
  ToolResultBlockParam
} from "@anthropic-ai/sdk/resources/messages"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type { Prompt } from "effect/ai"
import * as Base64 from "effect/encoding/Base64"
import type { ProviderRequest } from "../Provider.ts"

/** A question to be answered in a stream. */
export const toParams = (request: ProviderRequest): MessageCreateParamsStreaming => ({
  ...toCountParams(request),
  max_tokens: request.maxTokens,
  stream: true
})

/** The same question, only to be counted: what the model would take in. */
export const toCountParams = (request: ProviderRequest) => {
  const system = request.prompt.content.flatMap((message) => (message.role === "system" ? text(message.content) : []))
  return {
    model: request.model,
    messages: toMessages(request.prompt.content),
    ...(system.length === 0 ? undefined : { system }),
    ...(request.tools.length === 0 ? undefined : { tools: request.tools.map(toTool) })
  }
}

const toTool = (tool: Tool.Any): ToolParam => {
  const description = Tool.getDescription(tool)
  return {
    name: tool.name,
    ...(description === undefined ? undefined : { description }),
    input_schema: { ...Tool.getJsonSchema(tool), type: "object" }
  }
}

interface Turn {
  readonly role: "user" | "assistant"
  readonly content: Array<ContentBlockParam>
}

const toMessages = (messages: ReadonlyArray<Prompt.Message>): Array<MessageParam> => {
  const turns: Array<Turn> = []
  for (const message of messages) {
    if (message.role === "system") continue
    const role = message.role === "assistant" ? "assistant" : "user"
    const content = blocksOf(message)
    const last = turns.at(-1)
    if (content.length === 0) continue
    if (last?.role === role) last.content.push(...content)
    else turns.push({ role, content: [...content] })
  }
  // What a client brings along may begin with a greeting; the API wants a person to speak first.
  if (turns[0]?.role === "assistant") turns.unshift({ role: "user", content: [...text("(The conversation begins.)")] })
  return turns.map(({ content, role }) => ({ role, content: role === "user" ? resultsFirst(content) : content }))
}

const resultsFirst = (content: ReadonlyArray<ContentBlockParam>): Array<ContentBlockParam> => [
  ...content.filter((block) => block.type === "tool_result"),
  ...content.filter((block) => block.type !== "tool_result")
]

const blocksOf = (message: Exclude<Prompt.Message, Prompt.SystemMessage>): ReadonlyArray<ContentBlockParam> => {
  switch (message.role) {
    case "user":
      return message.content.flatMap((part) => (part.type === "text" ? text(part.text) : file(part)))
    case "assistant":
      return message.content.flatMap(assistantBlock)
    case "tool":
      return message.content.flatMap((part) => (part.type === "tool-result" ? [toolResult(part)] : []))
  }
}

const assistantBlock = (part: Prompt.AssistantMessagePart): ReadonlyArray<ContentBlockParam> => {
  switch (part.type) {
    case "text":
      return text(part.text)
    case "reasoning":
      return thinking(part)
    case "tool-call":
      return part.providerExecuted
        ? []
        : [
            {
              type: "tool_use",
              id: callId(part.id),
              name: part.name,
              input: Option.getOrElse(asObject(part.params), () => ({}))
            }
          ]
    case "file":
    case "tool-result":
    case "tool-approval-request":
      return []
  }
}

const asObject = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))

/** The API refuses a text block without anything to read in it. */
const text = (value: string): ReadonlyArray<TextBlockParam> =>
  value.trim() === "" ? [] : [{ type: "text", text: value }]

const decodeThinking = Schema.decodeUnknownOption(
  Schema.Struct({ signature: Schema.optional(Schema.String), redactedData: Schema.optional(Schema.String) })
)

/** Thinking that carries no signature of this vendor (another provider's, say) would be refused. */
const thinking = (part: Prompt.ReasoningPart): ReadonlyArray<ContentBlockParam> => {
  const options = Option.getOrUndefined(decodeThinking(part.options.anthropic))
  if (options?.redactedData !== undefined) return [{ type: "redacted_thinking", data: options.redactedData }]
  if (options?.signature === undefined) return []
  return [{ type: "thinking", thinking: part.text, signature: options.signature }]
}

const toolResult = (part: Prompt.ToolResultPart): ToolResultBlockParam => {
  const content = part.modelOutput === undefined ? text(asText(part.result)) : part.modelOutput.flatMap(outputBlock)
  return {
    type: "tool_result",
    tool_use_id: callId(part.id),
    ...(content.length === 0 ? undefined : { content: [...content] }),
    ...(part.isFailure ? { is_error: true } : undefined)
  }
}

const outputBlock = (part: Prompt.ToolModelOutputPart): ReadonlyArray<TextBlockParam | ImageBlockParam> =>
  part.type === "text" ? text(part.text) : isImage(part.mediaType) ? [image(part)] : omitted(part)

const asText = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result ?? null) ?? String(result))

/** The API takes letters, digits, `_` and `-` only; ids of other providers may hold more. */
const callId = (id: string): string => id.replaceAll(/[^A-Za-z0-9_-]/g, "_")

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const
const isImage = Schema.is(Schema.Literals(imageTypes))

const file = (part: Prompt.FilePart): ReadonlyArray<ContentBlockParam> => {
  if (isImage(part.mediaType)) return [image(part)]
  if (part.mediaType !== "application/pdf") return omitted(part)
  return part.data instanceof URL
    ? [{ type: "document", source: { type: "url", url: part.data.href } }]
    : [{ type: "document", source: { type: "base64", media_type: "application/pdf", data: base64(part.data) } }]
}

const image = (part: Prompt.FilePart): ImageBlockParam => {
  if (part.data instanceof URL) return { type: "image", source: { type: "url", url: part.data.href } }
  const mediaType = imageTypes.find((type) => type === part.mediaType) ?? "image/png"
  return { type: "image", source: { type: "base64", media_type: mediaType, data: base64(part.data) } }
}

const base64 = (data: string | Uint8Array): string => (typeof data === "string" ? data : Base64.encode(data))

const omitted = (part: Prompt.FilePart): ReadonlyArray<TextBlockParam> =>
  text(`[the file ${part.fileName ?? ""} of type ${part.mediaType} cannot be shown to this model]`)
