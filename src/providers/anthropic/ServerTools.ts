/**
 * What a conversation says of the tools that the API runs itself: pure.
 *
 * A call of theirs may only stand without its result where the API is about to run it: at the end of a paused turn, or
 * beside calls of ours whose results are being sent. Anywhere else the request would be refused, for as long as the
 * conversation lasts.
 *
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
 */
import type { Prompt } from "effect/ai"
import { containerOf } from "./AnthropicContent.ts"

export interface ServerTools {
  /** Whether a call or a result with this id may be sent. */
  readonly isWhole: (id: string) => boolean
  /** Where they ran, if they are to run on there: a container that has expired meanwhile would be refused. */
  readonly container: string | undefined
}

export const serverToolsOf = (messages: ReadonlyArray<Prompt.Message>): ServerTools => {
  const called = new Set<string>()
  const returned = new Set<string>()
  let container: string | undefined
  messages.forEach((message, index) => {
    if (message.role === "user" && messages[index - 1]?.role !== "tool") container = undefined
    if (message.role !== "assistant") return
    for (const part of message.content) {
      container = containerOf(part) ?? container
      if (part.type === "tool-result") returned.add(part.id)
      else if (part.type === "tool-call" && part.providerExecuted) called.add(part.id)
    }
  })
  const { isPaused, open } = unfinished(messages, returned)
  for (const id of open) returned.add(id)
  return {
    isWhole: (id) => called.has(id) && returned.has(id),
    container: isPaused || open.length > 0 ? container : undefined
  }
}

/** Calls that the API is about to run, and whether it said itself that it would go on. */
const unfinished = (messages: ReadonlyArray<Prompt.Message>, returned: ReadonlySet<string>) => {
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const reply = messages[last]
  const isPaused = reply !== undefined && last === messages.length - 1
  if (reply?.role !== "assistant" || !(isPaused || messages[last + 1]?.role === "tool")) return { isPaused, open: [] }
  const open = reply.content.flatMap((part) =>
    part.type === "tool-call" && part.providerExecuted && !returned.has(part.id) ? [part.id] : []
  )
  return { isPaused, open }
}
