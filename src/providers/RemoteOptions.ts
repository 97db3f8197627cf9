/** What every provider that is asked over the network is told. */
import type { Redacted } from "effect"
import type { Timeouts } from "./Patience.ts"
import type { RateLimits } from "./RateLimits.ts"
import type { RetryPolicy } from "./Retry.ts"

export interface RemoteOptions {
  /** The provider's name in the tenant's file. */
  readonly name: string
  /** Sent as `Authorization: Bearer`. */
  readonly apiKey: Redacted.Redacted
  readonly baseUrl: string
  readonly models?: ReadonlyArray<string>
  readonly retry: RetryPolicy
  /** What is not given is as `Patience.defaults` says. */
  readonly timeouts?: Partial<Timeouts>
  /** What its key allows; not limited if not given. */
  readonly rateLimits?: RateLimits
}
