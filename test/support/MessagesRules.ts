/**
 * What the Messages API demands of a request, as far as a request can be judged by itself: what its types say, and then
 * what they cannot say. Pure, and stricter than the API where that is lenient for convenience (it joins messages of one
 * role; we never send two).
 *
 * Facts are from the API's documentation and error messages, and the types of @anthropic-ai/sdk 1.12
 * (resources/messages/messages.d.ts).
 */
import { cacheFaults } from "./CacheRules.ts"
import { schemaFaults } from "./MessagesSchema.ts"

export type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const objects = (value: unknown): ReadonlyArray<Json> => list(value).filter(isObject)

const userBlocks = new Set(["text", "image", "document", "search_result", "tool_result", "container_upload"])

const idPattern = /^[a-zA-Z0-9_-]+$/
const namePattern = /^[a-zA-Z0-9_-]{1,128}$/

/** Everything that is wrong with the body of `POST /v1/messages`, or of `…/count_tokens`; empty when nothing is. */
export const violations = (body: unknown, path = "/v1/messages"): ReadonlyArray<string> => {
  const counts = path.endsWith("/count_tokens")
  const odd = schemaFaults("anthropic", counts ? "CountTokens" : "CreateMessage", body)
  if (odd.length > 0 || !isObject(body)) return odd
  const { max_tokens, messages, model, stop_sequences, system, tools } = body
  return [
    ...(isText(model) ? [] : ["model: is empty"]),
    ...(counts || (Number.isInteger(max_tokens) && Number(max_tokens) > 0) ? [] : ["max_tokens: must be at least 1"]),
    ...(list(stop_sequences).every(isText) ? [] : ["stop_sequences: each must contain non-whitespace"]),
    ...(system === undefined ? [] : systemFaults(system)),
    ...toolFaults(objects(tools)),
    ...thinkingFaults(body),
    ...cacheFaults(body),
    ...(list(messages).length > 0 ? messagesFaults(objects(messages)) : ["messages: there are none"])
  ]
}

const systemFaults = (system: unknown): ReadonlyArray<string> => {
  if (typeof system === "string") return isText(system) ? [] : ["system: is empty"]
  const blocks = objects(system)
  return blocks.length === 0 ? ["system: is empty"] : blocks.flatMap((block, at) => textFaults(block, `system.${at}`))
}

const textFaults = ({ text }: Json, at: string): ReadonlyArray<string> =>
  isText(text) ? [] : [`${at}: text content blocks must contain non-whitespace text`]

const toolFaults = (tools: ReadonlyArray<Json>): ReadonlyArray<string> => {
  const names = tools.map(({ name }) => name)
  return tools.flatMap(({ name }, index) => {
    if (typeof name !== "string") return []
    const at = `tools.${index}.name`
    return [
      ...(namePattern.test(name) ? [] : [`${at}: is not well formed`]),
      ...(names.indexOf(name) === index ? [] : [`${at}: tool names must be unique`])
    ]
  })
}

/** https://platform.claude.com/docs/en/build-with-claude/extended-thinking */
const thinkingFaults = ({ max_tokens, messages, thinking, tool_choice }: Json): ReadonlyArray<string> => {
  const { budget_tokens, type } = isObject(thinking) ? thinking : {}
  const budget = Number(budget_tokens)
  const choice = isObject(tool_choice) ? String(tool_choice["type"]) : "auto"
  const isOn = type === "enabled" || type === "adaptive"
  const begun = type === "enabled" ? openReply(objects(messages)) : undefined
  return [
    ...(type === "enabled" && budget < 1024 ? ["thinking.budget_tokens: must be at least 1024"] : []),
    ...(type === "enabled" && max_tokens !== undefined && budget >= Number(max_tokens)
      ? ["thinking.budget_tokens: must be less than max_tokens"]
      : []),
    ...(isOn && (choice === "any" || choice === "tool") ? ["thinking: may not be on when a tool must be used"] : []),
    ...(begun !== undefined && !isThought(begun)
      ? ["thinking: a reply that waits for results must begin with thinking when thinking is enabled"]
      : [])
  ]
}

const isThought = ({ type }: Json): boolean => type === "thinking" || type === "redacted_thinking"

