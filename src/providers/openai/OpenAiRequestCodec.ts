/**
 * From our request to the parameters of a chat completion: pure.
 *
 * Only what every compatible server understands is sent. One system message comes first, roles alternate, every tool call
 * is followed by its result, and nothing is empty: OpenAI and the chat templates of local models refuse one or another
 * of these. Thinking is not sent back: no field for it is common to the servers.
 */
import type { OpenAI } from "openai"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type { Prompt } from "effect/ai"
import * as Base64 from "effect/encoding/Base64"
import type { Effort, ProviderRequest } from "../Provider.ts"

type Params = OpenAI.Chat.ChatCompletionCreateParamsStreaming
type Message = OpenAI.Chat.ChatCompletionMessageParam
type Part = OpenAI.Chat.ChatCompletionContentPart
type Call = OpenAI.Chat.ChatCompletionMessageFunctionToolCall

/** How a server wants to be told the most tokens a reply may have. */
export type MaxTokensField = "max_tokens" | "max_completion_tokens"

/** What servers have different words for. */
export interface Dialect {
  readonly maxTokensField: MaxTokensField
  /** The most it can be told to try; more than that it would refuse. */
  readonly highestEffort: Effort
}

/** Whether the API is OpenAI's own, or Azure's. */
export const isOpenAi = (baseUrl: string): boolean => isAt(baseUrl, /(^|\.)(api\.openai\.com|openai\.azure\.com)$/)

const isAt = (baseUrl: string, host: RegExp): boolean => URL.canParse(baseUrl) && host.test(new URL(baseUrl).hostname)

/**
 * OpenAI's reasoning models refuse `max_tokens`, and Ollama knows nothing else; vLLM, llama.cpp and OpenRouter take it, so
 * `max_completion_tokens` goes to OpenAI's own and Azure's addresses only. These take every effort we have a word for
 * (`ReasoningEffort` of the client, 7.57.0), OpenRouter all but `max`; Ollama and vLLM know none above `high`.
 */
export const dialectOf = (baseUrl: string): Dialect => {
  if (isOpenAi(baseUrl)) return { maxTokensField: "max_completion_tokens", highestEffort: "max" }
  return { maxTokensField: "max_tokens", highestEffort: isAt(baseUrl, /(^|\.)openrouter\.ai$/) ? "xhigh" : "high" }
}

/** A question to be answered in a stream, with the usage at its end. Tools of another provider's kind are left out. */
export const toParams = (request: ProviderRequest, dialect: Dialect): Params => {
  const effort = effortOf(request, dialect)
  return {
    model: request.model,
    messages: [...system(request.prompt.content), ...conversation(request.prompt.content)],
    ...(request.tools.length === 0 ? undefined : { tools: request.tools.map(toTool) }),
    [dialect.maxTokensField]: request.maxTokens,
    ...(effort === undefined ? undefined : { reasoning_effort: effort }),
    stream: true,
    stream_options: { include_usage: true }
  }
}

const efforts = ["low", "medium", "high", "xhigh", "max"] as const satisfies ReadonlyArray<Effort>

/** There are words for how hard to think and for not thinking at all, but none for a budget; to adapt is what models do. */
const effortOf = ({ effort, thinking }: ProviderRequest, { highestEffort }: Dialect) => {
  if (thinking === "off") return "none"
  if (effort === undefined) return undefined
  return efforts[Math.min(efforts.indexOf(effort), efforts.indexOf(highestEffort))]
}

/** Strict schemas allow no optional parameter, so they are not asked for. OpenAI wants `properties` even of nothing. */
const toTool = (tool: Tool.Any): OpenAI.Chat.ChatCompletionFunctionTool => {
  const description = Tool.getDescription(tool)
  return {
    type: "function",
    function: {
      name: tool.name,
      ...(description === undefined ? undefined : { description }),
      parameters: { properties: {}, ...Tool.getJsonSchema(tool), type: "object" },
      strict: false
    }
  }
}

const system = (messages: ReadonlyArray<Prompt.Message>): ReadonlyArray<Message> => {
  const texts = messages.flatMap((message) => (message.role === "system" ? written(message.content) : []))
  return texts.length === 0 ? [] : [{ role: "system", content: texts.join("\n\n") }]
}

const written = (value: string): ReadonlyArray<string> => (value.trim() === "" ? [] : [value])

interface Reply {
  readonly role: "assistant"
  readonly texts: Array<string>
  readonly calls: Array<Call>
}
interface Said {
  readonly role: "user"
  readonly results: Map<string, string>
  readonly content: Array<Part>
}

const conversation = (messages: ReadonlyArray<Prompt.Message>): ReadonlyArray<Message> => {
  const turns: Array<Reply | Said> = []
  for (const message of messages) {
    if (message.role === "system") continue
    const turn: Reply | Said = message.role === "assistant" ? replyOf(message) : saidIn(message)
    if (isEmpty(turn)) continue
    const last = turns.at(-1)
    if (last?.role === "assistant" && turn.role === "assistant") {
      last.texts.push(...turn.texts)
      last.calls.push(...turn.calls)
    } else if (last?.role === "user" && turn.role === "user") {
      for (const [id, result] of turn.results) last.results.set(id, result)
      last.content.push(...turn.content)
    } else turns.push(turn)
  }
  // What a client brings along may begin with a greeting; some chat templates want a person to speak first.
  const greeted: ReadonlyArray<Message> =
    turns[0]?.role === "assistant" ? [{ role: "user", content: "(The conversation begins.)" }] : []
  return [...greeted, ...turns.flatMap((turn, index) => emit(turn, turns[index - 1], turns[index + 1]))]
}

