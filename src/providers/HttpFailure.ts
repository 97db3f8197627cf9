/**
 * What HTTP APIs of models have in common when they fail: pure.
 *
 * Bodies that stall or break, statuses, ways of asking to wait, and the cause of a connection that failed. Whatever is
 * said here is one line of text without the key.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { BodyFault } from "./BodyWatch.ts"
import { ProviderError, type ProviderFault } from "./ProviderError.ts"

/** Whose error it is, and the key that must not appear in it. */
export interface ErrorContext {
  readonly provider: string
  readonly apiKey: Redacted.Redacted
}

/** The most characters that are kept of what a server said: some answer with a whole page. */
const longestDetail = 1000

/** The same of its codes and ids, which have some twenty. */
const longestName = 200

/** An error of this provider; the key is taken out of what the server said, and the rest made one line. */
export const make = (
  { apiKey, provider }: ErrorContext,
  error: Omit<ConstructorParameters<typeof ProviderError>[0], "provider">
): ProviderError => {
  const key = Redacted.value(apiKey).trim()
  const clean = (text: string, longest: number) => {
    const line = sentenceOf(text)
    const said = key === "" ? line : line.replaceAll(key, "<redacted>")
    return said.length > longest ? `${said.slice(0, longest)}…` : said
  }
  const { code, detail, requestId, ...rest } = error
  return new ProviderError({
    ...rest,
    provider,
    detail: clean(detail, longestDetail),
    ...(code === undefined ? undefined : { code: clean(code, longestName) }),
    ...(requestId === undefined ? undefined : { requestId: clean(requestId, longestName) })
  })
}

/** What was said, as one line: of a gateway's web page its title; nothing may move a terminal's cursor. */
export const sentenceOf = (said: string): string => {
  const page = /^(\d{3} )?\s*<(!doctype|html|head|body)\b/i.exec(said)
  if (page === null) return said.replace(/\p{Cc}+/gu, " ")
  const title = /<title[^<>]*>([^<]+)</i.exec(said)?.[1]?.replace(/\s+/g, " ").trim()
  return `${page[1] ?? ""}a web page instead of an answer${title ? ` (${title})` : ""}`
}

/** What went wrong while the answer was read. */
export const fromBodyFault = (context: ErrorContext, fault: BodyFault, requestId: string | null): ProviderError => {
  const id = requestId === null ? undefined : { requestId }
  switch (fault._tag) {
    case "Silent":
      return make(context, {
        reason: "timeout",
        detail: `no answer came within ${Duration.format(fault.after)}`,
        ...id
      })
    case "Stalled": {
      const detail = `the answer fell silent for ${Duration.format(fault.after)}`
      return make(context, { reason: "stream_stalled", detail, ...id })
    }
    case "Speechless": {
      const detail = `the model said nothing for ${Duration.format(fault.after)}, though its connection was open`
      return make(context, { reason: "stream_stalled", detail, ...id })
    }
    case "Overtime": {
      const detail = `the call was given up because it had not ended within ${Duration.format(fault.after)}`
      return make(context, { reason: "timeout", detail, ...id })
    }
    case "Broken": {
      const detail = `the connection broke during the answer: ${rootMessage(fault.cause)}`
      return make(context, { reason: "stream_cut", detail, ...id })
    }
    case "TooLarge":
      return make(context, { reason: "invalid_response", detail: "an event of the answer never ended", ...id })
  }
}

/**
 * What an HTTP status says of a failed call (RFC 9110, section 15; 402, 499, 524 and 529 as model services and the proxies
 * before them use them).
 */
export const faultOf = (status: number): ProviderFault => {
  switch (status) {
    case 401:
      return "authentication"
    case 402:
      return "billing"
    case 403:
      return "permission"
    case 404:
    case 405:
    case 410:
    case 501:
      return "not_found"
    case 408:
    case 504:
    case 524:
      return "timeout"
    case 409:
    case 425:
    case 499:
      return "unavailable"
    case 413:
      return "too_large"
    case 429:
      return "rate_limited"
    case 529:
      return "overloaded"
    default:
      return status >= 500 ? "unavailable" : status >= 400 ? "invalid_request" : "unknown"
  }
}

/** What an answer asks of whoever would try again: `x-should-retry`, and how long to wait. `now` in milliseconds. */
export const askedOf = (
  headers: Headers | undefined,
  now: number
): { readonly retryable?: boolean; readonly retryAfter?: Duration.Duration } => {
  const retryable = verdicts.get(headers?.get("x-should-retry")?.trim().toLowerCase() ?? "")
  const retryAfter = headers === undefined ? undefined : retryAfterOf(headers, now)
  return {
    ...(retryable === undefined ? undefined : { retryable }),
    ...(retryAfter === undefined ? undefined : { retryAfter })
  }
}

const verdicts = new Map([
  ["true", true],
  ["false", false]
])

/**
 * `retry-after-ms`, else `retry-after` in seconds or as a date (RFC 9110, sections 10.2.3 and 5.6.7; some send ISO 8601);
 * never negative. What is neither says nothing. `now` in milliseconds.
 */
export const retryAfterOf = (headers: Headers, now: number): Duration.Duration | undefined => {
  const millis = headers.get("retry-after-ms")
  if (millis !== null && /^\d+(\.\d+)?$/.test(millis)) return Duration.millis(Number(millis))
  const value = headers.get("retry-after")
  if (value === null) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Duration.seconds(Number(value))
  if (!/^((mon|tue|wed|thu|fri|sat|sun)[a-z]*,? |\d{4}-\d\d-\d\d)/i.test(value)) return undefined
  const at = Option.getOrUndefined(DateTime.make(value))
  return at === undefined ? undefined : Duration.millis(Math.max(0, DateTime.toEpochMillis(at) - now))
}

const decodeHeaders = Schema.decodeUnknownOption(Schema.Struct({ headers: Schema.instanceOf(Headers) }))

/** The headers of an answer that a client threw as an error; they tell of limits like those of any other. */
export const headersOf = (thrown: unknown): Headers | undefined => Option.getOrUndefined(decodeHeaders(thrown))?.headers

const decodeCause = Schema.decodeUnknownOption(
  Schema.Struct({
    message: Schema.String,
    code: Schema.optional(Schema.Unknown),
    cause: Schema.optional(Schema.Unknown)
  })
)

/** The innermost message: `fetch` says only that it failed, its cause says why. */
export const rootMessage = (thrown: unknown): string => {
  const error = Option.getOrUndefined(decodeCause(thrown))
  if (error === undefined) return "no reason was given"
  return error.cause == null ? error.message || String(error.code ?? "no reason was given") : rootMessage(error.cause)
}