/** The first block of a reply whose calls are answered by the last message. */
const openReply = (messages: ReadonlyArray<Json>): Json | undefined => {
  const [reply, last] = messages.slice(-2)
  const answers = objects(last?.["content"]).some(({ type }) => type === "tool_result")
  return answers ? objects(reply?.["content"])[0] : undefined
}

interface Message {
  readonly role: unknown
  readonly blocks: ReadonlyArray<Json>
}

const messagesFaults = (messages: ReadonlyArray<Json>): ReadonlyArray<string> => {
  const read = messages.map(({ content, role }): Message => ({ role, blocks: blocksOf(content) }))
  const last = read.at(-1)
  return [
    ...(messages.length > 100_000 ? ["messages: more than 100000"] : []),
    ...(read[0]?.role === "user" ? [] : ["messages.0: the first message must be the user's"]),
    ...(last?.role === "user" || isPaused(last) ? [] : ["messages: the last message must be the user's"]),
    ...read.flatMap((message, index) => messageFaults(message, read[index - 1], `messages.${index}`)),
    ...read.flatMap((message, index) => pairFaults(message, read[index + 1], `messages.${index}`)),
    ...serverFaults(read),
    ...twice(read.flatMap(callsOf)).map((id) => `messages: tool_use ids must be unique: ${id}`)
  ]
}

/** A reply that ended in `pause_turn` goes back as it is; it holds calls of tools that the vendor runs. */
const isPaused = (message: Message | undefined): boolean =>
  message?.blocks.some(({ type }) => type === "server_tool_use") ?? false

const blocksOf = (content: unknown): ReadonlyArray<Json> =>
  typeof content === "string" ? [{ type: "text", text: content }] : objects(content)

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
    ...(blocks.slice(-1).some(isThought) ? [`${at}: the final block of a reply cannot be thinking`] : []),
    ...blocks.flatMap((block, index) => {
      const place = `${at}.content.${index}`
      const type = String(block["type"])
      const allowed = type === "text" || userBlocks.has(type) === (role === "user")
      return allowed ? blockFaults(block, place) : [`${place}: ${type} may not stand with ${role}`]
    })
  ]
}

const blockFaults = (block: Json, at: string): ReadonlyArray<string> => {
  const { content, data, id, is_error, name, signature, type } = block
  switch (type) {
    case "text":
      return textFaults(block, at)
    case "thinking":
      return isText(signature) ? [] : [`${at}: thinking without its signature`]
    case "redacted_thinking":
      return isText(data) ? [] : [`${at}: redacted thinking without data`]
    case "tool_use":
      return [
        ...(idPattern.test(String(id)) ? [] : [`${at}.id: is not well formed`]),
        ...(namePattern.test(String(name)) ? [] : [`${at}.name: is not well formed`])
      ]
    case "tool_result":
      return objects(content).flatMap((part, index) => {
        if (part["type"] === "text") return textFaults(part, `${at}.content.${index}`)
        return is_error === true ? [`${at}.content.${index}: must be text, as is_error is true`] : []
      })
    default:
      return []
  }
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

/**
 * The vendor's tools leave call and result in one reply. A call may be without its result only where the vendor is about
 * to run it: in a reply that was paused, or beside calls of ours whose results come with this request.
 *
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
 */
const serverFaults = (messages: ReadonlyArray<Message>): ReadonlyArray<string> => {
  const blocks = messages.flatMap((message) => message.blocks)
  const results = blocks.flatMap(serverResult)
  const calls = new Set<unknown>()
  const uncalled = blocks.flatMap((block) => {
    if (block["type"] === "server_tool_use") calls.add(block["id"])
    return serverResult(block).filter((id) => !calls.has(id))
  })
  const settled = messages.filter((message, index) => {
    const left = messages.length - 1 - index
    return left > 1 || (left === 1 && callsOf(message).length === 0)
  })
  const open = settled.flatMap((message) => idsOf(message.blocks, "server_tool_use", "id"))
  return [
    ...open.filter((id) => !results.includes(id)).map((id) => `messages: server_tool_use ${id} has no result`),
    ...uncalled.map((id) => `messages: a result of ${id}, which was not called before it`)
  ]
}

const serverResult = ({ tool_use_id, type }: Json): ReadonlyArray<string> =>
  type !== "tool_result" && typeof tool_use_id === "string" ? [tool_use_id] : []
