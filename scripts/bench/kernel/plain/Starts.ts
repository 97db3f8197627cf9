/** How fast actors written by hand start, what each takes at rest, and how long a million hold the process. */
import { setImmediate as turn } from "node:timers/promises"
import { heapInUse, perSecond, watchPauses } from "../Readings.ts"
import { counter, started, Supervisor } from "./Counters.ts"

export const starts = async (count: number) => {
  for (let round = 0; round < 2; round++) await started(new Supervisor(), counter, count)
  const begun = performance.now()
  await started(new Supervisor(), counter, count)
  return { starts: perSecond(count, performance.now() - begun) }
}

export const memory = async (count: number) => {
  const before = await heapInUse()
  const over = new Supervisor()
  const actors = await started(over, counter, count)
  const bytes = ((await heapInUse()) - before) / actors.length
  over.stop()
  return { bytes }
}

export const million = async (count: number) => {
  await started(new Supervisor(), counter, Math.ceil(count / 20))
  const begun = performance.now()
  const pause = watchPauses()
  const over = new Supervisor()
  let asked = 0
  for (const actor of await started(over, counter, count)) {
    await actor.ask(1)
    if (++asked % 1000 === 0) await turn()
  }
  over.stop()
  return { pause: pause(), millis: performance.now() - begun }
}
