/**
 * What is put around every provider that is asked over the network, and in which order, from the outside in:
 *
 * 1. `withCallWithin`: the time for a call as a whole, waiting for room and everything tried again included;
 * 2. `withRetry`: one budget of attempts. What waited for room in vain is not tried again;
 * 3. `RateLimits`: every attempt waits for room of its own, and no wait between two attempts holds any;
 * 4. `withContentWithin`: the patience with a silent model begins when the attempt is sent.
 */
import type { Duration } from "effect"
import { withCallWithin, withContentWithin } from "./Patience.ts"
import type { Provider } from "./Provider.ts"
import type { RateLimits } from "./RateLimits.ts"
import { type RetryPolicy, withRetry } from "./Retry.ts"

export interface Surroundings {
  readonly retry: RetryPolicy
  readonly timeouts: { readonly content: Duration.Duration; readonly call: Duration.Duration }
  /** What its key allows; not limited if absent. */
  readonly rateLimits?: RateLimits | undefined
}

/** The same provider, fit for use. */
export const compose = (provider: Provider["Service"], around: Surroundings): Provider["Service"] => {
  const attentive = withContentWithin(provider, around.timeouts.content)
  const limited = around.rateLimits?.limit(attentive) ?? attentive
  return withCallWithin(withRetry(limited, around.retry), around.timeouts.call)
}
