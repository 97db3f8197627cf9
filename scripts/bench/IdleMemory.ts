/** What the service holds on to while nothing happens: resident memory 3 seconds after it answered its only message. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { call, turn } from "./Client.ts"
import { atMost, type Bench, type Figure, type Row } from "./Figure.ts"
import { plainNode, type Running, service } from "./Processes.ts"
import { inTurn } from "./Statistics.ts"

const goal = 110
const times = 3
const rest = 3000

/** Of one process as Linux counts it (proc_pid_status(5)): MiB resident, and how many processes it has started. */
const memoryOf = ({ pid }: Running) => ({
  resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
  children: readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).length
})

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  let children = 0
  const ofService = async (round: number) => {
    bench.progress(`memory ${round + 1} of ${times}`)
    await using running = await service({ data: join(bench.folder, `data-${round}`) })
    await turn(running.url, "main", "only")
    await wait(rest)
    const memory = memoryOf(running)
    children = Math.max(children, memory.children)
    return memory.resident
  }
  const ofPlainNode = async () => {
    await using running = await plainNode()
    await call(running.url)
    await wait(rest)
    return memoryOf(running).resident
  }
  const pair = await inTurn(times, ofService, ofPlainNode)
  const note = `VmRSS 3 s after one answered message; ${children} child processes`
  return [
    {
      ...pair,
      name: "memory",
      unit: "MiB",
      against: "plain Node",
      goal: atMost(pair.subject.median, goal, "MiB"),
      note
    }
  ]
}

export const idleMemory: Figure = { name: "memory", about: "resident memory of an idle service", run }
