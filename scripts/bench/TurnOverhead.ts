/** What the service adds to a model's answer: a whole turn through it beside the same call made directly. */
import { Anthropic } from "@anthropic-ai/sdk"
import { join } from "node:path"
import { turn } from "./Client.ts"
import * as Configuration from "./Configuration.ts"
import { atMost, type Bench, type Figure, type Row } from "./Figure.ts"
import { model, service } from "./Processes.ts"
import { commitsAround, record, replay } from "./Replay.ts"
import { inTurn, timed } from "./Statistics.ts"

const goal = 5
/** As many turns as it takes until everything a turn runs through has been compiled. */
const warmUp = { sessions: 32, turns: 60 }
const times = 300
/** A conversation of average length: history is sent along, so that it counts. */
const turnsPerSession = 10

const direct = async (client: Anthropic) => {
  const messages = [{ role: "user" as const, content: "say: Hello, this is an answer." }]
  const stream = await client.messages.create({ model: "bench", max_tokens: 4096, messages, stream: true })
  let events = 0
  for await (const _ of stream) events++
  if (events === 0) throw new Error("the model said nothing")
}

const warm = async (url: string, session: string) => {
  for (let count = 0; count < warmUp.turns; count++) await turn(url, "claude", session)
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  await using asked = await model()
  const config = Configuration.write(bench.folder, asked.url)
  const data = join(bench.folder, "data")
  await using running = await service({ config, data })
  const client = new Anthropic({ apiKey: "bench", baseURL: asked.url, maxRetries: 0 })
  const through = (round: number) =>
    timed(() => turn(running.url, "claude", `turn-${Math.floor(round / turnsPerSession)}`))
  const directly = () => timed(() => direct(client))

  bench.progress("turns, warming up")
  await Promise.all(Array.from({ length: warmUp.sessions }, (_, index) => warm(running.url, `warm-${index}`)))
  bench.progress(`${times} turns`)
  const pair = await inTurn(times, through, directly)
  const log = join(data, "tenants/default/sessions.sqlite")
  const recording = record(log, "turn-")
  const writing = (replay(recording, join(bench.folder, "replay.sqlite")) * 1000) / times
  const { after, before } = commitsAround(log, "turn-")
  const quick = atMost(pair.added.median, goal, "ms added")
  return [
    {
      ...pair,
      name: "turn",
      unit: "ms",
      against: "Anthropic SDK, direct",
      // A commit is one sync (https://sqlite.org/pragma.html#pragma_synchronous: FULL in WAL mode).
      goal: { ...quick, met: quick.met && before <= 2 && after <= 1 },
      note:
        "one at a time, message over HTTP to whole answer; commits, each one sync: " +
        `${before.toFixed(2)} before the first text (at most 2), ${after.toFixed(2)} after it (at most 1), ` +
        `for which SQLite alone takes ${writing.toFixed(2)} ms`
    }
  ]
}

export const turnOverhead: Figure = { name: "turn", about: "what the service adds to a model's answer", run }
