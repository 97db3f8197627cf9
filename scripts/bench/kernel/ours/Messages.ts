/** How many messages actors work on: asked by one, asked by a crowd, and told. */
import * as Effect from "effect/Effect"
import { perSecond } from "../Readings.ts"
import { type Counter, counter, started } from "./Counters.ts"

const asking = Effect.fnUntraced(function* (actor: Counter, times: number) {
  for (let index = 0; index < times; index++) yield* actor.ask(1)
})

const telling = Effect.fnUntraced(function* (actor: Counter, times: number) {
  for (let index = 0; index < times; index++) yield* actor.tell(1)
  yield* actor.ask(0)
})

const rate = Effect.fnUntraced(function* <E>(times: number, work: Effect.Effect<void, E>) {
  const begun = performance.now()
  yield* work
  return perSecond(times, performance.now() - begun)
})

export const messages = Effect.fnUntraced(function* (times: number, crowd: number) {
  const [one, ...others] = yield* started(counter, crowd + 1)
  if (one === undefined) return {}
  const each = Math.ceil(times / crowd)
  const all = Effect.forEach(others, (actor) => asking(actor, each), { concurrency: "unbounded", discard: true })
  for (const warmUp of [asking(one, times), all, telling(one, times)]) yield* warmUp
  return {
    askOne: yield* rate(times, asking(one, times)),
    askMany: yield* rate(each * crowd, all),
    tell: yield* rate(times, telling(one, times))
  }
})
