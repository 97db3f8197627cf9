/**
 * What every fault of a provider ends in: the one list that the tests go through and that docs/fault-matrix.md shows.
 *
 * A fault has a reason, and the reason decides what is done about it; headers may overrule whether and when the same
 * request is sent again. The form of the body changes none of it.
 */
import type { ProviderFault } from "../../src/providers/ProviderError.ts"

export type Vendor = "anthropic" | "openai"
export const vendors: ReadonlyArray<Vendor> = ["anthropic", "openai"]

export interface Consequence {
  /** Whether the same request is sent again. */
  readonly again: boolean
  /** Whether another key, model or provider is asked. */
  readonly elsewhere: boolean
}

const passes: Consequence = { again: true, elsewhere: true }
const stays: Consequence = { again: false, elsewhere: true }
const ours: Consequence = { again: false, elsewhere: false }

export const consequences: Readonly<Record<ProviderFault, Consequence>> = {
  authentication: stays,
  billing: stays,
  permission: stays,
  not_found: stays,
  invalid_request: ours,
  too_large: ours,
  context_overflow: ours,
  rate_limited: passes,
  overloaded: passes,
  timeout: passes,
  connection: passes,
  stream_cut: passes,
  stream_stalled: passes,
  refused: ours,
  spend_limit: stays,
  invalid_response: stays,
  unavailable: passes,
  unknown: stays
}

export interface StatusRow {
  readonly status: number
  /** The category that Anthropic sends with it. */
  readonly type: string
  readonly anthropic: ProviderFault
  readonly openai: ProviderFault
}

const alike = (status: number, type: string, reason: ProviderFault): StatusRow => ({
  status,
  type,
  anthropic: reason,
  openai: reason
})

export const statuses: ReadonlyArray<StatusRow> = [
  alike(400, "invalid_request_error", "invalid_request"),
  alike(401, "authentication_error", "authentication"),
  alike(402, "billing_error", "billing"),
  alike(403, "permission_error", "permission"),
  alike(404, "not_found_error", "not_found"),
  alike(405, "api_error", "not_found"),
  alike(408, "timeout_error", "timeout"),
  alike(409, "conflict_error", "unavailable"),
  alike(413, "request_too_large", "too_large"),
  alike(422, "invalid_request_error", "invalid_request"),
  alike(429, "rate_limit_error", "rate_limited"),
  alike(499, "api_error", "unavailable"),
  alike(500, "api_error", "unavailable"),
  alike(501, "api_error", "not_found"),
  alike(502, "api_error", "unavailable"),
  { status: 503, type: "api_error", anthropic: "unavailable", openai: "overloaded" },
  alike(504, "timeout_error", "timeout"),
  alike(520, "api_error", "unavailable"),
  alike(524, "api_error", "timeout"),
  alike(529, "overloaded_error", "overloaded")
]

/** The forms an error's body comes in; none of them changes what is made of its status. */
export const bodies = [
  "as documented",
  "JSON of another shape",
  "JSON that is no object",
  "JSON that is cut off",
  "a web page",
  "30 kB of text",
  "nothing at all"
] as const
export type Body = (typeof bodies)[number]

export interface AskedRow {
  readonly headers: Readonly<Record<string, string>>
  /** In milliseconds; not told if absent. */
  readonly wait?: number
  /** What it makes of whether the same request is sent again; `if elsewhere`: where it is no fault of the request's. */
  readonly again: "by reason" | "if elsewhere" | "no"
}

export const asked: ReadonlyArray<AskedRow> = [
  { headers: {}, again: "by reason" },
  { headers: { "retry-after": "7" }, wait: 7000, again: "by reason" },
  { headers: { "retry-after-ms": "1500" }, wait: 1500, again: "by reason" },
  { headers: { "retry-after": "7", "retry-after-ms": "1500" }, wait: 1500, again: "by reason" },
  { headers: { "retry-after": "Thu, 01 Jan 1970 00:00:30 GMT" }, wait: 0, again: "by reason" },
  { headers: { "retry-after": "soon" }, again: "by reason" },
  { headers: { "x-should-retry": "true" }, again: "if elsewhere" },
  { headers: { "x-should-retry": "false", "retry-after": "7" }, wait: 7000, again: "no" }
]

/** Faults of the connection and of the stream; `whole`: it is no fault, the reply is complete. */
export const breaks = {
  "nobody listens": "connection",
  "reset before the head": "connection",
  "closed before the head": "connection",
  "answered with something that is not HTTP": "connection",
  "no head for 2 minutes": "timeout",
  "an error whose body does not end for 2 minutes": "timeout",
  "a head, and no byte for 2 minutes": "timeout",
  "a head, then torn": "stream_cut",
  "a head, then ended": "stream_cut",
  "200 with a web page": "invalid_response",
  "200 with JSON": "invalid_response",
  "204 without a body": "invalid_response",
  "an event that is not JSON": "invalid_response",
  "an event that is JSON of another shape": "invalid_response",
  "an event that does not end for 12 MB": "invalid_response",
  "torn in the reply": "stream_cut",
  "ended in the reply": "stream_cut",
  "silent in the reply for 1 minute": "stream_stalled",
  "torn after the last event": "whole",
  "left open after the last event": "whole"
} as const satisfies Readonly<Record<string, ProviderFault | "whole">>
export type Break = keyof typeof breaks
