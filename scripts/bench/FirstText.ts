/**
 * How long the first text of a model takes to a client that follows the session, while the model holds the rest back.
 *
 * The text is the reading of the monotonic clock at which the model wrote it; all processes of a machine share it.
 */
import { join } from "node:path"
import { call, events, turn } from "./Client.ts"
import * as Configuration from "./Configuration.ts"
import { atMost, type Bench, type Figure, type Row } from "./Figure.ts"
import { model, service } from "./Processes.ts"
import { inTurn } from "./Statistics.ts"

const goal = 5
const warmUp = 20
const times = 100
/** Longer than any text may take, shorter than anybody would wait. */
const patience = 5000

/** Milliseconds since the model wrote it. */
const age = (written: string): number => Number(process.hrtime.bigint() - BigInt(written)) / 1e6

const release = (modelUrl: string) => call(`${modelUrl}/release`, { body: {} })

const soon = <A>(promise: Promise<A>): Promise<A> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error("the first text did not come before the rest was sent")), patience)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const throughService = async (url: string, modelUrl: string, session: string) => {
  const base = `${url}/api/v1/tenants/default/sessions/${session}`
  await turn(url, "claude", session)
  using followed = await events(`${base}/events`)
  await followed.next(/TurnEnded/)
  await call(`${base}/messages`, { body: { text: "hold" } })
  const took = age(await soon(followed.next(/"TextDelta".*?"text":"(\d+)"/)))
  await release(modelUrl)
  await followed.next(/TurnEnded/)
  return took
}

const direct = async (modelUrl: string) => {
  const messages = [{ role: "user", content: "hold" }]
  using answer = await events(`${modelUrl}/v1/messages`, { body: { model: "bench", messages, stream: true } })
  const took = age(await soon(answer.next(/"text_delta".*?"text":"(\d+)"/)))
  await release(modelUrl)
  await answer.next(/message_stop/)
  return took
}

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  await using asked = await model()
  const config = Configuration.write(bench.folder, asked.url)
  await using running = await service({ config, data: join(bench.folder, "data") })
  const through = (phase: string) => (round: number) => throughService(running.url, asked.url, `${phase}-${round}`)
  const directly = () => direct(asked.url)

  bench.progress("first texts, warming up")
  await inTurn(warmUp, through("warm"), directly)
  bench.progress(`${times} first texts`)
  const pair = await inTurn(times, through("text"), directly)
  return [
    {
      ...pair,
      name: "first-text",
      unit: "ms",
      against: "the model's own stream",
      goal: atMost(pair.added.median, goal, "ms added"),
      note: `${times} of ${times} were received before the model sent the rest`
    }
  ]
}

export const firstText: Figure = { name: "first-text", about: "the model's first text to a following client", run }
