/**
 * What the Messages API demands of a request, as far as a request can be judged by itself: pure, and stricter than the
 * API where that is lenient for convenience (it joins messages of one role; we never send two).
 *
 * Facts are from the types of @anthropic-ai/sdk 1.12 (resources/messages/messages.d.ts) and the API's error messages.
 */

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** MessageCreateParamsBase; `temperature`, `top_k` and `top_p` are gone from it. */
const parameters = new Set(
  (
    "model max_tokens messages stream system tools tool_choice thinking output_config cache_control diagnostics metadata " +
    "service_tier speed stop_sequences container inference_geo"
  ).split(" ")
)

const blocksOfRole = {
  user: new Set(["text", "image", "document", "search_result", "tool_result"]),
  assistant: new Set(["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"])
}

const idPattern = /^[a-zA-Z0-9_-]+$/
const namePattern = /^[a-zA-Z0-9_-]{1,128}$/

/** Everything that is wrong with the body of `POST /v1/messages`, or of `…/count_tokens`; empty when nothing is. */
export const violations = (body: unknown, path = "/v1/messages"): ReadonlyArray<string> => {
  if (!isObject(body)) return ["the body is no object"]
  const counts = path.endsWith("/count_tokens")
  const { max_tokens, messages, model, system, tools } = body
  return [
    ...Object.keys(body).flatMap((key) => (parameters.has(key) ? [] : [`${key}: no such parameter`])),
    ...(isText(model) ? [] : ["model: is not there"]),
    ...(counts || (Number.isInteger(max_tokens) && Number(max_tokens) > 0) ? [] : ["max_tokens: must be at least 1"]),
    ...(system === undefined ? [] : systemFaults(system)),
    ...(tools === undefined ? [] : toolFaults(list(tools))),
    ...(Array.isArray(messages) && messages.length > 0 ? messagesFaults(messages) : ["messages: there are none"])
  ]
}

const systemFaults = (system: unknown): ReadonlyArray<string> => {
  if (typeof system === "string") return isText(system) ? [] : ["system: is empty"]
  const blocks = list(system)
  const areTexts = blocks.length > 0 && blocks.every((block) => isObject(block) && block["type"] === "text")
  return areTexts ? blocks.flatMap((block, index) => textFaults(block, `system.${index}`)) : ["system: is no text"]
}

const textFaults = (block: unknown, at: string): ReadonlyArray<string> =>
  isObject(block) && isText(block["text"]) ? [] : [`${at}: text content blocks must contain non-whitespace text`]

const toolFaults = (tools: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const names = tools.map((tool) => (isObject(tool) ? tool["name"] : undefined))
  return tools.flatMap((tool, index) => {
    const at = `tools.${index}`
    if (!isObject(tool) || typeof tool["name"] !== "string") return [`${at}: has no name`]
    const schema = tool["input_schema"]
    const isOurs = tool["type"] === undefined || tool["type"] === "custom"
    return [
      ...(namePattern.test(tool["name"]) ? [] : [`${at}.name: is not well formed`]),
      ...(names.indexOf(tool["name"]) === index ? [] : [`${at}.name: tool names must be unique`]),
      ...(!isOurs || (isObject(schema) && schema["type"] === "object") ? [] : [`${at}.input_schema: is of no object`])
    ]
  })
}

interface Message {
  readonly role: unknown
  readonly blocks: ReadonlyArray<Json>
}

const messagesFaults = (messages: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const read = messages.map(
    (message): Message =>
      isObject(message) ? { role: message["role"], blocks: blocksOf(message["content"]) } : { role: "none", blocks: [] }
  )
  return [
    ...(messages.length > 100_000 ? ["messages: more than 100000"] : []),
    ...(read[0]?.role === "user" ? [] : ["messages.0: the first message must be the user's"]),
    ...(read.at(-1)?.role === "user" ? [] : ["messages: the last message must be the user's"]),
    ...read.flatMap((message, index) => messageFaults(message, read[index - 1], `messages.${index}`)),
    ...read.flatMap((message, index) => pairFaults(message, read[index + 1], `messages.${index}`)),
    ...twice(read.flatMap(callsOf)).map((id) => `messages: tool_use ids must be unique: ${id}`)
  ]
}

