/**
 * What went wrong at Anthropic, in our words: pure.
 *
 * The client's own error classes, HTTP statuses and the `error` events of a broken answer all become one
 * `ProviderError`. Its detail is the vendor's sentence, and never contains the key.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { askedOf, type ErrorContext, faultOf, make, rootMessage, sentenceOf } from "../HttpFailure.ts"
import type { ProviderError, ProviderFault } from "../ProviderError.ts"
import type { ErrorBody } from "./AnthropicEvent.ts"

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/**
 * The parts of the client's errors that mean something; its classes are not loaded to recognise them. What it copies from
 * the body may be of any shape, whatever its types say.
 */
const ClientFailure = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  status: nullable(Schema.Int),
  type: Schema.optional(Schema.Unknown),
  errorCode: Schema.optional(Schema.Unknown),
  apiMessage: Schema.optional(Schema.Unknown),
  requestID: nullable(Schema.String),
  headers: Schema.optional(Schema.instanceOf(Headers)),
  error: Schema.optional(Schema.Unknown),
  cause: Schema.optional(Schema.Unknown)
})
const decodeFailure = Schema.decodeUnknownOption(ClientFailure)
const decodeRequestId = Schema.decodeUnknownOption(Schema.Struct({ request_id: Schema.String }))

const text = (given: unknown): string | undefined => (typeof given === "string" && given !== "" ? given : undefined)

/** What the client threw before there was an answer to read; `now` in milliseconds, for waits given as a date. */
export const fromFailure = (context: ErrorContext, now: number, thrown: unknown): ProviderError => {
  const failure = Option.getOrUndefined(decodeFailure(thrown))
  if (failure === undefined) return make(context, { reason: "unknown", detail: String(thrown) })
  const { headers, name, status } = failure
  if (name === "APIConnectionTimeoutError") return make(context, { reason: "timeout", detail: failure.message })
  if (name === "APIConnectionError") {
    return make(context, { reason: "connection", detail: `the connection failed: ${rootMessage(failure.cause)}` })
  }
  const [type, code, message] = [text(failure.type), text(failure.errorCode), text(failure.apiMessage)]
  const reason = reasonOf({ status, type, code, message })
  const requestId = failure.requestID ?? Option.getOrUndefined(decodeRequestId(failure.error))?.request_id
  return make(context, {
    reason,
    detail: explain(context, reason, sentenceOf(message ?? failure.message)),
    ...(status == null ? undefined : { status }),
    ...(code === undefined ? undefined : { code }),
    ...(requestId === undefined ? undefined : { requestId }),
    ...askedOf(headers, now)
  })
}

/** An `error` event in the middle of an answer. */
export const fromErrorEvent = (context: ErrorContext, body: ErrorBody, requestId?: string | null): ProviderError => {
  const { details, message, type } = body.error
  const reason = reasonOf({ type, code: details?.error_code, message })
  const id = requestId ?? body.request_id
  return make(context, {
    reason,
    detail: explain(context, reason, message || type || "the answer broke off with an error"),
    ...(details?.error_code ? { code: details.error_code } : undefined),
    ...(id == null ? undefined : { requestId: id })
  })
}

const explain = (context: ErrorContext, reason: ProviderFault, said: string): string => {
  switch (reason) {
    case "authentication":
      return `the API key was refused (${said}); check apiKey of the provider ${context.provider}`
    case "billing":
      return `the account cannot pay for this call (${said}); check its plan and credit`
    case "spend_limit":
      return `a limit on spending was reached (${said})`
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

/** The cause a code names, else a sentence, else the category, else the HTTP status. */
export const reasonOf = ({ code, message, status, type }: Symptoms): ProviderFault =>
  byCode.get(code ?? "") ??
  (isRefusedInput(status, type) ? bySentence(message ?? "") : undefined) ??
  byType.get(type ?? "") ??
  withoutType(status ?? undefined, type ?? undefined)

/**
 * Codes that say more than the status they come with (`resources/shared.ts` and `resources/messages` of the client,
 * 1.12.0): most of them come as a request that is refused, though nothing is wrong with it. Others mean their category.
 */
const byCode = new Map<string, ProviderFault>([
  ["contract_spend_limit_reached", "spend_limit"],
  ["enforced_spend_limit_reached", "spend_limit"],
  ["linked_organization_spend_limit_reached", "spend_limit"],
  ["linked_organization_billing_unavailable", "billing"],
  ["ramp_limit_exceeded", "rate_limited"],
  ["claude_code_key_creator_not_member", "authentication"],
  ["cmek_key_disabled", "permission"],
  ["cmek_key_network_blocked", "permission"],
  ["organization_on_hold", "permission"],
  ["organization_type_not_supported", "permission"],
  ["parent_organization_required", "permission"],
  ["sandbox_egress_restricted", "permission"],
  ["image_dimensions_too_large", "too_large"],
  ["request_body_too_large_after_decoding", "too_large"],
  ["request_body_timeout", "timeout"]
])

/** The API has no code for these; the sentences are its own. */
const bySentence = (message: string): ProviderFault | undefined => {
  if (tooLong.test(message)) return "context_overflow"
  if (/credit balance is too low/i.test(message)) return "billing"
  if (/reached your specified API usage limits/i.test(message)) return "spend_limit"
  return /blocked by content filtering policy/i.test(message) ? "refused" : undefined
}

/**
 * "prompt is too long: 210000 tokens > 200000 maximum", "input length and `max_tokens` exceed context limit: …". A request
 * that is too large for other reasons, an image in it for example, says nothing of these.
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
  ["conflict_error", "unavailable"],
  ["memory_path_conflict_error", "invalid_request"],
  ["memory_precondition_failed_error", "invalid_request"]
])

const withoutType = (status: number | undefined, type: string | undefined): ProviderFault => {
  if (status !== undefined) return faultOf(status)
  return type === "api_error" ? "unavailable" : type === "invalid_request_error" ? "invalid_request" : "unknown"
}
