/** How late the event loop of a process is while 1,000 answers come in at once, from a model in another process. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { atMost, type Bench, type Figure, type Row } from "../Figure.ts"
import { heard, type Readings } from "../kernel/Readings.ts"
import { model } from "../Processes.ts"
import { pairOf, spreadOf } from "../Statistics.ts"

const streams = 1000
/** Each answer is 40 pieces of text, one every 200 ms: 5,000 pieces a second for all. */
const pace = "pace: 40 x 200"
const rounds = 5
const goal = 50

const program = fileURLToPath(new URL("./Reading.ts", import.meta.url))

/** As the service runs; see `Processes.service`. */
const flags = ["--max-semi-space-size=16"]

const read = async (contestant: "ours" | "plain"): Promise<Readings> => {
  await using asked = await model()
  const args = [...flags, program, contestant, String(streams), asked.url, pace]
  return heard((await promisify(execFile)(process.execPath, args)).stdout)
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const [ours, plain]: [Array<Readings>, Array<Readings>] = [[], []]
  for (let round = 0; round < rounds; round++) {
    bench.progress(`${streams} streams, round ${round + 1} of ${rounds}`)
    ours.push(await read("ours"))
    plain.push(await read("plain"))
  }
  const of = (key: string, readings: ReadonlyArray<Readings>) => readings.map((reading) => reading[key] ?? Number.NaN)
  const pair = pairOf(of("p99", ours), of("p99", plain))
  const median = (key: string, readings: ReadonlyArray<Readings>, digits: number) =>
    spreadOf(of(key, readings)).median.toFixed(digits)
  const said = (readings: ReadonlyArray<Readings>) =>
    `${median("load", readings, 2)} of a core, at worst ${median("max", readings, 0)} ms late, ${median("seconds", readings, 1)} s`
  return [
    {
      ...pair,
      name: "streams",
      unit: "ms",
      against: "fetch alone, bytes only",
      goal: atMost(pair.subject.median, goal, "ms"),
      note:
        `p99 of the event loop's delay with ${streams} answers at once, ${pace.replace("pace: ", "")} ms; ` +
        `ours: ${said(ours)}; fetch: ${said(plain)}`
    }
  ]
}

export const streaming: Figure = { name: "streams", about: "the event loop while 1,000 answers come in", run }
