/** What supervised actors cost, beside actors written by hand for Node.js and beside Erlang/OTP if it is installed. */
import type { Bench, Comparison, Figure, Row } from "../Figure.ts"
import { pairOf } from "../Statistics.ts"
import { byHand, type Contestant, erlang, kernel } from "./Contestants.ts"
import type { Readings } from "./Readings.ts"
import { type Measured, type Reading, workloads } from "./Workloads.ts"

/** What each contestant read, round by round. */
type Results = ReadonlyMap<Contestant, ReadonlyArray<Readings>>

/** The contestants take turns, so that whatever else the machine does falls on all. */
const measure = async (workload: Measured, contestants: ReadonlyArray<Contestant>, bench: Bench): Promise<Results> => {
  const results = new Map(contestants.map((contestant) => [contestant, [] as Readings[]]))
  for (let round = 0; round < workload.rounds; round++) {
    bench.progress(`${workload.name}, round ${round + 1} of ${workload.rounds}`)
    for (const [contestant, rounds] of results) rounds.push(await contestant.run(workload))
  }
  return results
}

const valuesOf = (key: string, readings: ReadonlyArray<Readings> = []): ReadonlyArray<number> =>
  readings.map((round) => {
    const value = round[key]
    if (value === undefined || Number.isNaN(value)) throw new Error(`a contestant did not say ${key}`)
    return value
  })

const rowOf = (reading: Reading, results: Results, others: ReadonlyArray<Contestant>): Row => {
  const { goal, key, name, note, unit } = reading
  const against = (contestant: Contestant): Comparison => ({
    ...pairOf(valuesOf(key, results.get(kernel)), valuesOf(key, results.get(contestant))),
    against: contestant.name
  })
  const pair = against(byHand)
  return {
    ...pair,
    name,
    unit,
    also: others.map(against),
    ...(goal && { goal: goal(pair.subject.median) }),
    ...(note !== undefined && { note })
  }
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const otp = await erlang(bench.folder)
  if (otp === undefined) bench.progress("Erlang is not installed (Debian: erlang-base), so it is not compared with")
  const others = otp === undefined ? [] : [otp]
  const rows: Array<Row> = []
  for (const workload of workloads) {
    const results = await measure(workload, [kernel, byHand, ...others], bench)
    rows.push(...workload.readings.map((reading) => rowOf(reading, results, others)))
  }
  return rows
}

export const supervision: Figure = { name: "kernel", about: "supervised actors beside plain Node.js and Erlang", run }
