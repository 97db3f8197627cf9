/** How many turns a second the service does when many talk at once, beside SQLite doing nothing but the writing. */
import { join } from "node:path"
import { turn } from "./Client.ts"
import * as Configuration from "./Configuration.ts"
import { atLeast, type Bench, type Figure, type Row } from "./Figure.ts"
import { service } from "./Processes.ts"
import { record, replay } from "./Replay.ts"
import { inTurn, timed } from "./Statistics.ts"

const goal = 300
const sessions = 32
const turnsPerSession = 20
const rounds = 5

const talk = async (url: string, session: string) => {
  for (let count = 0; count < turnsPerSession; count++) await turn(url, "demo", session)
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const data = join(bench.folder, "data")
  await using running = await service({ config: Configuration.write(bench.folder), data })
  let commits = 0
  const ofService = async (round: number) => {
    bench.progress(`${sessions * turnsPerSession} turns, round ${round + 1} of ${rounds}`)
    const all = Array.from({ length: sessions }, (_, index) => `round-${round}-${index}`)
    const elapsed = await timed(() => Promise.all(all.map((session) => talk(running.url, session))))
    return (sessions * turnsPerSession * 1000) / elapsed
  }
  const ofSqlite = async (round: number) => {
    const recording = record(join(data, "tenants/default/sessions.sqlite"), `round-${round}-`)
    commits = recording.commits.length
    return (sessions * turnsPerSession) / replay(recording, join(bench.folder, `replay-${round}.sqlite`))
  }
  bench.progress("turns, warming up")
  await Promise.all(Array.from({ length: sessions }, (_, index) => talk(running.url, `warm-${index}`)))
  const pair = await inTurn(rounds, ofService, ofSqlite)
  return [
    {
      ...pair,
      name: "throughput",
      unit: "/s",
      against: "SQLite, same rows and commits",
      goal: atLeast(pair.subject.median, goal, " turns/s"),
      note: `turns/s of ${sessions} sessions with the demo model; ${sessions * turnsPerSession} turns in ${commits} commits`
    }
  ]
}

export const throughput: Figure = { name: "throughput", about: "turns a second of 32 sessions at once", run }
