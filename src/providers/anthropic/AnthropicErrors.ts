/**
 * What went wrong at Anthropic, in our words: pure.
 *
 * The client's own error classes, HTTP statuses and the `error` events of a broken answer all become one
 * `ProviderError`. Its detail is the vendor's sentence, and never contains the key.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type ErrorContext, faultOf, make, retryAfterOf, rootMessage } from "../HttpFailure.ts"
import type { ProviderError, ProviderFault } from "../ProviderError.ts"
import type { ErrorBody } from "./AnthropicEvent.ts"

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
  return byType.get(type ?? "") ?? withoutType(status ?? undefined, type ?? undefined)
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

const withoutType = (status: number | undefined, type: string | undefined): ProviderFault => {
  if (status !== undefined) return faultOf(status)
  return type === "api_error" ? "unavailable" : type === "invalid_request_error" ? "invalid_request" : "unknown"
}
