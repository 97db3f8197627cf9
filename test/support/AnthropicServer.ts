/**
 * A stand-in for the Messages API: a real HTTP server on 127.0.0.1 that gives scripted answers, one per request.
 *
 * Answers can be recorded streams or built here, arrive in chunks of any size, wait for a gate, break off or fall
 * silent. Every request is kept, with how its connection ended. The server and its connections end with the scope, which
 * fails when a request broke a rule of the Messages API: it was answered with what is wrong with it.
 */
import { existsSync, readFileSync } from "node:fs"
import type * as Http from "node:http"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, FiberSet, type Latch, Queue, type Scope, Stream } from "effect"
import { listening } from "./ListeningServer.ts"
import { violations } from "./MessagesRules.ts"

/** Where recorded answers are, when they are. */
export const fixtures = fileURLToPath(new URL("../../../shared/fixtures/anthropic/", import.meta.url))
export const haveFixtures = existsSync(fixtures)

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** How many bytes are written at a time; all at once if not given. */
  readonly chunkSize?: number
  /** Opened by the test before the answer begins. */
  readonly gate?: Latch.Latch
  /** Opened by the test after the body, before it is ended. */
  readonly ending?: Latch.Latch
  /** Done when the request is there, or after so many bytes of the body; then nothing more is said. */
  readonly interruption?: { readonly after: "request" | number; readonly act: Effect.Effect<unknown> }
  /** Written after the body for as long as somebody reads it. */
  readonly rest?: Stream.Stream<string>
  /** What becomes of the connection after the body: ended in order, torn down, or left open and silent. */
  readonly after: "end" | "cut" | "hang"
}

export interface Recorded {
  readonly method: string
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: unknown
  /** The client's end of the connection; the same for requests that share one. */
  readonly port: number | undefined
  /** How the exchange ended: the answer was delivered whole, or the client went away first. */
  readonly ended: Deferred.Deferred<"delivered" | "abandoned">
}

export interface AnthropicServer {
  readonly url: string
  /** All requests for an answer so far, oldest first. */
  readonly requests: ReadonlyArray<Recorded>
  /** The next of them that nobody has taken yet; waits for it. */
  readonly next: Effect.Effect<Recorded>
  /** All requests to count tokens so far, oldest first; they use up no answer. */
  readonly counts: ReadonlyArray<Recorded>
  /** The next of these that nobody has taken yet; waits for it. */
  readonly nextCount: Effect.Effect<Recorded>
}

/** How requests to count tokens are answered; by default with a token for every four characters of the body. */
export interface Counting {
  readonly count?: (request: Recorded, index: number) => Answer
}

export type Event = Readonly<Record<string, unknown>> & { readonly type: string }

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** An answer of any status and body; JSON unless the body is a string. */
export const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: bytes(typeof body === "string" ? body : JSON.stringify(body)),
  after: "end"
})

/** An error as the API words it. */
export const failure = (status: number, type: string, message: string, headers?: Readonly<Record<string, string>>) =>
  answer(status, { type: "error", error: { type, message }, request_id: "req_body" }, headers)

/** A whole stream, as bytes. */
export const stream = (body: Uint8Array | string): Answer => ({
  status: 200,
  headers: { "content-type": "text/event-stream; charset=utf-8", "request-id": "req_stream" },
  body: typeof body === "string" ? bytes(body) : body,
  after: "end"
})

/** A stream of these events. */
export const events = (list: ReadonlyArray<Event>): Answer =>
  stream(list.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""))

/** A recorded stream, by the name of its file without the ending. */
export const fixture = (name: string): Answer => stream(readFileSync(`${fixtures}${name}.sse`))

/** The same answer, torn down after so many bytes. */
export const cutAfter = (whole: Answer, length: number): Answer => ({
  ...whole,
  body: whole.body.slice(0, length),
  after: "cut"
})

/** Never answers. */
export const silence: Answer = { status: 0, headers: {}, body: new Uint8Array(), after: "hang" }

export interface Reply {
  readonly thinking?: { readonly text: string; readonly signature: string }
  readonly text?: string
  readonly calls?: ReadonlyArray<{ readonly id: string; readonly name: string; readonly input: unknown }>
  readonly stopReason?: string
  readonly usage?: { readonly input: number; readonly output: number }
}

