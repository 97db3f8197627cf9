/**
 * What is put around every provider that is asked over the network, and in which order, from the outside in:
 *
 * 1. `withCallWithin`: the time for a call as a whole, waiting for room and everything tried again included;
 * 2. `withRetry`: one budget of attempts. What waited for room in vain is not tried again;
 * 3. `KeyPool`, where it is asked by several keys: which of them, and passing over to the next one without a wait;
 * 4. `RateLimits`: every attempt waits for room of its own, and no wait between two attempts holds any;
 * 5. `Breaker`: whoever keeps failing is left alone. It comes last before sending, and gives back the room if it refuses.
 *
 * The patience with a silent model begins when an attempt is sent, and is the provider's own (`HttpAnswer.ts`).
 */
import * as Effect from "effect/Effect"
import type * as Arr from "effect/Array"
import type { Duration, Scope } from "effect"
import type { BreakerPolicy } from "./Breaker.ts"
import * as KeyPool from "./KeyPool.ts"
import { withCallWithin } from "./Patience.ts"
import type { Provider } from "./Provider.ts"
import type { RateLimits } from "./RateLimits.ts"
import { type RetryPolicy, withRetry } from "./Retry.ts"

export interface Surroundings {
  readonly retry: RetryPolicy
  readonly timeouts: { readonly call: Duration.Duration }
}

/** The same provider, fit for use by one key; it is not limited without `rateLimits`, and never left alone. */
export const compose = (
  provider: Provider["Service"],
  around: Surroundings & { readonly rateLimits?: RateLimits | undefined }
): Provider["Service"] => persevering(around.rateLimits?.limit(provider) ?? provider, around)

/** The same provider, fit for use by several keys. */
export const composePool = (
  keys: Arr.NonEmptyReadonlyArray<KeyPool.ProviderKey>,
  around: Surroundings & { readonly breaker: BreakerPolicy }
): Effect.Effect<Provider["Service"], never, Scope.Scope> =>
  Effect.map(KeyPool.make(keys, around.breaker), (pool) => persevering(pool, around))

const persevering = (provider: Provider["Service"], { retry, timeouts }: Surroundings): Provider["Service"] =>
  withCallWithin(withRetry(provider, retry), timeouts.call)
