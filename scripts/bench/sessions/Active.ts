/** What sessions cost in the middle of a turn: memory with 10,000 of them while the model holds back its answers. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { call } from "../Client.ts"
import * as Configuration from "../Configuration.ts"
import { atMost, type Bench, type Figure, type Row } from "../Figure.ts"
import { model, type Running, service } from "../Processes.ts"
import { inTurn } from "../Statistics.ts"

const active = 10_000
const atOnce = 256
const rounds = 3
const rest = 3000

const residentOf = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024

/** Calls for all of them, some at a time. */
const forAll = async (action: (index: number) => Promise<unknown>) => {
  const indices = Array.from({ length: active }).keys()
  const worker = async () => {
    for (const index of indices) await action(index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

const begin = async (running: Running, agent: string, text: string) => {
  await forAll((index) =>
    call(`${running.url}/api/v1/tenants/default/sessions/${agent}-${index}/messages`, { body: { agent, text } })
  )
  await wait(rest)
}

/** A plain process that holds as much; see `Held.ts`. */
const held = async (...args: ReadonlyArray<string>) => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL("./Held.ts", import.meta.url)),
    String(active),
    ...args
  ])
  return Number(stdout)
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const say = (what: string, round: number) => bench.progress(`${what}, round ${round + 1} of ${rounds}`)
  const ofService = (agent: string, text: string) => async (round: number) => {
    say(`${active} active sessions of ${agent}`, round)
    await using asked = await model()
    const config = Configuration.write(bench.folder, asked.url, 2 * active)
    await using running = await service({ config, data: join(bench.folder, `${agent}-${round}`) })
    await call(`${running.url}/health`)
    await wait(rest)
    const idle = residentOf(running.pid)
    await begin(running, agent, text)
    const busy = residentOf(running.pid)
    await call(`${asked.url}/release`, { body: {} })
    return busy - idle
  }
  const streams = async (round: number) => {
    say(`${active} streams of a plain process`, round)
    await using asked = await model()
    return await held(asked.url)
  }
  const own = await inTurn(rounds, ofService("demo", "wait: 900"), () => held())
  const connected = await inTurn(rounds, ofService("claude", "hold"), streams)
  const note = `VmRSS above idle with ${active} sessions in the middle of a turn`
  return [
    {
      ...own,
      name: "active",
      unit: "MiB",
      against: "as many fibers of Effect that sleep",
      goal: atMost(own.subject.median, 200, "MiB"),
      note: `${note}; the demo model holds back its answers, so that no connection counts`
    },
    {
      ...connected,
      name: "active, connected",
      unit: "MiB",
      against: "plain Node.js and the official client",
      note: `${note}, each with a connection to a model`
    }
  ]
}

export const activeSessions: Figure = {
  name: "active",
  about: "memory of 10,000 sessions in the middle of a turn",
  run
}
