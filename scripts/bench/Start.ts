/** How long it takes from the exec of `fiberclaw serve`, on a data folder that is not there yet, until it answers. */
import { join } from "node:path"
import { call } from "./Client.ts"
import { atMost, type Bench, type Figure, type Row } from "./Figure.ts"
import { plainNode, type Running, service } from "./Processes.ts"
import { inTurn } from "./Statistics.ts"

const goal = 800
const warmStarts = 9
const coldStarts = 3

/** Milliseconds until the process answers to a request. */
const answering = async (start: () => Promise<Running>): Promise<number> => {
  const begun = performance.now()
  await using running = await start()
  await call(`${running.url}/health`)
  return performance.now() - begun
}

const starts = (bench: Bench, name: string, times: number, cacheOf: (round: number) => string) =>
  inTurn(
    times,
    (round) => {
      bench.progress(`start ${round + 1} of ${times}, ${name}`)
      const data = join(bench.folder, `${name}-${round}`)
      return answering(() => service({ data, compileCache: cacheOf(round) }))
    },
    () => answering(plainNode)
  )

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const cold = await starts(bench, "cold", coldStarts, (round) => join(bench.folder, `cache-${round}`))
  const warm = await starts(bench, "warm", warmStarts, () => join(bench.folder, "cache-0"))
  const common = { unit: "ms", against: "plain Node" } as const
  return [
    { ...common, ...warm, name: "start", goal: atMost(warm.subject.median, goal, "ms"), note: "exec to /health" },
    { ...common, ...cold, name: "start, cold", note: "nothing in the compile cache" }
  ]
}

export const start: Figure = { name: "start", about: "exec of `fiberclaw serve` until /health answers", run }
