/**
 * What else the Messages API may answer, as its types word it (@anthropic-ai/sdk 1.12, resources/messages/messages.d.ts):
 * searches the vendor ran and what was cited from them, pauses, refusals, limits, errors and ends in the middle of a
 * stream. Plain replies are in `AnthropicServer.ts`.
 */
import {
  type Answer,
  answer,
  type Block,
  called,
  type Event,
  events,
  failure,
  type Reply,
  reply
} from "./AnthropicServer.ts"

/** What is left of one of a key's limits a minute, and when it will be whole again (RFC 3339). */
export interface Left {
  readonly limit: number
  readonly remaining: number
  readonly reset: string
}

/** The headers that tell of limits, by the API's names for them. */
export const limitHeaders = (
  left: Readonly<Partial<Record<"requests" | "tokens" | "input-tokens" | "output-tokens", Left>>>
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(left).flatMap(([kind, told]) =>
      Object.entries(told).map(([what, value]) => [`anthropic-ratelimit-${kind}-${what}`, String(value)])
    )
  )

/** The API's 429 with these headers: `retry-after` in seconds, and what `limitHeaders` makes. */
export const rateLimited = (headers: Readonly<Record<string, string>> = { "retry-after": "1" }): Answer =>
  failure(429, "rate_limit_error", "This request would exceed your rate limit.", headers)

/** An error that has a finer name for its cause, such as `enforced_spend_limit_reached`. */
export const codedFailure = (
  status: number,
  type: string,
  code: string,
  message: string,
  headers?: Readonly<Record<string, string>>
): Answer => {
  const error = { type, message, details: { error_code: code } }
  return answer(status, { type: "error", error, request_id: "req_body" }, headers)
}

/** The first so many of these events, and then the connection is torn down. */
export const eventsThenCut = (list: ReadonlyArray<Event>, count: number): Answer => ({
  ...events(list.slice(0, count)),
  after: "cut"
})

/** The first so many of these events, and then an `error` event. */
export const eventsThenError = (
  list: ReadonlyArray<Event>,
  count: number,
  error: { readonly type: string; readonly message: string } = { type: "overloaded_error", message: "Overloaded" }
): Answer => events([...list.slice(0, count), { type: "error", error, request_id: "req_event" }])

/** A reply the vendor interrupted while its own tools were at work: sent back as it is, it goes on. */
export const pause = (said: Reply): ReadonlyArray<Event> => reply({ ...said, stopReason: "pause_turn" })

/** The model declines, after what it may have said before. The API does not always say why: then these are null. */
export const refusal = (
  why: { readonly category?: string | null; readonly explanation?: string | null } = {},
  said: Reply = {}
): ReadonlyArray<Event> => {
  const { category = "cyber", explanation = "This request could help an attack." } = why
  return reply({ ...said, stopReason: "refusal", stopDetails: { type: "refusal", category, explanation } })
}

/** A search the vendor ran: the model's question, and what was found or why nothing was. */
export interface Search {
  readonly id: string
  readonly query: string
  readonly found: ReadonlyArray<{ readonly url: string; readonly title: string }> | "max_uses_exceeded" | "unavailable"
}

/** The two blocks a search leaves in a reply, for its `between`. */
export const searched = ({ found, id, query }: Search): ReadonlyArray<Block> => [
  called({ type: "server_tool_use", id, name: "web_search" }, { query }),
  [{ type: "web_search_tool_result", tool_use_id: id, content: resultsOf(found) }, []]
]

const resultsOf = (found: Search["found"]) =>
  typeof found === "string"
    ? { type: "web_search_tool_result_error", error_code: found }
    : found.map(({ title, url }) => ({
        type: "web_search_result",
        url,
        title,
        encrypted_content: `content of ${url}`,
        page_age: null
      }))

/** A quotation from what was found, for a reply's `citations`. */
export const cited = (url: string, title: string, quote: string): object => ({
  type: "web_search_result_location",
  url,
  title,
  cited_text: quote,
  encrypted_index: `index of ${url}`
})

/** Usage of the cache, for the `start` of a reply's usage: what was read, written, and of that written for an hour. */
export const cached = (read: number, written = 0, forAnHour = 0): object => ({
  cache_read_input_tokens: read,
  cache_creation_input_tokens: written,
  cache_creation: { ephemeral_5m_input_tokens: written - forAnHour, ephemeral_1h_input_tokens: forAnHour }
})

/** Usage of the vendor's tools, for the `end` of a reply's usage. */
export const served = (searches: number, fetches = 0): object => ({
  server_tool_use: { web_search_requests: searches, web_fetch_requests: fetches }
})
