/**
 * Several keys of one provider as if they were one.
 *
 * A call goes to a key that can take it now: the one its session used last, because the vendor's prompt cache belongs to
 * the key's account, else the one used least recently. If all are busy it stands in the queue of each, and goes where
 * there is room first. A key whose fault it is that a call fails is passed over for the next one at once, as long as
 * nothing was said and the call's budget lasts; one that keeps failing is left alone for a while (`Breaker.ts`).
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Scope } from "effect"
import * as Breaker from "./Breaker.ts"
import type { WaitingCall } from "./CallGate.ts"
import { admit } from "./KeyAdmission.ts"
import { isOfKey, moreHopeful, preferred } from "./KeyChoice.ts"
import type { PausedKey, Provider, ProviderPart, ProviderRequest } from "./Provider.ts"
import type { ProviderError } from "./ProviderError.ts"
import type { RateLimits, Wait } from "./RateLimits.ts"
import { heldUntilContent } from "./Retry.ts"
import { visibly } from "./Waiting.ts"

/** A provider by one of its keys, and what that allows. */
export interface ProviderKey {
  readonly provider: Provider["Service"]
  readonly rateLimits: RateLimits
}

interface Key {
  /** As it is called where people read, as the key itself is a secret. */
  readonly name: string
  /** Held back while the key is to be left alone. */
  readonly count: Provider["Service"]["count"]
  /** Under its circuit breaker. */
  readonly guarded: Provider["Service"]
  readonly rateLimits: RateLimits
  used: number
}

interface Pool {
  readonly provider: string
  readonly keys: ReadonlyArray<Key>
  readonly breaker: Breaker.Breaker
  readonly homes: Homes
  readonly wait: Wait
}

/** The same provider, asked by whichever key. What the first says of its name, its models and their limits holds for all. */
export const make = Effect.fnUntraced(function* (
  given: Arr.NonEmptyReadonlyArray<ProviderKey>,
  policy: Breaker.BreakerPolicy
): Effect.fn.Return<Provider["Service"], never, Scope.Scope> {
  const [{ provider }] = given
  // A key that was turned away will be again: where there are others it need not be asked until it has failed so often.
  const atOnce = (error: ProviderError) => given.length > 1 && isOfKey(error.reason)
  const breaker = yield* Breaker.make({ provider: provider.name, policy, atOnce })
  const keys = given.map(({ provider, rateLimits }, index): Key => {
    const name = `key ${index + 1}`
    const { count } = rateLimits.limit(provider)
    return { name, count, guarded: breaker.guard(provider, name), rateLimits, used: 0 }
  })
  const { wait, waiting } = waitingRoom(provider.name)
  const pool: Pool = { provider: provider.name, keys, breaker, homes: makeHomes(), wait }
  return {
    ...provider,
    stream: (request) => asking(pool, request),
    health: breaker.health,
    paused: Effect.map(Clock.currentTimeMillis, (now) => keys.flatMap((key) => pauseOf(key, now))),
    waiting,
    ...(provider.count && { count: (request: ProviderRequest) => counting(pool, request) })
  }
})

const pauseOf = ({ name, rateLimits }: Key, now: number): ReadonlyArray<PausedKey> =>
  rateLimits.pausedUntil > now ? [{ key: name, until: rateLimits.pausedUntil }] : []

/** Who may be asked, in order, or why nobody may: what was tried has failed with `failures`. */
const survey = Effect.fnUntraced(function* (
  { breaker, homes, keys }: Pool,
  { model, session }: ProviderRequest,
  tried: ReadonlySet<Key>,
  failures: ReadonlyArray<ProviderError>
) {
  const errors = [...failures]
  const able: Array<{ key: Key; onTrial: boolean; isHome: boolean; used: number }> = []
  const home = homes.of(session)
  for (const key of keys) {
    if (tried.has(key)) continue
    const standing = yield* breaker.standing(key.name, model)
    if (typeof standing !== "string") errors.push(standing)
    else able.push({ key, onTrial: standing === "on trial", isHome: key === home, used: key.used })
  }
  const ranked = preferred(able).map(({ key }) => key)
  return Arr.isReadonlyArrayNonEmpty(ranked) ? ranked : yield* errors.reduce(moreHopeful)
})

