/**
 * What went wrong at an OpenAI-compatible server, in our words: pure.
 *
 * The client's own error classes, HTTP statuses and errors in the middle of an answer all become one `ProviderError`. Its
 * detail is the server's sentence, and never contains the key.
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { askedOf, type ErrorContext, faultOf, make, rootMessage, sentenceOf } from "../HttpFailure.ts"
import type { ProviderError, ProviderFault } from "../ProviderError.ts"
import { readError, type Said } from "./OpenAiEvent.ts"

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/**
 * The parts of the client's errors that mean something; its classes are not loaded to recognise them. They set no `name`,
 * so a connection that failed is told by its sentence (`core/error.mjs` and `client.mjs` of the client, 7.57.0).
 */
const ClientFailure = Schema.Struct({
  message: Schema.String,
  status: nullable(Schema.Int),
  requestID: nullable(Schema.String),
  headers: Schema.optional(Schema.instanceOf(Headers)),
  error: Schema.optional(Schema.Unknown),
  cause: Schema.optional(Schema.Unknown)
})
const decodeFailure = Schema.decodeUnknownOption(ClientFailure)

/** What the client threw before there was an answer to read; `now` in milliseconds, for waits given as a date. */
export const fromFailure = (context: ErrorContext, now: number, thrown: unknown): ProviderError => {
  const failure = Option.getOrUndefined(decodeFailure(thrown))
  if (failure === undefined) return make(context, { reason: "unknown", detail: String(thrown) })
  const { headers, message, requestID, status } = failure
  if (status == null) return unanswered(context, message, failure.cause)
  const said = readError(failure.error)
  const reason = reasonOf({ ...said, status, message: said.message ?? message })
  return make(context, {
    reason,
    detail: explain(context, reason, sentenceOf(said.message ?? message)),
    status,
    ...codeOf(said),
    ...(requestID == null ? undefined : { requestId: requestID }),
    ...askedOf(headers, now)
  })
}

const unanswered = (context: ErrorContext, message: string, cause: unknown): ProviderError => {
  if (/^Request timed out\./.test(message)) return make(context, { reason: "timeout", detail: message })
  return /^Connection error\b/.test(message)
    ? make(context, { reason: "connection", detail: `the connection failed: ${rootMessage(cause)}` })
    : make(context, { reason: "unknown", detail: message })
}

/** A number is an HTTP status over again. */
const codeOf = ({ code }: Said) => (typeof code === "string" && code !== "" ? { code } : undefined)

/** An error in the middle of an answer. */
export const fromErrorEvent = (context: ErrorContext, error: unknown, requestId: string | null): ProviderError => {
  const said = readError(error)
  const reason = reasonOf(said)
  return make(context, {
    reason,
    detail: explain(context, reason, said.message ?? said.type ?? "the answer broke off with an error"),
    ...codeOf(said),
    ...(requestId === null ? undefined : { requestId })
  })
}

const explain = ({ apiKey, provider }: ErrorContext, reason: ProviderFault, said: string): string => {
  switch (reason) {
    case "authentication":
      return Redacted.value(apiKey).trim() === ""
        ? `the server asks for an API key (${said}); set apiKey of the provider ${provider}`
        : `the API key was refused (${said}); check apiKey of the provider ${provider}`
    case "billing":
      return `the account cannot pay for this call (${said}); check its plan and credit`
    case "spend_limit":
      return `a limit on spending was reached (${said})`
    case "not_found":
      return `${said}; check the name of the model, and baseUrl of the provider ${provider}`
    default:
      return said
  }
}

interface Symptoms extends Said {
  readonly status?: number | undefined
}

/** The cause a code or a sentence names, else the HTTP status, else the category. A numeric code is an HTTP status. */
export const reasonOf = ({ code, message = "", status, type = "" }: Symptoms): ProviderFault => {
  const http = status ?? (typeof code === "number" ? code : undefined)
  const named = byName.get(String(code)) ?? byName.get(type)
  if (named !== undefined) return named
  if (mayBeOverflow(http) && tooLong.test(message)) return "context_overflow"
  if (mayBeRefusal(http) && flagged.test(message)) return "refused"
  if (http === 429 && /^Request too large/i.test(message)) return "too_large"
  return http === undefined
    ? (byType.get(type) ?? byType.get(String(code)) ?? "unknown")
    : http === 503
      ? "overloaded"
      : faultOf(http)
}

/**
 * OpenAI: "This model's maximum context length is 8192 tokens. However, …", "Your input exceeds the context window of this
 * model"; OpenRouter: "This endpoint's maximum context length is …"; vLLM: "… is longer than the maximum model length of
 * 4096", "'max_tokens' … is too large: … maximum context length …"; llama.cpp: "the request exceeds the available context
 * size", "Context size has been exceeded."; Ollama: "the input length exceeds the context length", "prompt too long;
 * exceeded max context length by 4 tokens".
 */
const tooLong =
  /context (length|window|size|limit)|maximum model length|prompt (is )?too long|input is too long|reduce the length of the (messages|prompt|input)/i

/** llama.cpp notices in the middle of an answer, and calls it 500. */
const mayBeOverflow = (status: number | undefined): boolean =>
  status === undefined || status === 400 || status === 413 || status === 422 || status === 500

/**
 * OpenAI: "Invalid prompt: your prompt was flagged as potentially violating our usage policy"; OpenRouter: "… Your input was
 * flagged for …"; Azure: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
 */
const flagged = /\b(prompt|input|request|content) was flagged\b|content management policy/i

const mayBeRefusal = (status: number | undefined): boolean =>
  status === undefined || status === 400 || status === 403 || status === 422

/** Codes and types that say more than the status they come with (types of openai 7.57.0; OpenRouter; Azure). */
const byName = new Map<string, ProviderFault>([
  ["context_length_exceeded", "context_overflow"],
  ["exceed_context_size_error", "context_overflow"],
  ["insufficient_quota", "billing"],
  ["billing_not_active", "billing"],
  ["credit_balance_exhausted", "billing"],
  ["billing_hard_limit_reached", "spend_limit"],
  ["usage_limit_exceeded", "spend_limit"],
  ["project_spend_limit_exceeded", "spend_limit"],
  ["organization_spend_limit_exceeded", "spend_limit"],
  ["organization_usage_limit_exceeded", "spend_limit"],
  ["content_filter", "refused"],
  ["content_policy_violation", "refused"],
  ["image_content_policy_violation", "refused"],
  ["bio_policy", "refused"],
  ["cyber_policy", "refused"],
  ["misalignment_policy_violation", "refused"],
  ["image_too_large", "too_large"],
  ["image_file_too_large", "too_large"],
  ["invalid_api_key", "authentication"],
  ["model_not_found", "not_found"],
  ["slow_down", "overloaded"],
  ["server_overloaded", "overloaded"],
  ["flex_unavailable", "overloaded"]
])

/** What is left to go by where there is no status: in the middle of an answer. */
const byType = new Map<string, ProviderFault>([
  ["authentication_error", "authentication"],
  ["permission_error", "permission"],
  ["not_found_error", "not_found"],
  ["NotFoundError", "not_found"],
  ["invalid_request_error", "invalid_request"],
  ["BadRequestError", "invalid_request"],
  ["rate_limit_error", "rate_limited"],
  ["rate_limit_exceeded", "rate_limited"],
  ["overloaded_error", "overloaded"],
  ["unavailable_error", "overloaded"],
  ["server_error", "unavailable"],
  ["api_error", "unavailable"],
  ["InternalServerError", "unavailable"],
  ["Internal Server Error", "unavailable"],
  ["timeout", "timeout"]
])
