/**
 * What providers have said of the limits of models so far.
 *
 * Nobody waits for it: what is not known yet is asked for in the background, and counts from when it is. One that cannot
 * tell says so in the log, and is asked again with a later turn.
 */
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import type { Scope } from "effect"
import { nameOf, type Target } from "../providers/ModelCall.ts"
import type { ModelLimits } from "../providers/Provider.ts"

export interface LearnedLimits {
  /** What is known by now. */
  of(target: Target): ModelLimits
  /** Has the provider asked unless it is known already. Returns at once. */
  learn(target: Target): Effect.Effect<void>
}

/** The most models that are remembered; their names come from outside. */
const capacity = 256

const nothing: ModelLimits = {}

/** What is asked for ends with the scope. */
export const make: Effect.Effect<LearnedLimits, never, Scope.Scope> = Effect.gen(function* () {
  const asking = yield* FiberMap.make<string>()
  const known = new Map<string, ModelLimits>()

  const keep = (name: string, limits: ModelLimits) => {
    const [oldest] = known.keys()
    if (known.size >= capacity && oldest !== undefined) known.delete(oldest)
    known.set(name, limits)
  }

  const learn = (target: Target) =>
    Effect.suspend(() => {
      const name = nameOf(target)
      const { limitsOf } = target.provider
      if (limitsOf === undefined || known.has(name)) return Effect.void
      const told = Effect.suspend(() => limitsOf(target.model))
      const ask = Effect.map(told, (limits) => keep(name, limits))
      return Effect.asVoid(FiberMap.run(asking, name, Effect.ignore(ask), { onlyIfMissing: true }))
    })

  return { of: (target) => known.get(nameOf(target)) ?? nothing, learn }
})