const asking = (pool: Pool, request: ProviderRequest): Stream.Stream<ProviderPart, ProviderError> =>
  Stream.suspend(() => {
    const tried = new Set<Key>()
    const failures: Array<ProviderError> = []
    let spoken = false
    const speak = () => {
      spoken = true
    }
    const next: Stream.Stream<ProviderPart, ProviderError> = Stream.unwrap(
      Effect.gen(function* () {
        const able = yield* survey(pool, request, tried, failures)
        if (failures.length > 0 && request.budget?.spend() === false) return yield* failures.reduce(moreHopeful)
        const { key, pass } = yield* admit(pool.provider, request, able, pool.wait)
        pool.homes.use(request.session, key)
        const parts = key.rateLimits.through(pass, key.guarded, request)
        if (pool.keys.length === 1) return parts
        return Stream.catch(heldUntilContent(parts, speak), (error) => after(key, error))
      })
    )
    const after = (key: Key, error: ProviderError) => {
      if (spoken || !(isOfKey(error.reason) || error.skipped === true)) return Stream.fail(error)
      failures.push(error)
      if (failures.length === pool.keys.length) return Stream.fail(failures.reduce(moreHopeful))
      // Who is to be left alone for a while is in nobody's way, and may be the first to have room again.
      if (error.reason !== "rate_limited" || !isForLater(error)) tried.add(key)
      return Stream.concat(Stream.fromEffectDrain(passedOver(key, error)), next)
    }
    return next
  })

const isForLater = ({ retryAfter = Duration.zero }: ProviderError) => Duration.isGreaterThan(retryAfter, Duration.zero)

const passedOver = ({ name }: Key, { facts }: ProviderError) =>
  Effect.annotateLogs(Effect.logWarning("key passed over"), { ...facts, key: name })

/** Nobody is left alone for having counted badly, nor spared because of other failures: it costs nothing. */
const counting = Effect.fnUntraced(function* ({ breaker, homes, keys }: Pool, request: ProviderRequest) {
  const { model, session } = request
  const home = homes.of(session)
  const candidates = yield* Effect.forEach(keys, (key) =>
    Effect.map(breaker.standing(key.name, model), (standing) => ({
      count: key.count,
      onTrial: standing !== "well",
      isHome: key === home,
      used: key.used
    }))
  )
  const failures: Array<ProviderError> = []
  for (const { count } of preferred(candidates)) {
    if (count === undefined) continue
    const counted = yield* Effect.result(count(request))
    if (counted._tag === "Success") return counted.success
    failures.push(counted.failure)
    if (!isOfKey(counted.failure.reason)) break
  }
  return yield* failures.reduce(moreHopeful)
})

interface Homes {
  /** The key that a session used last. */
  of(session: string | undefined): Key | undefined
  use(session: string | undefined, key: Key): void
}

/** So many sessions are remembered. */
const mostHomes = 10_000

const makeHomes = (): Homes => {
  const homes = new Map<string, Key>()
  let uses = 0
  return {
    of: (session) => (session === undefined ? undefined : homes.get(session)),
    use: (session, key) => {
      uses += 1
      key.used = uses
      if (session === undefined) return
      homes.delete(session)
      homes.set(session, key)
      const [oldest] = homes.keys()
      if (homes.size > mostHomes && oldest !== undefined) homes.delete(oldest)
    }
  }
}

/** Keeps who waits, and lets it be seen. */
const waitingRoom = (provider: string) => {
  const calls = new Set<WaitingCall>()
  const seen = visibly(provider)
  const wait: Wait = (call, waits) =>
    Effect.suspend(() => {
      calls.add(call)
      return Effect.ensuring(
        seen(call, waits),
        Effect.sync(() => calls.delete(call))
      )
    })
  const waiting = Effect.sync(() =>
    Array.from(calls, ({ reason, session, since, until }): WaitingCall => ({ reason, session, since, until }))
  )
  return { wait, waiting }
}
