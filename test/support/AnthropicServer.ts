/**
 * A stand-in for the Messages API: a real HTTP server on 127.0.0.1 that gives scripted answers, one per request.
 *
 * Answers can be recorded streams or built here, arrive in chunks of any size, wait for a gate, break off or fall
 * silent. Every request is kept, with how its connection ended. The server and its connections end with the scope, which
 * fails when a request broke a rule of the Messages API: it was answered with what is wrong with it.
 */
import { existsSync, readFileSync } from "node:fs"
import type * as Http from "node:http"
import { fileURLToPath } from "node:url"
import type { ModelInfo } from "@anthropic-ai/sdk/resources/models"
import { Deferred, Effect, FiberSet, Queue, type Scope } from "effect"
import { type Answer, give } from "./Answers.ts"
import { listening } from "./ListeningServer.ts"
import { violations } from "./MessagesRules.ts"
import { asked, claude, claudes } from "./ModelsRoute.ts"

export type { Answer } from "./Answers.ts"

/** Where recorded answers are, when they are. */
export const fixtures = fileURLToPath(new URL("../../../shared/fixtures/anthropic/", import.meta.url))
export const haveFixtures = existsSync(fixtures)

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
  /** All requests to tell of models so far, oldest first; they use up no answer. */
  readonly lookups: ReadonlyArray<Recorded>
  /** The next of these that nobody has taken yet; waits for it. */
  readonly nextLookup: Effect.Effect<Recorded>
}

