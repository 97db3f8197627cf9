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
import { ProviderError } from "./ProviderError.ts"

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
