/**
 * A Messages API that says the beginning of a reply, waits for the test, and then says the rest.
 *
 * AnthropicServer holds whole replies; this one holds in the middle of a text.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, FiberSet, Latch } from "effect"
import { type Event, reply } from "./AnthropicServer.ts"

/** How every reply begins and ends. */
export const beginning = "It begins"
export const wholeText = "It begins and it ends."

const encoded = (events: ReadonlyArray<Event>) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("")

/** Starts the server. Every reply waits for `begin` before its first words, and for `goOn` behind them. */
export const make = Effect.gen(function* () {
  const begin = yield* Latch.make(false)
  const goOn = yield* Latch.make(false)
  const run = yield* FiberSet.makeRuntime()
  const events = reply({ text: wholeText })
  const middle = 1 + events.findIndex((event) => JSON.stringify(event).includes(" begins"))

  const answer = Effect.fnUntraced(function* (request: Http.IncomingMessage, response: Http.ServerResponse) {
    yield* begin.await
    yield* Effect.sync(() => {
      request.resume()
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(encoded(events.slice(0, middle)))
    })
    yield* goOn.await
    yield* Effect.sync(() => response.end(encoded(events.slice(middle))))
  })

  const server = yield* Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => run(answer(request, response)))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, begin, goOn }
})
