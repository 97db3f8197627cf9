/** The actors that are measured: each counts, and fails of a negative number. */
import * as Effect from "effect/Effect"
import type { Scope } from "effect"
import * as Actor from "../../../../src/kernel/Actor.ts"
import * as Supervisor from "../../../../src/kernel/Supervisor.ts"

export type Counter = Actor.Actor<number, number>

const boom = Effect.suspend(() => Effect.die(new Error("boom")))

/** Answers within the asker's own step. */
export const counter = Actor.define({
  start: () => {
    let count = 0
    return Effect.succeed((by: number) => (by < 0 ? boom : Effect.sync(() => (count += by))))
  }
})

/** Waits for its turn once before it answers, as whoever reads or writes something does. */
export const waiting = Actor.define({
  start: () => {
    let count = 0
    const add = (by: number) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => (count += by))
      )
    return Effect.succeed((by: number) => (by < 0 ? boom : add(by)))
  }
})

/** A supervisor that never gives up. */
export const supervisor: Effect.Effect<Supervisor.Supervisor, never, Scope.Scope> = Supervisor.make({
  name: "bench",
  strategy: "one_for_one",
  intensity: { restarts: 1_000_000_000, within: "1 second" }
}).pipe(Effect.orDie)

/** So many of them, started one after the other. */
export const startedUnder = Effect.fnUntraced(function* (
  over: Supervisor.Supervisor,
  make: (id: string) => Counter,
  count: number
) {
  const actors: Array<Counter> = []
  for (let index = 0; index < count; index++) {
    const actor = make(`actor-${index}`)
    yield* over.startChild(actor)
    actors.push(actor)
  }
  return actors
}, Effect.orDie)

/** The same under a supervisor of their own. */
export const started = Effect.fnUntraced(function* (make: (id: string) => Counter, count: number) {
  return yield* startedUnder(yield* supervisor, make, count)
})
