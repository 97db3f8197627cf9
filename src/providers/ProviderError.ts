/**
 * The one error of model providers: what went wrong in the vendor-free words of `ProviderFault`, whether asking
 * again can help, and what an operator should do.
 */
import * as Schema from "effect/Schema"

/**
 * What kind of thing went wrong. Stable: it reaches the session's log as the failure's `type`. `context_overflow`: the
 * conversation is more than the model takes in, so that less of it may be taken; `too_large`: the request itself is.
 */
export const ProviderFault = Schema.Literals([
  "authentication",
  "billing",
  "permission",
  "not_found",
  "invalid_request",
  "too_large",
  "context_overflow",
  "rate_limited",
  "overloaded",
  "timeout",
  "connection",
  "stream_cut",
  "stream_stalled",
  "invalid_response",
  "unavailable",
  "unknown"
])
export type ProviderFault = typeof ProviderFault.Type

export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  provider: Schema.String,
  reason: ProviderFault,
  /** What the provider said, without secrets. */
  detail: Schema.String,
  /** The HTTP status, where there was one. */
  status: Schema.optionalKey(Schema.Int),
  /** The provider's own id of the request, to be quoted to its support. */
  requestId: Schema.optionalKey(Schema.String),
  /** How long the provider asked to wait before the next attempt. */
  retryAfter: Schema.optionalKey(Schema.Duration),
  /** How long the call stood in our own queue before it was given up there, never having been sent. */
  waited: Schema.optionalKey(Schema.Duration)
}) {
  override get message() {
    return `${this.provider}: ${this.detail}`
  }
}

/** Whether the same request may succeed when it is simply sent again. */
export const isTransient = (error: ProviderError): boolean => {
  switch (error.reason) {
    case "rate_limited":
      // Who has waited in vain would only wait again.
      return error.waited === undefined
    case "overloaded":
    case "timeout":
    case "connection":
    case "stream_cut":
    case "stream_stalled":
    case "unavailable":
      return true
    case "authentication":
    case "billing":
    case "permission":
    case "not_found":
    case "invalid_request":
    case "too_large":
    case "context_overflow":
    case "invalid_response":
    case "unknown":
      return false
  }
}
