/** How soon an actor that crashed answers again: one after the other, and many together. */
import * as Effect from "effect/Effect"
import { percentile } from "../Readings.ts"
import { type Counter, counter, started } from "./Counters.ts"

const crashAndAsk = Effect.fnUntraced(function* (actor: Counter) {
  const begun = performance.now()
  yield* Effect.exit(actor.ask(-1))
  yield* actor.ask(1)
  return (performance.now() - begun) * 1000
})

const crashAll = Effect.fnUntraced(function* (actors: ReadonlyArray<Counter>) {
  const begun = performance.now()
  for (const actor of actors) yield* actor.tell(-1)
  for (const actor of actors) yield* actor.ask(1)
  return performance.now() - begun
})

export const crashes = Effect.fnUntraced(function* (times: number, over: number) {
  const actors = yield* started(counter, over)
  const inTurn = Array.from({ length: times / over }, () => actors).flat()
  yield* Effect.forEach(inTurn, crashAndAsk, { discard: true })
  const micros = yield* Effect.forEach(inTurn, crashAndAsk)
  return { p50: percentile(micros, 0.5), p99: percentile(micros, 0.99) }
})

export const together = Effect.fnUntraced(function* (count: number) {
  yield* crashAll(yield* started(counter, count / 10))
  return { millis: yield* crashAll(yield* started(counter, count)) }
})
