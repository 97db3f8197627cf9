/**
 * Where the API is asked to remember the beginning of a conversation, so that the next step costs less: pure.
 *
 * A request may hold four breakpoints. What stands before one is kept as a whole and found again by its bytes, looking
 * back over at most 20 blocks. So there is one behind the tools and one behind the instructions, which other conversations
 * share; one at the very end, for the next step; and one where the request before this one ended, as a step may add more
 * than 20 blocks. Thinking cannot carry one.
 *
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
import type {
  CacheControlEphemeral,
  ContentBlockParam,
  MessageParam,
  TextBlockParam,
  ToolUnion
} from "@anthropic-ai/sdk/resources/messages"

/** For how long the API remembers; each time it does counts anew. */
export type Caching = "5 minutes" | "1 hour" | "off"

interface Cached {
  readonly tools?: Array<ToolUnion>
  readonly system?: Array<TextBlockParam>
  readonly messages: Array<MessageParam>
}

/** The block at which a request that ends with `content` has its last breakpoint. */
export const lastMarkable = (content: ReadonlyArray<ContentBlockParam> | undefined): ContentBlockParam | undefined =>
  content?.findLast((block) => !isThinking(block))

export const isThinking = ({ type }: ContentBlockParam): boolean => type === "thinking" || type === "redacted_thinking"

/** The same request with breakpoints; in its messages at these blocks, which are told by their identity. */
export const withBreakpoints = <R extends Cached>(
  request: R,
  blocks: ReadonlySet<ContentBlockParam>,
  caching: Caching
): R => {
  if (caching === "off") return request
  const mark: CacheControlEphemeral = caching === "1 hour" ? { type: "ephemeral", ttl: "1h" } : { type: "ephemeral" }
  return {
    ...request,
    ...(request.tools && { tools: behindLast(request.tools, isOffered, mark) }),
    ...(request.system && { system: behindLast(request.system, () => true, mark) }),
    messages: request.messages.map((message) => withMarks(message, blocks, mark))
  }
}

/** A tool that is found only by searching for it is not part of the prompt. */
const isOffered = (tool: ToolUnion): boolean => !("defer_loading" in tool && tool.defer_loading === true)

const behindLast = <A extends object>(
  all: ReadonlyArray<A>,
  may: (one: A) => boolean,
  mark: CacheControlEphemeral
): Array<A> => {
  const last = all.findLastIndex(may)
  return all.map((one, index) => (index === last ? { ...one, cache_control: mark } : one))
}

const withMarks = (
  message: MessageParam,
  blocks: ReadonlySet<ContentBlockParam>,
  mark: CacheControlEphemeral
): MessageParam => {
  const { content } = message
  if (message.role === "system" || typeof content === "string" || !content.some((block) => blocks.has(block))) {
    return message
  }
  return {
    ...message,
    content: content.map((block) => (blocks.has(block) ? { ...block, cache_control: mark } : block))
  }
}
