/**
 * How long the first text of a model takes to a client that follows the session, while the model holds the rest back.
 *
 * The text is the reading of the monotonic clock at which the model wrote it; all processes of a machine share it.
 */
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { call, type Events, events, turn } from "./Client.ts"
import * as Configuration from "./Configuration.ts"
import { atMost, type Bench, type Figure, type Row } from "./Figure.ts"
import { model, service } from "./Processes.ts"
import { inTurn } from "./Statistics.ts"

const goal = 5
const warmUp = 20
const times = 100
/** How long the model holds the rest back, in milliseconds. */
const patience = 2000

interface Received {
  /** Milliseconds since the model wrote it. */
  readonly age: number
  /** Whether it came before the rest was sent. */
  readonly early: boolean
}

/** Waits for the text, lets the model go on, and waits for the end. */
const receive = async (stream: Events, modelUrl: string, end: RegExp): Promise<Received> => {
  const received = stream
    .next(/"text":"(\d+)"/)
    .then((written) => Number(process.hrtime.bigint() - BigInt(written)) / 1e6)
  const early = await Promise.race([received.then(() => true), wait(patience, false, { ref: false })])
  await call(`${modelUrl}/release`, { body: {} })
  const age = await received
  await stream.next(end)
  return { age, early }
}

const throughService = async (url: string, modelUrl: string, session: string): Promise<Received> => {
  const base = `${url}/api/v1/tenants/default/sessions/${session}`
  await turn(url, "claude", session)
  using followed = await events(`${base}/events`)
  await followed.next(/TurnEnded/)
  await call(`${base}/messages`, { body: { text: "hold" } })
  return await receive(followed, modelUrl, /TurnEnded/)
}

const direct = async (modelUrl: string): Promise<Received> => {
  const messages = [{ role: "user", content: "hold" }]
  using answer = await events(`${modelUrl}/v1/messages`, { body: { model: "bench", messages, stream: true } })
  return await receive(answer, modelUrl, /message_stop/)
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  await using asked = await model()
  const config = Configuration.write(bench.folder, asked.url)
  await using running = await service({ config, data: join(bench.folder, "data") })
  let early = 0
  const through = (phase: string) => async (round: number) => {
    const received = await throughService(running.url, asked.url, `${phase}-${round}`)
    if (phase === "text" && received.early) early++
    return received.age
  }
  const directly = async () => (await direct(asked.url)).age

  bench.progress("first texts, warming up")
  await inTurn(warmUp, through("warm"), directly)
  bench.progress(`${times} first texts`)
  const pair = await inTurn(times, through("text"), directly)
  const quick = atMost(pair.added.median, goal, "ms added")
  return [
    {
      ...pair,
      name: "first-text",
      unit: "ms",
      against: "the model's own stream",
      goal: { ...quick, met: quick.met && early === times },
      note: `${early} of ${times} were received before the model sent the rest`
    }
  ]
}

export const firstText: Figure = { name: "first-text", about: "the model's first text to a following client", run }
