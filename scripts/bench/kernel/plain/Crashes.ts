/** How soon an actor written by hand answers again when it crashed: one after the other, and many together. */
import { percentile } from "../Readings.ts"
import { type Counter, counter, started, Supervisor } from "./Counters.ts"

const crashAndAsk = async (actor: Counter) => {
  const begun = performance.now()
  await actor.ask(-1).catch(() => undefined)
  await actor.ask(1)
  return (performance.now() - begun) * 1000
}

const crashAll = async (actors: ReadonlyArray<Counter>) => {
  const begun = performance.now()
  for (const actor of actors) actor.tell(-1)
  for (const actor of actors) await actor.ask(1)
  return performance.now() - begun
}

export const crashes = async (times: number, over: number) => {
  const supervisor = new Supervisor()
  const actors = await started(supervisor, counter, over)
  const inTurn = Array.from({ length: times / over }, () => actors).flat()
  for (const actor of inTurn) await crashAndAsk(actor)
  const micros: Array<number> = []
  for (const actor of inTurn) micros.push(await crashAndAsk(actor))
  supervisor.stop()
  return { p50: percentile(micros, 0.5), p99: percentile(micros, 0.99) }
}

export const together = async (count: number) => {
  const supervisor = new Supervisor()
  await crashAll(await started(supervisor, counter, count / 10))
  supervisor.stop()
  const others = new Supervisor()
  const millis = await crashAll(await started(others, counter, count))
  others.stop()
  return { millis }
}
