/**
 * What went wrong at Anthropic, in our words: pure.
 *
 * The client's own error classes, HTTP statuses and the `error` events of a broken answer all become one
 * `ProviderError`. Its detail is the vendor's sentence, and never contains the key.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { BodyFault } from "../EventStream.ts"
import { ProviderError, type ProviderFault } from "../ProviderError.ts"
import type { ErrorBody } from "./AnthropicEvent.ts"

/** Whose error it is, and the key that must not appear in it. */
export interface ErrorContext {
  readonly provider: string
  readonly apiKey: Redacted.Redacted
}

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** The parts of the client's errors that mean something; its classes are not loaded to recognise them. */
const ClientFailure = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  status: nullable(Schema.Int),
  type: nullable(Schema.String),
  errorCode: nullable(Schema.String),
  apiMessage: nullable(Schema.String),
  requestID: nullable(Schema.String),
  headers: Schema.optional(Schema.instanceOf(Headers)),
  error: Schema.optional(Schema.Unknown),
  cause: Schema.optional(Schema.Unknown)
})
const decodeFailure = Schema.decodeUnknownOption(ClientFailure)
const decodeRequestId = Schema.decodeUnknownOption(Schema.Struct({ request_id: Schema.String }))

/** What the client threw before there was an answer to read; `now` in milliseconds, for waits given as a date. */
export const fromFailure = (context: ErrorContext, now: number, thrown: unknown): ProviderError => {
  const failure = Option.getOrUndefined(decodeFailure(thrown))
  if (failure === undefined) return make(context, { reason: "unknown", detail: String(thrown) })
  const { headers, name, status } = failure
  if (name === "APIConnectionTimeoutError") return make(context, { reason: "timeout", detail: failure.message })
  if (name === "APIConnectionError") {
    return make(context, { reason: "connection", detail: `the connection failed: ${rootMessage(failure.cause)}` })
  }
  const reason = reasonOf({ status, type: failure.type, code: failure.errorCode, message: failure.apiMessage })
  const requestId = failure.requestID ?? Option.getOrUndefined(decodeRequestId(failure.error))?.request_id
  const retryAfter = headers === undefined ? undefined : retryAfterOf(headers, now)
  return make(context, {
    reason,
    detail: explain(context, reason, failure.apiMessage ?? failure.message),
    ...(status == null ? undefined : { status }),
    ...(requestId === undefined ? undefined : { requestId }),
    ...(retryAfter === undefined ? undefined : { retryAfter })
  })
}

/** An `error` event in the middle of an answer. */
export const fromErrorEvent = (context: ErrorContext, body: ErrorBody, requestId?: string | null): ProviderError => {
  const { details, message, type } = body.error
  const reason = reasonOf({ type, code: details?.error_code, message })
  const id = requestId ?? body.request_id
  return make(context, {
    reason,
    detail: explain(context, reason, message ?? type ?? "the answer broke off with an error"),
    ...(id == null ? undefined : { requestId: id })
  })
}

/** What went wrong while the answer was read. */
export const fromBodyFault = (context: ErrorContext, fault: BodyFault, requestId?: string | null): ProviderError => {
  const id = requestId == null ? undefined : { requestId }
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

/** Anything else this provider has to say for itself. */
export const make = (
  context: ErrorContext,
  error: Omit<ConstructorParameters<typeof ProviderError>[0], "provider">
): ProviderError => {
  const key = Redacted.value(context.apiKey).trim()
  const detail = key === "" ? error.detail : error.detail.replaceAll(key, "<redacted>")
  return new ProviderError({ ...error, provider: context.provider, detail })
}

const explain = (context: ErrorContext, reason: ProviderFault, said: string): string => {
  switch (reason) {
    case "authentication":
      return `the API key was refused (${said}); check apiKey of the provider ${context.provider}`
    case "billing":
      return `the account cannot pay for this call (${said}); check its plan and spend limits`
    default:
      return said
  }
}

interface Symptoms {
  readonly status?: number | null | undefined
  readonly type?: string | null | undefined
  readonly code?: string | null | undefined
  readonly message?: string | null | undefined
}

/** The cause a code names, else the category, else the HTTP status (`resources/shared.ts` of the client). */
export const reasonOf = ({ code, message, status, type }: Symptoms): ProviderFault => {
  if (code != null && /spend_limit_reached$|billing_unavailable$/.test(code)) return "billing"
  if (isRefusedInput(status, type) && tooLong.test(message ?? "")) return "context_overflow"
  return byType.get(type ?? "") ?? byStatus(status ?? undefined, type ?? undefined)
}

/**
 * "prompt is too long: 210000 tokens > 200000 maximum", "input length and `max_tokens` exceed context limit: …": the API
 * has no code for it. A request that is too large for other reasons, an image in it for example, says nothing of these.
 */
const tooLong = /prompt is too long|exceeds? (the )?(model's )?(maximum )?context|context (window|length|limit)/i

const isRefusedInput = (status: Symptoms["status"], type: Symptoms["type"]): boolean =>
  type == null ? status === 400 || status === 413 : type === "invalid_request_error" || type === "request_too_large"

const byType = new Map<string, ProviderFault>([
  ["authentication_error", "authentication"],
  ["billing_error", "billing"],
  ["permission_error", "permission"],
  ["not_found_error", "not_found"],
  ["request_too_large", "too_large"],
  ["rate_limit_error", "rate_limited"],
  ["overloaded_error", "overloaded"],
  ["timeout_error", "timeout"],
  ["conflict_error", "unavailable"]
])

const byStatus = (status: number | undefined, type: string | undefined): ProviderFault => {
  switch (status) {
    case undefined:
      return type === "api_error" ? "unavailable" : type === "invalid_request_error" ? "invalid_request" : "unknown"
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

/** `retry-after-ms`, else `retry-after` in seconds or as a date; never negative. */
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
const rootMessage = (thrown: unknown): string => {
  const error = Option.getOrUndefined(decodeCause(thrown))
  if (error === undefined) return "no reason was given"
  return error.cause == null ? error.message || String(error.code ?? "no reason was given") : rootMessage(error.cause)
}
