/** How a call finds room with one of several keys: with the first that has any now, else in the queue of each. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Arr from "effect/Array"
import type { Room, WaitingCall } from "./CallGate.ts"
import type { ProviderRequest } from "./Provider.ts"
import type { ProviderError } from "./ProviderError.ts"
import type { Pass, RateLimits, Wait } from "./RateLimits.ts"
import { longWait } from "./Retry.ts"
import { crowded } from "./Waiting.ts"

/** What has limits of its own. */
export interface Limited {
  readonly rateLimits: RateLimits
}

/** Who takes the call, and what was set aside for it there. */
export interface Admitted<K> {
  readonly key: K
  readonly pass: Pass
}

/**
 * Waits for room, if it must: `wait` then has something put around it. `keys` are in the order in which they are to be
 * asked. Where others could be asked instead of this provider, a call does not wait for long.
 */
export const admit = Effect.fnUntraced(function* <K extends Limited>(
  provider: string,
  request: ProviderRequest,
  keys: Arr.NonEmptyReadonlyArray<K>,
  wait: Wait
) {
  const rooms = yield* Effect.forEach(keys, (key) =>
    Effect.map(key.rateLimits.roomFor(request), (room): Found<K> => ({ key, room }))
  )
  const free = rooms.find(({ room }) => room.obstacle === undefined)?.key
  const key = free ?? keys[0]
  const entering =
    free === undefined && keys.length > 1
      ? inEveryQueue(provider, request, rooms, wait)
      : Effect.map(key.rateLimits.enter(provider, request, wait), (pass): Admitted<K> => ({ key, pass }))
  return yield* free === undefined && request.budget?.hasOthers === true
    ? notForLong(provider, soonest(rooms).room, entering)
    : entering
})

interface Found<K> {
  readonly key: K
  readonly room: Room
}

const soonest = <K>(rooms: Arr.NonEmptyReadonlyArray<Found<K>>): Found<K> =>
  rooms.reduce((one, other) => (other.room.at < one.room.at ? other : one))

/** How long those who came before keep a call waiting shows only when it waits. */
const notForLong = Effect.fnUntraced(function* <A, R>(
  provider: string,
  { at, obstacle = "queue" }: Room,
  entering: Effect.Effect<A, ProviderError, R>
) {
  const wait = Duration.millis(at - (yield* Clock.currentTimeMillis))
  if (Duration.isGreaterThan(wait, longWait)) return yield* crowded(provider, obstacle, wait)
  return yield* Effect.timeoutOrElse(entering, {
    duration: longWait,
    orElse: () => crowded(provider, obstacle, longWait, longWait)
  })
})

/** Each place in a queue has a Scope of its own, so that what was set aside at two keys at once is given back to one. */
const inEveryQueue = Effect.fnUntraced(function* <K extends Limited>(
  provider: string,
  request: ProviderRequest,
  rooms: Arr.NonEmptyReadonlyArray<Found<K>>,
  wait: Wait
) {
  const scope = yield* Effect.scope
  const { key: first, room } = soonest(rooms)
  const since = yield* Clock.currentTimeMillis
  const until = since + Duration.toMillis(first.rateLimits.patience)
  const call: WaitingCall = { session: request.session ?? "", since, until, reason: room.obstacle ?? "queue" }
  const places = yield* Effect.forEach(rooms, ({ key }) => Effect.map(Scope.fork(scope), (own) => ({ key, own })))
  const entering = places.map(({ key, own }) =>
    Scope.provide(
      Effect.map(key.rateLimits.enter(provider, request, silently), (pass): Admitted<K> => ({ key, pass })),
      own
    )
  )
  const admitted = yield* wait(call, Effect.raceAllFirst(entering))
  const others = places.filter(({ key }) => key !== admitted.key)
  yield* Effect.forEach(others, ({ own }) => Scope.close(own, Exit.void), { discard: true })
  return admitted
})

const silently: Wait = (_, waiting) => waiting
