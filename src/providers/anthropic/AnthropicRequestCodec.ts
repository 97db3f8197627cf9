/**
 * From our request to the parameters of the Messages API: pure.
 *
 * What the API would refuse never leaves: empty texts, empty messages, two messages of one role in a row, a reply that ends
 * with thinking, a tool's result anywhere but right after its call. The same conversation always becomes the same bytes, and a longer one begins with
 * those of the shorter one, or the prompt cache would be of no use.
 */
import type {
  ContentBlockParam,
  MessageCreateParamsStreaming,
  MessageParam,
  ThinkingConfigParam,
  Tool as ToolParam,
  ToolUnion
} from "@anthropic-ai/sdk/resources/messages"
import * as Tool from "effect/ai/Tool"
import type { Prompt } from "effect/ai"
import type { ProviderRequest, ProviderTool, Thinking } from "../Provider.ts"
import { blocksOf, text } from "./AnthropicContent.ts"
import * as CallIds from "./CallIds.ts"
import { type Caching, isThinking, lastMarkable, withBreakpoints } from "./PromptCache.ts"
import { serverToolsOf } from "./ServerTools.ts"

export interface RequestOptions {
  /** How long the API keeps the beginning of a conversation; 5 minutes if not given. */
  readonly caching?: Caching
  /** Whether the API is asked why its cache was of no use; it is not if not given. */
  readonly cacheDiagnosis?: boolean
}

/** A question to be answered in a stream. What changes from one step to the next stands last. */
export const toParams = (
  request: ProviderRequest,
  { cacheDiagnosis = false, caching = "5 minutes" }: RequestOptions = {}
): MessageCreateParamsStreaming => {
  const { breakpoints, container, params } = converted(request)
  const { messages, ...rest } = withBreakpoints(params, breakpoints, caching)
  return {
    max_tokens: tokensFor(request),
    stream: true,
    ...rest,
    messages,
    ...(container === undefined ? undefined : { container }),
    ...(cacheDiagnosis ? { diagnostics: { previous_message_id: previousOf(request) } } : undefined)
  }
}

/** The API knows its own replies only (`DiagnosticsParam` of the client, 1.12.0). */
const previousOf = ({ previous }: ProviderRequest): string | null => (previous?.startsWith("msg_") ? previous : null)

/** The same question, only to be counted: what the model would take in. */
export const toCountParams = (request: ProviderRequest) => converted(request).params

const converted = (request: ProviderRequest) => {
  const { content } = request.prompt
  const system = content.flatMap((message) => (message.role === "system" ? text(message.content) : []))
  const tools = [...(request.providerTools ?? []).filter(isTool), ...request.tools.map(toTool)]
  const { container, isWhole } = serverToolsOf(content)
  const { breakpoints, messages } = toMessages(content, isWhole)
  const params = {
    model: request.model,
    ...(request.thinking === undefined || isUnthought(messages, request.thinking)
      ? undefined
      : { thinking: toThinking(request.thinking) }),
    ...(request.effort === undefined ? undefined : { output_config: { effort: request.effort } }),
    ...(tools.length === 0 ? undefined : { tools }),
    ...(system.length === 0 ? undefined : { system }),
    messages
  }
  return { params, breakpoints, container }
}

/** `budget_tokens` must be less than `max_tokens`: where it is not, the reply gets its own tokens beside the budget. */
const tokensFor = ({ maxTokens, thinking }: ProviderRequest): number =>
  typeof thinking === "object" && thinking.budget >= maxTokens ? thinking.budget + maxTokens : maxTokens

const toThinking = (thinking: Thinking): ThinkingConfigParam => {
  switch (thinking) {
    case "adaptive":
      return { type: "adaptive" }
    case "off":
      return { type: "disabled" }
    default:
      return { type: "enabled", budget_tokens: thinking.budget }
  }
}

/**
 * With a budget the API wants a reply whose calls are being answered to begin with thinking. Where another provider's
 * model made the calls it does not, and the step goes on without.
 *
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
const isUnthought = (turns: ReadonlyArray<Turn>, thinking: Thinking): boolean => {
  const [reply, results] = turns.slice(-2)
  if (typeof thinking !== "object" || results?.content[0]?.type !== "tool_result") return false
  const first = reply?.content[0]
  return first === undefined || !isThinking(first)
}

/** They are in the API's own words already, and go as they are; what has no type is none of them. */
const isTool = (tool: ProviderTool): tool is ProviderTool & ToolUnion => typeof tool["type"] === "string"

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

/** The messages, and the blocks at which this request and the one before it end: a reply follows on a request. */
const toMessages = (messages: ReadonlyArray<Prompt.Message>, isWhole: (id: string) => boolean) => {
  const turns: Array<Turn> = []
  const ids = CallIds.make()
  let earlier: ContentBlockParam | undefined
  for (const message of messages) {
    if (message.role === "system") continue
    if (message.role === "assistant") earlier = lastMarkable(turns.at(-1)?.content)
    const role = message.role === "assistant" ? "assistant" : "user"
    const content = blocksOf(message, ids, isWhole)
    if (content.length === 0) continue
    if (role === "user") endReply(turns)
    const last = turns.at(-1)
    if (last?.role === role) join(last.content, content)
    else turns.push({ role, content: [...content] })
  }
  endReply(turns)
  // What a client brings along may begin with a greeting; the API wants a person to speak first.
  if (turns[0]?.role === "assistant") turns.unshift({ role: "user", content: [...text("(The conversation begins.)")] })
  const ends = [earlier, lastMarkable(turns.at(-1)?.content)]
  return {
    messages: turns satisfies Array<MessageParam>,
    breakpoints: new Set(ends.filter((block) => block !== undefined))
  }
}

/**
 * "The final block in an assistant message cannot be `thinking`", says the API, and would for as long as the conversation
 * lasts: of a reply that was all used up with thinking, nothing is left.
 */
const endReply = (turns: Array<Turn>): void => {
  const last = turns.at(-1)
  if (last?.role !== "assistant") return
  last.content.splice(last.content.findLastIndex((block) => !isThinking(block)) + 1)
  if (last.content.length === 0) turns.pop()
}

/** Results stand before everything else of a message, whenever they came. */
const join = (content: Array<ContentBlockParam>, more: ReadonlyArray<ContentBlockParam>): void => {
  const leading = content.findIndex(({ type }) => type !== "tool_result")
  const isResult = ({ type }: ContentBlockParam) => type === "tool_result"
  const at = leading < 0 ? content.length : leading
  content.splice(at, 0, ...more.filter(isResult))
  content.push(...more.filter((block) => !isResult(block)))
}
