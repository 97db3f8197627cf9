/**
 * The one error of model providers: what went wrong in the vendor-free words of `ProviderFault`, whether asking
 * again can help, and what an operator should do.
 */
import * as Schema from "effect/Schema"

/**
 * What kind of thing went wrong. Stable: it reaches the session's log as the failure's `type`. `context_overflow`: the
 * conversation is more than the model takes in, so that less of it may be taken; `too_large`: the request itself is.
 * `billing`: the account cannot pay; `spend_limit`: it could, but a limit that somebody set on spending is reached.
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
  "refused",
  "spend_limit",
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
  /** The provider's own name for the cause, where it has one that is finer than ours. */
  code: Schema.optionalKey(Schema.String),
  /** What the provider itself said of sending the same request again (`x-should-retry`). */
  retryable: Schema.optionalKey(Schema.Boolean),
  /** How long the provider asked to wait before the next attempt. */
  retryAfter: Schema.optionalKey(Schema.Duration),
  /** How long the call stood in our own queue before it was given up there, never having been sent. */
  waited: Schema.optionalKey(Schema.Duration),
  /** Whether it was not sent at all, as who would have been asked is left alone for now (for `retryAfter`, if that is known). */
  skipped: Schema.optionalKey(Schema.Boolean)
}) {
  override get message() {
    return `${this.provider}: ${this.detail}`
  }

  /** All there is to know, for the log. */
  get facts() {
    const { code, detail, provider, reason, requestId, status } = this
    const known = Object.entries({ status, code, requestId }).filter(([, value]) => value !== undefined)
    return { provider, reason, detail, ...Object.fromEntries(known) }
  }

  /** What the operator should do; for logs and whoever runs the service, not for the person who waits for an answer. */
  get advice(): string {
    return treatmentOf(this.reason).advice
  }
}

/** What is to be done about a fault. */
export interface Treatment {
  /** Whether the same request may succeed when it is simply sent again. */
  readonly again: boolean
  /** Whether it may succeed with another key, model or provider; not where the request itself is at fault. */
  readonly elsewhere: boolean
  /** Whether it speaks against the health of who was asked, rather than against the request or the use made of the key. */
  readonly unhealthy: boolean
  /** What the operator should do. */
  readonly advice: string
}

/** The one place that decides what each fault means. */
export const treatmentOf = (reason: ProviderFault): Treatment => treatments[reason]

const waitsItOut = { again: true, elsewhere: true, unhealthy: true }
const needsOperator = { again: false, elsewhere: true, unhealthy: true }
const ownFault = { again: false, elsewhere: false, unhealthy: false }

const treatments: Readonly<Record<ProviderFault, Treatment>> = {
  authentication: { ...needsOperator, advice: "check the provider's apiKey: it is missing, mistyped or revoked" },
  billing: { ...needsOperator, advice: "check the payment details and the credit of the provider's account" },
  permission: {
    ...needsOperator,
    advice: "see what the account and its key may use, and choose a model that is among it"
  },
  not_found: { ...needsOperator, advice: "check the model's name and the provider's baseUrl" },
  invalid_request: { ...ownFault, advice: "the request was refused as it is; the detail names the part at fault" },
  too_large: { ...ownFault, advice: "send less at once: a smaller file or image, or a shorter message" },
  context_overflow: { ...ownFault, advice: "lower the agent's context.window to what the model takes in" },
  rate_limited: {
    ...{ again: true, elsewhere: true, unhealthy: false },
    advice: "set limits to what the key allows, add a key, or ask the provider for more"
  },
  overloaded: { ...waitsItOut, advice: "nothing, it passes; name a fallback for when it lasts" },
  timeout: { ...waitsItOut, advice: "look at the provider's status; raise timeouts if its model is known to be slow" },
  connection: { ...waitsItOut, advice: "check baseUrl, the network, its proxy and name resolution" },
  stream_cut: { ...waitsItOut, advice: "nothing if it is rare; else look for a proxy that ends long answers" },
  stream_stalled: {
    ...waitsItOut,
    advice: "look at the provider's status; raise timeouts if its model thinks for long"
  },
  refused: { ...ownFault, advice: "nothing: the provider declined to answer this conversation" },
  spend_limit: { ...needsOperator, advice: "raise the spending limit that was reached, or wait until it starts anew" },
  invalid_response: { ...needsOperator, advice: "check that baseUrl leads to an API of the provider's kind" },
  unavailable: { ...waitsItOut, advice: "look at the provider's status; name a fallback for when it lasts" },
  unknown: { ...needsOperator, advice: "the detail is all that is known; quote the request's id to the provider" }
}

/** Whether this very request may succeed when it is sent again: the provider's own word counts more than our rule. */
export const isTransient = (error: ProviderError): boolean => {
  // Who has waited in vain would only wait again.
  if (error.waited !== undefined) return false
  const { again, elsewhere } = treatmentOf(error.reason)
  return error.retryable === undefined ? again : error.retryable && elsewhere
}
