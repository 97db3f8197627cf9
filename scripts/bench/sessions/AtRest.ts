/** What sessions cost that nobody speaks to: a turn beside 100,000 of them, and a start with them. */
import { join } from "node:path"
import { call, turn } from "../Client.ts"
import * as Configuration from "../Configuration.ts"
import { atMost, type Bench, type Figure, type Row } from "../Figure.ts"
import { model, type Running, service } from "../Processes.ts"
import { inTurn, timed } from "../Statistics.ts"
import * as Seed from "./Seed.ts"

const many = 100_000
const few = 10
const interrupted = 100
const turns = 200
const starts = 5
const warmUp = 300

/** Milliseconds from the exec until /ready says yes. */
const untilReady = async (start: () => Promise<Running>, afterwards: (running: Running) => Promise<void>) => {
  const begun = performance.now()
  await using running = await start()
  await call(`${running.url}/ready`)
  const elapsed = performance.now() - begun
  await afterwards(running)
  return elapsed
}

/** Waits until the session's first turn is over. */
const over = async ({ url }: Running, session: string): Promise<void> => {
  while (!(await call(`${url}/api/v1/tenants/default/sessions/${session}/events`)).includes("TurnEnded"));
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  await using asked = await model()
  const config = Configuration.write(bench.folder, asked.url)
  const [full, empty] = [join(bench.folder, "full"), join(bench.folder, "empty")]
  bench.progress(`${many} sessions are written`)
  await Seed.atRest(full, many)
  await Seed.atRest(empty, few)
  return [...(await starting(bench, config, full, empty)), ...(await talking(bench, config, full, empty))]
}

const starting = async (bench: Bench, config: string, full: string, empty: string): Promise<ReadonlyArray<Row>> => {
  const withAll = async (round: number) => {
    bench.progress(`start ${round + 1} of ${starts} with ${many} sessions`)
    await Seed.unfinished(full, `cut-${round}`, interrupted)
    const resumed = async (running: Running) => {
      for (let index = 0; index < interrupted; index++) await over(running, `cut-${round}-${index}`)
    }
    return await untilReady(() => service({ config, data: full }), resumed)
  }
  const withFew = () =>
    untilReady(
      () => service({ config, data: empty }),
      async () => undefined
    )
  const pair = await inTurn(starts, withAll, withFew)
  const goal = atMost(pair.subject.median, 1000, "ms")
  const note = `exec to /ready; ${interrupted} unfinished turns resume behind it, and all have ended`
  return [{ ...pair, name: `start, ${many} sessions`, unit: "ms", against: `${few} sessions`, goal, note }]
}

const talking = async (bench: Bench, config: string, full: string, empty: string): Promise<ReadonlyArray<Row>> => {
  await using crowded = await service({ config, data: full })
  await using lonely = await service({ config, data: empty })
  bench.progress("turns, warming up")
  for (const { url } of [crowded, lonely]) {
    await Promise.all(Array.from({ length: warmUp }, (_, index) => turn(url, "claude", `warm-${index % 16}`)))
  }
  bench.progress(`${turns} turns beside ${many} sessions`)
  const beside = await inTurn(
    turns,
    (round) => timed(() => turn(crowded.url, "claude", `new-${round}`)),
    (round) => timed(() => turn(lonely.url, "claude", `new-${round}`))
  )
  const woken = await inTurn(
    turns,
    (round) => timed(() => turn(crowded.url, "claude", `rest-${(round * 487) % many}`)),
    (round) => timed(() => turn(lonely.url, "claude", `old-${round}`))
  )
  const common = { unit: "ms", against: `${few} sessions` } as const
  return [
    {
      ...common,
      ...beside,
      name: `turn, ${many} sessions`,
      goal: atMost(beside.subject.median / beside.baseline.median, 1.2, "×"),
      note: "the first turn of a new session"
    },
    { ...common, ...woken, name: "turn, woken session", note: "the second turn of a session at rest, beside a new one" }
  ]
}

export const atRest: Figure = { name: "at-rest", about: "turns and starts with 100,000 sessions at rest", run }