const blocksOf = (content: unknown): ReadonlyArray<Json> =>
  typeof content === "string" ? [{ type: "text", text: content }] : list(content).filter(isObject)

const idsOf = (blocks: ReadonlyArray<Json>, type: string, key: string): ReadonlyArray<string> =>
  blocks.flatMap((block) => (block["type"] === type ? [String(block[key])] : []))

const callsOf = ({ blocks }: Message) => idsOf(blocks, "tool_use", "id")
const resultsOf = ({ blocks }: Message) => idsOf(blocks, "tool_result", "tool_use_id")

const twice = (ids: ReadonlyArray<string>) => ids.filter((id, index) => ids.indexOf(id) !== index)

const messageFaults = ({ blocks, role }: Message, previous: Message | undefined, at: string): ReadonlyArray<string> => {
  if (role !== "user" && role !== "assistant") return [`${at}.role: ${String(role)} is no role`]
  return [
    ...(previous?.role === role ? [`${at}.role: two messages of ${role} in a row`] : []),
    ...(blocks.length === 0 ? [`${at}.content: is empty`] : []),
    ...blocks.flatMap((block, index) => {
      const place = `${at}.content.${index}`
      const allowed = blocksOfRole[role].has(String(block["type"]))
      return allowed ? blockFaults(block, place) : [`${place}: ${String(block["type"])} may not stand with ${role}`]
    })
  ]
}

const blockFaults = (block: Json, at: string): ReadonlyArray<string> => {
  switch (block["type"]) {
    case "text":
      return textFaults(block, at)
    case "thinking":
      return typeof block["thinking"] === "string" && isText(block["signature"])
        ? []
        : [`${at}: thinking without its signature`]
    case "redacted_thinking":
      return isText(block["data"]) ? [] : [`${at}: redacted thinking without data`]
    case "tool_use":
      return [
        ...(idPattern.test(String(block["id"])) ? [] : [`${at}.id: is not well formed`]),
        ...(namePattern.test(String(block["name"])) ? [] : [`${at}.name: is not well formed`]),
        ...(isObject(block["input"]) ? [] : [`${at}.input: must be an object`])
      ]
    case "tool_result":
      return resultFaults(block, at)
    default:
      return []
  }
}

const resultFaults = (block: Json, at: string): ReadonlyArray<string> => {
  const { content, is_error } = block
  return [
    ...(is_error === undefined || typeof is_error === "boolean" ? [] : [`${at}.is_error: is neither true nor false`]),
    ...(Array.isArray(content)
      ? content.flatMap((part, index) =>
          isObject(part) && part["type"] !== "text" ? [] : textFaults(part, `${at}.content.${index}`)
        )
      : content === undefined || typeof content === "string"
        ? []
        : [`${at}.content: is neither text nor blocks`])
  ]
}

/** The calls of a reply are answered by the results that open the next message: each once, and no others. */
const pairFaults = (message: Message, next: Message | undefined, at: string): ReadonlyArray<string> => {
  const calls = callsOf(message)
  const results = next === undefined ? [] : resultsOf(next)
  const first = at === "messages.0" ? resultsOf(message) : []
  const leading = next?.blocks.slice(0, results.length).every((block) => block["type"] === "tool_result") ?? true
  return [
    ...calls.filter((id) => !results.includes(id)).map((id) => `${at}: tool_use ${id} has no tool_result after it`),
    ...results.filter((id) => !calls.includes(id)).map((id) => `${at}: tool_result ${id} has no tool_use before it`),
    ...first.map((id) => `${at}: tool_result ${id} has no tool_use before it`),
    ...twice(results).map((id) => `${at}: tool_use ${id} has two results`),
    ...(leading ? [] : [`${at}: results must stand before everything else of the next message`])
  ]
}
