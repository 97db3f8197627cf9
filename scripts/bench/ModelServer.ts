/**
 * A model that answers at once, over Anthropic's Messages API, for benchmarks: what is measured against it is ours.
 *
 * Asked for anything with `hold` in it, it sends one piece of text, the reading of the machine's monotonic clock in
 * nanoseconds as it is written, and the rest only after a POST to /release.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

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

const answer = (request: string, response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "request-id": "req_bench" })
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
