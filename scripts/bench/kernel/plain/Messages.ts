/** How many messages actors written by hand work on: asked by one, asked by a crowd, and told. */
import { perSecond } from "../Readings.ts"
import { type Counter, counter, started, Supervisor } from "./Counters.ts"

const asking = async (actor: Counter, times: number) => {
  for (let index = 0; index < times; index++) await actor.ask(1)
}

const telling = async (actor: Counter, times: number) => {
  for (let index = 0; index < times; index++) actor.tell(1)
  await actor.ask(0)
}

const rate = async (times: number, work: () => Promise<unknown>) => {
  const begun = performance.now()
  await work()
  return perSecond(times, performance.now() - begun)
}

export const messages = async (times: number, crowd: number) => {
  const over = new Supervisor()
  const [one, ...others] = await started(over, counter, crowd + 1)
  if (one === undefined) return {}
  const each = Math.ceil(times / crowd)
  const all = () => Promise.all(others.map((actor) => asking(actor, each)))
  for (const warmUp of [() => asking(one, times), all, () => telling(one, times)]) await warmUp()
  const readings = {
    askOne: await rate(times, () => asking(one, times)),
    askMany: await rate(each * crowd, all),
    tell: await rate(times, () => telling(one, times))
  }
  over.stop()
  return readings
}
