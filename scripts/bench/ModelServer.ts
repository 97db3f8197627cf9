/**
 * A model that answers at once, over Anthropic's Messages API, for benchmarks: what is measured against it is ours.
 *
 * Asked for anything with `hold` in it, it sends one piece of text, the reading of the machine's monotonic clock in
 * nanoseconds as it is written, and the rest only after a POST to /release. Asked with `pace: 50 x 200` in it, it says 50
 * pieces of text, one every 200 milliseconds.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as wait } from "node:timers/promises"

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

const written = (events: ReadonlyArray<Event>): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("")

const usage = { input_tokens: 10, output_tokens: 1 }
const message = { id: "msg_1", type: "message", role: "assistant", model: "bench", content: [], usage }
const beginning = written([
  { type: "message_start", message },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }
])
const delta = (text: string) =>
  written([{ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }])
const ending = written([
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 5 } },
  { type: "message_stop" }
])
const whole = beginning + delta("Hello, this is an answer.") + ending

const held: Array<ServerResponse> = []

/** Streams do not all speak at the same moment: each begins somewhere within the first interval. */
const pace = async (response: ServerResponse, count: number, interval: number) => {
  response.write(beginning)
  await wait(Math.random() * interval)
  for (let piece = 0; piece < count && !response.destroyed; piece++) {
    response.write(delta(` piece ${piece}`))
    await wait(interval)
  }
  response.end(ending)
}

const answer = (request: string, response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "request-id": "req_bench" })
  const [, count, interval] = /pace: (\d+) x (\d+)/.exec(request) ?? []
  if (count !== undefined) return pace(response, Number(count), Number(interval))
  if (!request.includes("hold")) return response.end(whole)
  held.push(response)
  return response.write(beginning + delta(String(process.hrtime.bigint())))
}

const server = createServer(async (request, response) => {
  const body = (await request.setEncoding("utf8").toArray()).join("")
  if (request.url !== "/release") return answer(body, response)
  for (const waiting of held.splice(0)) waiting.end(ending)
  return response.end()
})

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }))
})
process.once("SIGTERM", () => process.exit())
