/**
 * The keys of one tenant's providers, and what each allows.
 *
 * A vendor counts by key, whatever the file calls its providers: those that use the very same key at the same address
 * share one count, and are held to the tightest of what is said of it.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect"
import * as RateLimits from "./RateLimits.ts"
import { type Limits, tightest } from "./RateLimitState.ts"

/** A key, where it is used, and what is said of its limits. */
export interface Account {
  readonly address: string
  readonly apiKey: Redacted.Redacted
  readonly limits: RateLimits.RateLimitsOptions
}

/** The keys of one provider, each once; one that is not set counts only if there is no other. */
export const keysOf = (
  apiKey: Redacted.Redacted,
  moreKeys: ReadonlyArray<Redacted.Redacted>
): Arr.NonEmptyReadonlyArray<Redacted.Redacted> => {
  const present = Arr.prepend(moreKeys, apiKey).filter((key) => textOf(key) !== "")
  return Arr.isReadonlyArrayNonEmpty(present)
    ? Arr.dedupeWith(present, (one, other) => textOf(one) === textOf(other))
    : [apiKey]
}

/** Finds the count of an account, or makes it by what is said of it in `all`. The counts live as long as the Scope. */
export const among = (
  all: ReadonlyArray<Account>
): ((account: Account) => Effect.Effect<RateLimits.RateLimits, never, Scope.Scope>) => {
  const counts = new Map<string, RateLimits.RateLimits>()
  return Effect.fnUntraced(function* (account) {
    const identity = identityOf(account)
    const said = all.filter((other) => identityOf(other) === identity).map(({ limits }) => limits)
    const rateLimits = counts.get(identity) ?? (yield* RateLimits.make(said.reduce(together, account.limits)))
    counts.set(identity, rateLimits)
    return rateLimits
  })
}

const identityOf = ({ address, apiKey }: Account): string => `${address} ${textOf(apiKey)}`

const textOf = (key: Redacted.Redacted): string => Redacted.value(key).trim()

const together = (
  one: RateLimits.RateLimitsOptions,
  other: RateLimits.RateLimitsOptions
): RateLimits.RateLimitsOptions => {
  const perModel: Record<string, Limits> = { ...one.perModel }
  for (const [model, limits] of Object.entries(other.perModel ?? {})) {
    perModel[model] = tightest(perModel[model] ?? {}, limits)
  }
  return {
    limits: tightest(one.limits, other.limits),
    perModel,
    patience: Duration.min(one.patience, other.patience),
    cacheIsFree: one.cacheIsFree && other.cacheIsFree
  }
}
