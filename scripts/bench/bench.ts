/**
 * `npm run bench`: what the service costs, each figure beside a baseline measured in turn with it in the same run.
 *
 * Machines differ and are busy, so read the ratios; a figure is the median, with the least and the most in brackets.
 * The table (or, with `--json`, one document) is all that goes to standard output. Exit codes: 0, 1 when a goal is
 * missed, 2 for a wrong command line.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { appends } from "./Appends.ts"
import type { Figure, Row } from "./Figure.ts"
import { firstText } from "./FirstText.ts"
import { idleMemory } from "./IdleMemory.ts"
import { supervision } from "./kernel/Kernel.ts"
import { root } from "./Processes.ts"
import { limiting } from "./providers/Limits.ts"
import { parsing } from "./providers/Parsing.ts"
import { streaming } from "./providers/Streams.ts"
import { activeSessions } from "./sessions/Active.ts"
import { atRest } from "./sessions/AtRest.ts"
import { long } from "./sessions/Long.ts"
import { start } from "./Start.ts"
import { table } from "./Table.ts"
import { throughput } from "./Throughput.ts"
import { turnOverhead } from "./TurnOverhead.ts"

const figures: ReadonlyArray<Figure> = [
  start,
  idleMemory,
  turnOverhead,
  throughput,
  firstText,
  appends,
  parsing,
  streaming,
  limiting,
  atRest,
  long,
  activeSessions,
  supervision
]

const help = `npm run bench -- [--only NAME]... [--json]

${figures.map(({ about, name }) => `  ${name.padEnd(12)}${about}`).join("\n")}
`

const refuse = (why: string): never => {
  process.stderr.write(`${why}\n\n${help}`)
  process.exit(2)
}

/** Names of file systems by the numbers Linux gives them (statfs(2)). */
const fileSystems = new Map([
  [0xef53, "ext4"],
  [0x01021994, "tmpfs"],
  [0x9123683e, "btrfs"],
  [0x58465342, "xfs"],
  [0x794c7630, "overlayfs"]
])

const machineOf = (folder: string) => {
  const { type } = statfsSync(folder)
  return {
    node: process.versions.node,
    cores: availableParallelism(),
    load: loadavg().map((load) => Math.round(load * 10) / 10),
    disk: fileSystems.get(type) ?? `file system 0x${type.toString(16)}`
  }
}

/** Each figure gets a folder of its own, and leaves nothing behind. */
const measure = async (figure: Figure, within: string): Promise<ReadonlyArray<Row>> => {
  const folder = mkdtempSync(join(within, "bench-"))
  try {
    return await figure.run({ folder, progress: (text) => process.stderr.write(`${figure.name}: ${text}\n`) })
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

const chosen = (names: ReadonlyArray<string>): ReadonlyArray<Figure> => {
  const unknown = names.find((name) => figures.every((figure) => figure.name !== name))
  if (unknown !== undefined) refuse(`there is no figure ${unknown}`)
  return names.length === 0 ? figures : figures.filter(({ name }) => names.includes(name))
}

const parse = () => {
  try {
    const options = {
      only: { type: "string", multiple: true },
      json: { type: "boolean" },
      help: { type: "boolean" }
    } as const
    return parseArgs({ options }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const main = async () => {
  const { help: asked, json, only = [] } = parse()
  if (asked) return process.stdout.write(help)
  const wanted = chosen(only)
  // Beside the dependencies: /tmp is memory on many machines, and an fsync there costs nothing.
  const cache = join(root, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  const machine = machineOf(cache)
  const rows: Array<Row> = []
  for (const figure of wanted) rows.push(...(await measure(figure, cache)))
  process.exitCode = rows.every(({ goal }) => goal?.met ?? true) ? 0 : 1
  if (json) return process.stdout.write(`${JSON.stringify({ machine, figures: rows }, undefined, 2)}\n`)
  const { cores, disk, load, node } = machine
  const facts = `Node.js ${node}, ${cores} cores, load ${load.join(" ")}, data on ${disk}`
  return process.stdout.write(`\n${table(rows)}\n\n${facts}\n`)
}

await main()