const isEmpty = (turn: Reply | Said): boolean =>
  turn.role === "assistant"
    ? turn.texts.length === 0 && turn.calls.length === 0
    : turn.results.size === 0 && turn.content.length === 0

/** A call whose result is not there is answered in its place; a result without its call has nothing to answer. */
const emit = (turn: Reply | Said, before: Reply | Said | undefined, after: Reply | Said | undefined) => {
  if (turn.role === "assistant") {
    const message = assistant(turn)
    return after === undefined ? [message, ...results(turn, new Map())] : [message]
  }
  const answers = before?.role === "assistant" ? results(before, turn.results) : []
  return [...answers, ...user(turn.content)]
}

const assistant = ({ calls, texts }: Reply): Message => ({
  role: "assistant",
  content: texts.length === 0 ? null : texts.join("\n\n"),
  ...(calls.length === 0 ? undefined : { tool_calls: calls })
})

const results = ({ calls }: Reply, given: ReadonlyMap<string, string>): ReadonlyArray<Message> =>
  calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: given.get(id) ?? "(no result)" }))

/** Plain text wherever it will do: not every server reads parts. */
const user = (content: ReadonlyArray<Part>): ReadonlyArray<Message> => {
  if (content.length === 0) return []
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []))
  return [{ role: "user", content: texts.length === content.length ? texts.join("\n\n") : [...content] }]
}

const replyOf = ({ content }: Prompt.AssistantMessage): Reply => ({
  role: "assistant",
  texts: content.flatMap((part) => (part.type === "text" ? written(part.text) : [])),
  calls: content.flatMap((part) => (part.type === "tool-call" && !part.providerExecuted ? [toCall(part)] : []))
})

const asObject = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))

const toCall = ({ id, name, params }: Prompt.ToolCallPart): Call => ({
  id: callId(id),
  type: "function",
  function: { name: toolName(name), arguments: JSON.stringify(Option.getOrElse(asObject(params), () => ({}))) }
})

const saidIn = (message: Prompt.UserMessage | Prompt.ToolMessage): Said => {
  if (message.role === "user") {
    const content = message.content.flatMap((part) => (part.type === "text" ? text(part.text) : file(part)))
    return { role: "user", results: new Map(), content }
  }
  const given = message.content.flatMap((part) => (part.type === "tool-result" ? [part] : []))
  return {
    role: "user",
    results: new Map(given.map((part) => [callId(part.id), resultText(part)])),
    content: given.flatMap(shown)
  }
}

/** There is no other way to say that a tool failed than in words. */
const resultText = ({ isFailure, modelOutput, result }: Prompt.ToolResultPart): string => {
  const texts = modelOutput?.map((part) => (part.type === "text" ? part.text : `[a file of type ${part.mediaType}]`))
  const said = texts === undefined ? asText(result) : texts.join("\n")
  return isFailure ? `Error: ${said}` : said
}

/** A result is text only, so that what a tool shows is shown by the message after it. */
const shown = ({ modelOutput = [], name }: Prompt.ToolResultPart): ReadonlyArray<Part> => {
  const files = modelOutput.flatMap((part) => (part.type === "file" ? file(part) : []))
  return files.length === 0 ? [] : [...text(`[from the tool ${name}:]`), ...files]
}

const asText = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result ?? null) ?? String(result))

/** At most 64 letters, digits, `_` and `-`: models of other providers make up names that hold more. */
const toolName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)

/** OpenAI takes at most 40 characters; ids of other providers may be longer or hold odd ones. */
const callId = (id: string): string => {
  const fit = id.replaceAll(/[^A-Za-z0-9_-]/g, "_")
  return fit.length <= 40 ? fit : `${fit.slice(0, 31)}_${(Hash.string(id) >>> 0).toString(16).padStart(8, "0")}`
}

const text = (value: string): ReadonlyArray<Part> => written(value).map((said) => ({ type: "text", text: said }))

const imageTypes: ReadonlyArray<string> = ["image/jpeg", "image/png", "image/gif", "image/webp"]

const file = (part: Prompt.FilePart): ReadonlyArray<Part> => {
  const { data, fileName, mediaType } = part
  if (imageTypes.includes(mediaType)) {
    return [{ type: "image_url", image_url: { url: data instanceof URL ? data.href : dataUrl(mediaType, data) } }]
  }
  if (mediaType === "application/pdf" && !(data instanceof URL)) {
    const file = { filename: fileName ?? "document.pdf", file_data: dataUrl(mediaType, data) }
    return [{ type: "file", file }]
  }
  const name = fileName ?? (data instanceof URL ? data.href : "")
  return text(`[the file ${name} of type ${mediaType} cannot be shown to this model]`)
}

const dataUrl = (mediaType: string, data: string | Uint8Array): string =>
  `data:${mediaType};base64,${typeof data === "string" ? data : Base64.encode(data)}`