/** The events of a plain reply: thinking, then text, then tool calls. */
export const reply = (options: Reply): ReadonlyArray<Event> => {
  const { calls = [], text, thinking, usage = { input: 10, output: 5 } } = options
  const blocks: Array<readonly [start: object, deltas: ReadonlyArray<object>]> = []
  if (thinking !== undefined) {
    const { signature, text: thought } = thinking
    blocks.push([
      { type: "thinking", thinking: "", signature: "" },
      [
        { type: "thinking_delta", thinking: thought },
        { type: "signature_delta", signature }
      ]
    ])
  }
  if (text !== undefined) {
    const deltas = (text.match(/\s*\S+\s*$|\s*\S+/g) ?? []).map((word) => ({ type: "text_delta", text: word }))
    blocks.push([{ type: "text", text: "" }, deltas])
  }
  for (const { id, input, name } of calls) {
    const json = JSON.stringify(input)
    blocks.push([{ type: "tool_use", id, name, input: {} }, [{ type: "input_json_delta", partial_json: json }]])
  }
  const stopReason = options.stopReason ?? (calls.length > 0 ? "tool_use" : "end_turn")
  return [
    {
      type: "message_start",
      message: { id: "msg_1", model: "claude-test", usage: { input_tokens: usage.input, output_tokens: 1 } }
    },
    ...blocks.flatMap(([start, deltas], index) => [
      { type: "content_block_start", index, content_block: start },
      ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
      { type: "content_block_stop", index }
    ]),
    { type: "message_delta", delta: { stop_reason: stopReason }, usage: { output_tokens: usage.output } },
    { type: "message_stop" }
  ]
}

/** A number of tokens, as the API words it. */
export const counted = (tokens: number): Answer => answer(200, { input_tokens: tokens })

const estimated = ({ body }: Recorded): Answer => counted(Math.ceil(JSON.stringify(body).length / 4))

/** Starts the server. A list is used up in order, then every request gets a 500 that says so. */
export const make = Effect.fnUntraced(function* (
  answers: ReadonlyArray<Answer> | ((request: Recorded, index: number) => Answer),
  { count = estimated }: Counting = {}
): Effect.fn.Return<AnthropicServer, never, Scope.Scope> {
  const requests: Array<Recorded> = []
  const arrivals = yield* Queue.unbounded<Recorded>()
  const counts: Array<Recorded> = []
  const countArrivals = yield* Queue.unbounded<Recorded>()
  const run = yield* FiberSet.makeRuntime()
  const broken: Array<string> = []
  const exhausted = failure(500, "api_error", "the test has no answer left")

  yield* Effect.addFinalizer(() =>
    broken.length === 0 ? Effect.void : Effect.die(new Error(`the Messages API refuses: ${broken.join("; ")}`))
  )

  const answerTo = (recorded: Recorded): Answer => {
    const counting = recorded.path.endsWith("/count_tokens")
    const index = (counting ? counts : requests).push(recorded) - 1
    const path = recorded.path.split("?")[0]
    const wrong = recorded.path.startsWith("/v1/messages") ? violations(recorded.body, path) : []
    broken.push(...wrong)
    if (wrong.length > 0) return failure(400, "invalid_request_error", wrong.join("; "))
    if (counting) return count(recorded, index)
    return typeof answers === "function" ? answers(recorded, index) : (answers[index] ?? exhausted)
  }

  const serve = Effect.fnUntraced(function* (request: Http.IncomingMessage, response: Http.ServerResponse) {
    const ended = yield* Deferred.make<"delivered" | "abandoned">()
    response.on("close", () => {
      Deferred.doneUnsafe(ended, Effect.succeed(response.writableFinished ? "delivered" : "abandoned"))
    })
    const text = yield* Effect.promise(() => request.setEncoding("utf8").toArray())
    const { headers, method = "", url = "" } = request
    const port = request.socket.remotePort
    const recorded = { method, path: url, headers, body: parse(text.join("")), port, ended }
    const given = answerTo(recorded)
    yield* Queue.offer(url.endsWith("/count_tokens") ? countArrivals : arrivals, recorded)
    if (given.gate !== undefined) yield* given.gate.await
    if (given.interruption?.after === "request") yield* given.interruption.act
    else if (given.status !== 0) yield* send(response, given)
  })

  const url = yield* listening((request, response) => run(serve(request, response)))
  return { url, requests, next: Queue.take(arrivals), counts, nextCount: Queue.take(countArrivals) }
})

const parse = (text: string): unknown => (text === "" ? undefined : JSON.parse(text))

const send = Effect.fnUntraced(function* (response: Http.ServerResponse, whole: Answer) {
  const { after: until, act } = whole.interruption ?? {}
  const given: Answer =
    typeof until === "number" ? { ...whole, body: whole.body.subarray(0, until), after: "hang" } : whole
  const delivered = yield* Effect.exit(
    Effect.tryPromise(() => {
      response.writeHead(given.status, given.headers).flushHeaders()
      return pipeline(Readable.from(pieces(given)), response, { end: false })
    })
  )
  if (act !== undefined) yield* act
  if (given.rest !== undefined) {
    const read = Stream.takeWhile(given.rest, () => !response.destroyed)
    yield* Stream.runForEach(read, (text) => Effect.sync(() => response.write(text)))
  }
  if (given.ending !== undefined) yield* given.ending.await
  if (delivered._tag === "Failure" || given.after === "hang") return
  if (given.after === "end") response.end()
  else response.destroy()
})

function* pieces({ body, chunkSize = body.length }: Answer): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += chunkSize) yield body.subarray(at, at + chunkSize)
}
