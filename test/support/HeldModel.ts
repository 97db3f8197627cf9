/**
 * A Messages API that says the beginning of a reply, waits for the test, and then says the rest.
 *
 * AnthropicServer holds whole replies; this one holds in the middle of a text.
 */
import type * as Http from "node:http"
import { Effect, FiberSet, Latch } from "effect"
import { type Event, reply } from "./AnthropicServer.ts"
import { listening } from "./ListeningServer.ts"

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

  const url = yield* listening((request, response) => run(answer(request, response)))
  return { url, begin, goOn }
})
