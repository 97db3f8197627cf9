/** What a long past costs: a turn of a session of 10,000 turns beside one of a fresh session. */
import { join } from "node:path"
import { turn } from "../Client.ts"
import * as Configuration from "../Configuration.ts"
import { atMost, type Bench, type Figure, type Row } from "../Figure.ts"
import { model, service } from "../Processes.ts"
import { inTurn, pairOf, timed } from "../Statistics.ts"
import * as Seed from "./Seed.ts"

const past = 10_000
const rounds = 5
const turnsPerRound = 40
const warmUp = 300

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  await using asked = await model()
  const config = Configuration.write(bench.folder, asked.url)
  const data = join(bench.folder, "data")
  bench.progress(`${past} turns are written`)
  await Seed.long(data, "long", past)
  const woken: Array<[long: number, fresh: number]> = []
  const longs: Array<number> = []
  const freshs: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    bench.progress(`turns of the long session, round ${round + 1} of ${rounds}`)
    await using running = await service({ config, data })
    const say = (session: string) => timed(() => turn(running.url, "brief", session))
    await Promise.all(Array.from({ length: warmUp }, (_, index) => say(`warm-${round}-${index % 16}`)))
    const freshOnes = Array.from({ length: 10 }, (_, index) => `first-${round}-${index}`)
    const firsts: Array<number> = []
    for (const session of freshOnes) firsts.push(await say(session))
    woken.push([await say("long"), firsts.toSorted((a, b) => a - b)[5] ?? 0])
    const pair = await inTurn(
      turnsPerRound,
      () => say("long"),
      () => say(`fresh-${round}`)
    )
    longs.push(pair.subject.median)
    freshs.push(pair.baseline.median)
  }
  const going = pairOf(longs, freshs)
  const first = pairOf(
    woken.map(([long]) => long),
    woken.map(([, fresh]) => fresh)
  )
  const common = { unit: "ms", against: "a fresh session" } as const
  return [
    {
      ...common,
      ...going,
      name: `turn after ${past}`,
      goal: atMost(going.ratios.median, 1.2, "×"),
      note: `medians of ${turnsPerRound} turns; the long session was compacted by the rules of its agent`
    },
    { ...common, ...first, name: "first of them", note: "read from disk by a service that had just started" }
  ]
}

export const long: Figure = { name: "long", about: "a turn of a session of 10,000 turns", run }
