/**
 * What HTTP APIs of models have in common when they fail: pure.
 *
 * Bodies that stall or break, ways of asking to wait, and the cause of a connection that failed. Whatever is said here
 * is said without the key.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { BodyFault } from "./EventStream.ts"
import { ProviderError, type ProviderFault } from "./ProviderError.ts"

/** Whose error it is, and the key that must not appear in it. */
export interface ErrorContext {
  readonly provider: string
  readonly apiKey: Redacted.Redacted
}

/** The most characters that are kept of what a server said: some answer with a whole page. */
const longestDetail = 1000

/** An error of this provider; the key is taken out of its detail. */
export const make = (
  { apiKey, provider }: ErrorContext,
  error: Omit<ConstructorParameters<typeof ProviderError>[0], "provider">
): ProviderError => {
  const key = Redacted.value(apiKey).trim()
  const said = key === "" ? error.detail : error.detail.replaceAll(key, "<redacted>")
  const detail = said.length > longestDetail ? `${said.slice(0, longestDetail)}…` : said
  return new ProviderError({ ...error, provider, detail })
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
    case "Broken": {
      const detail = `the connection broke during the answer: ${rootMessage(fault.cause)}`
      return make(context, { reason: "stream_cut", detail, ...id })
    }
    case "TooLarge":
      return make(context, { reason: "invalid_response", detail: "an event of the answer never ended", ...id })
  }
}

/** What an HTTP status says of a failed call (RFC 9110, section 15; 402, 524 and 529 as model services use them). */
export const faultOf = (status: number): ProviderFault => {
  switch (status) {
    case 401:
      return "authentication"
    case 402:
      return "billing"
    case 403:
      return "permission"
    case 404:
      return "not_found"
    case 408:
    case 504:
    case 524:
      return "timeout"
    case 409:
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

/** `retry-after-ms`, else `retry-after` in seconds or as a date; never negative. `now` in milliseconds. */
export const retryAfterOf = (headers: Headers, now: number): Duration.Duration | undefined => {
  const millis = headers.get("retry-after-ms")
  if (millis !== null && /^\d+(\.\d+)?$/.test(millis)) return Duration.millis(Number(millis))
  const value = headers.get("retry-after")
  if (value === null) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Duration.seconds(Number(value))
  const at = Option.getOrUndefined(DateTime.make(value))
  return at === undefined ? undefined : Duration.millis(Math.max(0, DateTime.toEpochMillis(at) - now))
}

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
