/** How fast supervised actors start, what each takes at rest, and how long a million of them hold the process. */
import * as Effect from "effect/Effect"
import { heapInUse, perSecond, watchPauses } from "../Readings.ts"
import { counter, started, startedUnder, supervisor } from "./Counters.ts"

export const starts = Effect.fnUntraced(function* (count: number) {
  for (let round = 0; round < 2; round++) yield* Effect.scoped(started(counter, count))
  const over = yield* supervisor
  const begun = performance.now()
  yield* startedUnder(over, counter, count)
  return { starts: perSecond(count, performance.now() - begun) }
})

export const memory = Effect.fnUntraced(function* (count: number) {
  const over = yield* supervisor
  const before = yield* Effect.promise(heapInUse)
  const actors = yield* startedUnder(over, counter, count)
  const bytes = ((yield* Effect.promise(heapInUse)) - before) / actors.length
  return { bytes }
})

export const million = Effect.fnUntraced(function* (count: number) {
  yield* Effect.scoped(started(counter, Math.ceil(count / 20)))
  const begun = performance.now()
  const pause = watchPauses()
  yield* Effect.scoped(
    Effect.gen(function* () {
      for (const actor of yield* started(counter, count)) yield* actor.ask(1)
    })
  )
  return { pause: pause(), millis: performance.now() - begun }
})
