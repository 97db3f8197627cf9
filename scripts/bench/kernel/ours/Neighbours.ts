/**
 * What crashes cost the neighbours: callers ask in a closed loop, each 5 ms after its last answer, now in
 * peace, now while others crash.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { compared, type Phase, watchPauses } from "../Readings.ts"
import { type Counter, started, waiting } from "./Counters.ts"

const callers = 100

/** Asks one after the other until `end`, and notes how long each answer took, in µs. */
const call = Effect.fnUntraced(function* (
  actors: ReadonlyArray<Counter>,
  from: number,
  end: number,
  micros: Array<number>
) {
  for (let next = from; performance.now() < end; next += callers) {
    const begun = performance.now()
    yield* actors[next % actors.length]?.ask(1) ?? Effect.void
    micros.push((performance.now() - begun) * 1000)
    yield* Effect.sleep(5)
  }
})

/** Makes them crash in turn, this many a second. */
const crash = Effect.fnUntraced(function* (actors: ReadonlyArray<Counter>, perSecond: number, end: number) {
  const begun = performance.now()
  for (let done = 0; performance.now() < end; yield* Effect.sleep(1)) {
    const due = ((performance.now() - begun) * perSecond) / 1000
    for (; done < due; done++) yield* actors[done % actors.length]?.tell(-1) ?? Effect.void
  }
})

const phase = Effect.fnUntraced(function* (
  calm: ReadonlyArray<Counter>,
  doomed: ReadonlyArray<Counter>,
  seconds: number
) {
  const micros: Array<number> = []
  const end = performance.now() + seconds * 1000
  const pause = watchPauses()
  const crashing = yield* Effect.forkChild(doomed.length === 0 ? Effect.void : crash(doomed, doomed.length, end))
  yield* Effect.forEach(Array.from({ length: callers }).keys(), (from) => call(calm, from, end, micros), {
    concurrency: "unbounded",
    discard: true
  })
  yield* Fiber.join(crashing)
  return { micros, pause: pause() }
})

export const neighbours = Effect.fnUntraced(function* (count: number, doomed: number, seconds: number) {
  const actors = yield* started(waiting, count)
  const [dying, living] = [actors.slice(0, doomed), actors.slice(doomed)]
  yield* phase(living, dying, 1)
  // In turn, so that whatever else the machine does falls on both.
  const calm: Array<Phase> = []
  const stormy: Array<Phase> = []
  for (let second = 0; second < seconds; second++) {
    calm.push(yield* phase(living, [], 1))
    stormy.push(yield* phase(living, dying, 1))
  }
  return compared(calm, stormy)
})