/** How requests for anything but a reply are answered; they use up no answer. */
export interface Beside {
  /** To count tokens; by default with a token for every four characters of the body. */
  readonly count?: (request: Recorded, index: number) => Answer
  /** To tell of models: these and no others, or any answer; by default every model there may be is as `claude` says. */
  readonly models?: ReadonlyArray<ModelInfo> | ((request: Recorded, index: number) => Answer)
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

/** One block of a reply: how it begins, and what is added to it. */
export type Block = readonly [start: object, deltas: ReadonlyArray<object>]

export interface Reply {
  readonly id?: string
  readonly model?: string
  readonly thinking?: { readonly text: string; readonly signature: string }
  /** Blocks of other kinds, between thinking and text. */
  readonly between?: ReadonlyArray<Block>
  readonly text?: string
  /** What the text rests on, as the API words it. */
  readonly citations?: ReadonlyArray<object>
  readonly calls?: ReadonlyArray<{ readonly id: string; readonly name: string; readonly input: unknown }>
  readonly stopReason?: string
  readonly stopDetails?: object
  /** `start` and `end`: further fields of the usage in the first and in the last event. */
  readonly usage?: { readonly input: number; readonly output: number; readonly start?: object; readonly end?: object }
}

/** The events of a reply: thinking, then blocks of other kinds, then text, then tool calls. */
export const reply = (options: Reply): ReadonlyArray<Event> => {
  const { calls = [], id = "msg_1", model = "claude-test", stopDetails, usage = { input: 10, output: 5 } } = options
  const stopReason = options.stopReason ?? (calls.length > 0 ? "tool_use" : "end_turn")
  const details = stopDetails === undefined ? undefined : { stop_details: stopDetails }
  const counts = { input_tokens: usage.input, output_tokens: 1, ...usage.start }
  const begun = { id, type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null }
  return [
    { type: "message_start", message: { ...begun, usage: counts } },
    ...blocksOf(options).flatMap(([start, deltas], index) => [
      { type: "content_block_start", index, content_block: start },
      ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
      { type: "content_block_stop", index }
    ]),
    {
      type: "message_delta",
      delta: { stop_reason: stopReason, stop_sequence: null, ...details },
      usage: { output_tokens: usage.output, ...usage.end }
    },
    { type: "message_stop" }
  ]
}

const blocksOf = ({ between = [], calls = [], citations = [], text, thinking }: Reply): ReadonlyArray<Block> => [
  ...(thinking === undefined ? [] : [thought(thinking)]),
  ...between,
  ...(text === undefined ? [] : [spoken(text, citations)]),
  ...calls.map(({ input, ...call }) => called({ type: "tool_use", ...call }, input))
]

const thought = ({ signature, text }: NonNullable<Reply["thinking"]>): Block => [
  { type: "thinking", thinking: "", signature: "" },
  [
    { type: "thinking_delta", thinking: text },
    { type: "signature_delta", signature }
  ]
]

const spoken = (text: string, citations: ReadonlyArray<object>): Block => [
  { type: "text", text: "" },
  [
    ...(text.match(/\s*\S+\s*$|\s*\S+/g) ?? []).map((word) => ({ type: "text_delta", text: word })),
    ...citations.map((citation) => ({ type: "citations_delta", citation }))
  ]
]

/** A block that calls a tool, with its input as JSON in one piece. */
export const called = (start: object, input: unknown): Block => [
  { ...start, input: {} },
  [{ type: "input_json_delta", partial_json: JSON.stringify(input) }]
]

/** A number of tokens, as the API words it. */
export const counted = (tokens: number): Answer => answer(200, { input_tokens: tokens })

const estimated = ({ body }: Recorded): Answer => counted(Math.ceil(JSON.stringify(body).length / 4))

const told = (models: Beside["models"], recorded: Recorded, index: number): Answer => {
  if (typeof models === "function") return models(recorded, index)
  const about = asked(recorded.method, recorded.path)
  if (about === undefined || about === "all") return answer(200, claudes(models ?? [claude()]))
  const found = models === undefined ? claude(about.id) : models.find(({ id }) => id === about.id)
  return found === undefined ? failure(404, "not_found_error", `model: ${about.id}`) : answer(200, found)
}

/** Requests of one kind: all of them, and those that nobody has taken yet. */
const shelf = Effect.map(Queue.unbounded<Recorded>(), (arrivals) => {
  const all: Array<Recorded> = []
  return { all, arrivals, next: Queue.take(arrivals) }
})

/** Starts the server. A list is used up in order, then every request gets a 500 that says so. */
export const make = Effect.fnUntraced(function* (
  answers: ReadonlyArray<Answer> | ((request: Recorded, index: number) => Answer),
  { count = estimated, models }: Beside = {}
): Effect.fn.Return<AnthropicServer, never, Scope.Scope> {
  const requests = yield* shelf
  const counts = yield* shelf
  const lookups = yield* shelf
  const run = yield* FiberSet.makeRuntime()
  const broken: Array<string> = []
  const exhausted = failure(500, "api_error", "the test has no answer left")

  yield* Effect.addFinalizer(() =>
    broken.length === 0 ? Effect.void : Effect.die(new Error(`the Messages API refuses: ${broken.join("; ")}`))
  )

  const shelfOf = ({ method, path }: Recorded) =>
    asked(method, path) !== undefined ? lookups : path.endsWith("/count_tokens") ? counts : requests

  const answerTo = (recorded: Recorded, { all }: typeof requests): Answer => {
    const index = all.push(recorded) - 1
    if (all === lookups.all) return told(models, recorded, index)
    const path = recorded.path.split("?")[0]
    const wrong = recorded.path.startsWith("/v1/messages") ? violations(recorded.body, path) : []
    broken.push(...wrong)
    if (wrong.length > 0) return failure(400, "invalid_request_error", wrong.join("; "))
    if (all === counts.all) return count(recorded, index)
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
    const shelved = shelfOf(recorded)
    const given = answerTo(recorded, shelved)
    yield* Queue.offer(shelved.arrivals, recorded)
    yield* give(response, given)
  })

  const url = yield* listening((request, response) => run(serve(request, response)))
  return {
    url,
    requests: requests.all,
    next: requests.next,
    counts: counts.all,
    nextCount: counts.next,
    lookups: lookups.all,
    nextLookup: lookups.next
  }
})

const parse = (text: string): unknown => (text === "" ? undefined : JSON.parse(text))
