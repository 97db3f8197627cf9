/** What crashes cost the neighbours of actors written by hand; the callers are those of `ours/Neighbours.ts`. */
import { setTimeout as sleep } from "node:timers/promises"
import { compared, type Phase, watchPauses } from "../Readings.ts"
import { type Counter, started, Supervisor, waiting } from "./Counters.ts"

const callers = 100

const call = async (actors: ReadonlyArray<Counter>, from: number, end: number, micros: Array<number>) => {
  for (let next = from; performance.now() < end; next += callers) {
    const begun = performance.now()
    await actors[next % actors.length]?.ask(1)
    micros.push((performance.now() - begun) * 1000)
    await sleep(5)
  }
}

const crash = async (actors: ReadonlyArray<Counter>, perSecond: number, end: number) => {
  const begun = performance.now()
  for (let done = 0; performance.now() < end; await sleep(1)) {
    const due = ((performance.now() - begun) * perSecond) / 1000
    for (; done < due; done++) actors[done % actors.length]?.tell(-1)
  }
}

const phase = async (calm: ReadonlyArray<Counter>, doomed: ReadonlyArray<Counter>, seconds: number) => {
  const micros: Array<number> = []
  const end = performance.now() + seconds * 1000
  const pause = watchPauses()
  const crashing = doomed.length === 0 ? undefined : crash(doomed, doomed.length, end)
  await Promise.all(Array.from({ length: callers }, (_, from) => call(calm, from, end, micros)))
  await crashing
  return { micros, pause: pause() }
}

export const neighbours = async (count: number, doomed: number, seconds: number) => {
  const supervisor = new Supervisor()
  const actors = await started(supervisor, waiting, count)
  const [dying, living] = [actors.slice(0, doomed), actors.slice(doomed)]
  await phase(living, dying, 1)
  // In turn, so that whatever else the machine does falls on both.
  const calm: Array<Phase> = []
  const stormy: Array<Phase> = []
  for (let second = 0; second < seconds; second++) {
    calm.push(await phase(living, [], 1))
    stormy.push(await phase(living, dying, 1))
  }
  supervisor.stop()
  return compared(calm, stormy)
}
