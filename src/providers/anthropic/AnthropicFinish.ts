/**
 * How an answer ended, and what it took: pure.
 *
 * The `finish` part tells it in the words all providers share. What has no such word is in `metadata.anthropic`: the
 * stop reason as the API gave it, why the model would not go on, what is priced by itself, and why the cache did not help.
 */
import type { Schema } from "effect"
import * as Response from "effect/ai/Response"
import type { ProviderPart } from "../Provider.ts"
import type { CacheMiss, Usage } from "./AnthropicEvent.ts"

/** What an answer has said of itself so far. */
export interface Account {
  readonly usage: Usage
  readonly stopReason: string | undefined
  /** Why the model would not go on: the policy that is touched, and a sentence for people. */
  readonly category: string | undefined
  readonly explanation: string | undefined
  readonly cacheMiss: CacheMiss | undefined
}

export const nothing: Account = {
  usage: {},
  stopReason: undefined,
  category: undefined,
  explanation: undefined,
  cacheMiss: undefined
}

/** The counts of an event are totals; what it leaves out is as it was. */
export const cumulate = (before: Usage, now: Usage | null | undefined): Usage => ({
  input_tokens: now?.input_tokens ?? before.input_tokens,
  cache_creation_input_tokens: now?.cache_creation_input_tokens ?? before.cache_creation_input_tokens,
  cache_read_input_tokens: now?.cache_read_input_tokens ?? before.cache_read_input_tokens,
  cache_creation: now?.cache_creation ?? before.cache_creation,
  output_tokens: now?.output_tokens ?? before.output_tokens,
  output_tokens_details: now?.output_tokens_details ?? before.output_tokens_details,
  server_tool_use: now?.server_tool_use ?? before.server_tool_use,
  service_tier: now?.service_tier ?? before.service_tier
})

export const finish = (account: Account): ProviderPart =>
  Response.makePart("finish", {
    reason: reasonOf(account.stopReason),
    usage: totals(account.usage),
    metadata: {
      anthropic: {
        stopReason: account.stopReason ?? null,
        ...present({ category: account.category, explanation: account.explanation }),
        usage: apart(account.usage),
        ...(account.cacheMiss === undefined ? undefined : { cacheMiss: missOf(account.cacheMiss) })
      }
    }
  })

/** https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons */
const reasonOf = (stopReason: string | undefined): Response.FinishReason => {
  switch (stopReason) {
    case "end_turn":
    case "stop_sequence":
      return "stop"
    case "max_tokens":
      return "length"
    case "tool_use":
      return "tool-calls"
    case "pause_turn":
      return "pause"
    case "refusal":
      return "content-filter"
    case undefined:
      return "unknown"
    default:
      return "other"
  }
}

/** `input_tokens` counts only what the cache did not: the total is the sum of all three. */
const totals = (usage: Usage): Response.Usage => {
  const uncached = usage.input_tokens ?? 0
  const cacheWrite = usage.cache_creation_input_tokens ?? 0
  const cacheRead = usage.cache_read_input_tokens ?? 0
  const output = usage.output_tokens ?? 0
  const reasoning = usage.output_tokens_details?.thinking_tokens
  return new Response.Usage({
    inputTokens: { uncached, cacheWrite, cacheRead, total: uncached + cacheWrite + cacheRead },
    outputTokens: { total: output, ...(reasoning == null ? undefined : { reasoning, text: output - reasoning }) }
  })
}

/** What is priced by itself: tokens written to be kept for an hour, searches, fetches; and how urgent the call was. */
const apart = ({ cache_creation, server_tool_use, service_tier }: Usage): Schema.JsonObject =>
  present({
    cacheWriteHour: cache_creation?.ephemeral_1h_input_tokens,
    webSearches: server_tool_use?.web_search_requests,
    webFetches: server_tool_use?.web_fetch_requests,
    serviceTier: service_tier
  })

const missOf = ({ cache_missed_input_tokens, type }: CacheMiss): Schema.JsonObject => ({
  type,
  ...present({ tokens: cache_missed_input_tokens })
})

const present = (fields: Readonly<Record<string, string | number | null | undefined>>): Schema.JsonObject =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value == null ? [] : [[name, value]])))
