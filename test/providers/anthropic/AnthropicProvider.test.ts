import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Latch, Logger, Redacted, Schema, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as AnthropicProvider from "../../../src/providers/anthropic/AnthropicProvider.ts"
import { Provider, type ProviderPart, type ProviderRequest } from "../../../src/providers/Provider.ts"
import * as Server from "../../support/AnthropicServer.ts"

const key = "sk-ant-secret"
const exec = Tool.make("exec", {
  description: "Runs a command",
  parameters: Schema.Struct({ command: Schema.String })
})
const request: ProviderRequest = {
  model: "claude-test",
  prompt: Prompt.make([
    { role: "system", content: "Be brief." },
    { role: "user", content: "hello" }
  ]),
  tools: [exec],
  maxTokens: 100
}
const once = { attempts: 1, base: Duration.millis(1), cap: Duration.millis(1) }
const thrice = { ...once, attempts: 3 }

const providerFor = (url: string, options: Partial<AnthropicProvider.AnthropicOptions> = {}) =>
  AnthropicProvider.make({ name: "claude", apiKey: Redacted.make(key), baseUrl: url, retry: once, ...options })

const ask = (url: string, options?: Partial<AnthropicProvider.AnthropicOptions>) =>
  Effect.flatMap(providerFor(url, options), (provider) => Stream.runCollect(provider.stream(request)))

const failing = (given: Server.Answer, options?: Partial<AnthropicProvider.AnthropicOptions>) =>
  Effect.gen(function* () {
    const server = yield* Server.make([given])
    return yield* Effect.flip(ask(server.url, options))
  })

const textOf = (parts: ReadonlyArray<ProviderPart>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

const cache_control = { type: "ephemeral" }
const hello = Server.events(Server.reply({ text: "Hello there friend" }))

describe("AnthropicProvider", () => {
  it.live("sends the key, the version and the request, and reads the answer", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      assert.strictEqual(textOf(yield* ask(server.url)), "Hello there friend")
      const sent = yield* server.next
      assert.strictEqual(sent.method, "POST")
      assert.strictEqual(sent.path, "/v1/messages")
      assert.strictEqual(sent.headers.authorization, `Bearer ${key}`)
      assert.strictEqual(sent.headers["anthropic-version"], "2026-10-21")
      assert.strictEqual(sent.headers["x-stainless-retry-count"], "0")
      assert.deepStrictEqual(sent.body, {
        model: "claude-test",
        max_tokens: 100,
        stream: true,
        system: [{ type: "text", text: "Be brief.", cache_control }],
        messages: [{ role: "user", content: [{ type: "text", text: "hello", cache_control }] }],
        tools: [
          {
            name: "exec",
            description: "Runs a command",
            input_schema: {
              type: "object",
              properties: { command: { type: "string" } },
              required: ["command"],
              additionalProperties: true
            },
            cache_control
          }
        ]
      })
    })
  )

  it.live("keeps as much of the conversation in the cache as it is told to", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(() => hello)
      yield* ask(server.url, { caching: "1 hour" })
      yield* ask(server.url, { caching: "off" })
      const [long, off] = server.requests.map(({ body }) => JSON.stringify(body))
      assert.include(long, '"cache_control":{"type":"ephemeral","ttl":"1h"}')
      assert.notInclude(off, "cache_control")
    })
  )

  it.live("asks why the cache was of no use, and tells the log", () =>
    Effect.gen(function* () {
      const cache_miss_reason = { type: "tools_changed", cache_missed_input_tokens: 900 }
      const start = { type: "message_start", message: { id: "msg_2", diagnostics: { cache_miss_reason } } }
      const server = yield* Server.make([Server.events([start, ...Server.reply({ text: "Hi" }).slice(1)])])
      const provider = yield* providerFor(server.url, { cacheDiagnosis: true })
      const told: Array<unknown> = []
      const logger = Logger.map(Logger.formatStructured, (entry) => void told.push(entry))
      const answered = Stream.runDrain(provider.stream({ ...request, previous: "msg_1", session: "s" }))
      yield* Effect.provide(answered, Logger.layer([logger]))
      const sent = yield* server.next
      assert.deepInclude(sent.body, { diagnostics: { previous_message_id: "msg_1" } })
      const annotations = {
        provider: "claude",
        model: "claude-test",
        session: "s",
        reason: "tools_changed",
        tokens: 900
      }
      assert.strictEqual(told.length, 1)
      assert.deepInclude(told[0], { level: "INFO", message: "prompt cache missed", annotations })
    })
  )

  it.live("says that a reply of its can be gone on with", () =>
    Effect.map(providerFor("http://127.0.0.1:1"), ({ continues }) => assert.isTrue(continues))
  )

  it.live("is provided as a layer", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      const options = { name: "claude", apiKey: Redacted.make(key), baseUrl: server.url, retry: once, models: ["one"] }
      const provider = yield* Effect.provide(Provider, AnthropicProvider.layer(options))
      assert.deepStrictEqual([provider.name, provider.models], ["claude", ["one"]])
      assert.strictEqual(textOf(yield* Stream.runCollect(provider.stream(request))), "Hello there friend")
    })
  )

  it.live("sends nothing before the stream is pulled, and a request for every run of it", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(() => hello)
      const stream = (yield* providerFor(server.url)).stream(request)
      assert.strictEqual(server.requests.length, 0)
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      assert.strictEqual(server.requests.length, 2)
    })
  )

  it.effect("uses connections again for later calls, even when a body ends late", () =>
    Effect.gen(function* () {
      const latches = yield* Effect.replicateEffect(Latch.make(), 8)
      const server = yield* Server.make((_, index) => ({ ...hello, ending: latches[index] ?? Latch.makeUnsafe(true) }))
      const provider = yield* providerFor(server.url)
      for (const latch of latches) {
        yield* Stream.runForEach(provider.stream(request), (part) =>
          part.type === "finish" ? latch.open : Effect.void
        )
      }
      assert.strictEqual(server.requests.length, 8)
      assert.isAtMost(new Set(server.requests.map((sent) => sent.port)).size, 2)
    })
  )

  it.live("sends all that the prompt refers to, made anew for each attempt and not before", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([Server.failure(529, "overloaded_error", "Overloaded"), hello])
      const provider = yield* providerFor(server.url, { retry: thrice })
      let made = 0
      const whole = Effect.sync(() => Prompt.make(`the whole of it, made ${++made} times`))
      const stream = provider.stream({ ...request, whole })
      assert.strictEqual(made, 0)
      yield* Stream.runDrain(stream)
      assert.deepStrictEqual(
        server.requests.map(({ body }) => /made \d/.exec(JSON.stringify(body))?.[0]),
        ["made 1", "made 2"]
      )
    })
  )

  it.live("takes no notice of keys and headers in the environment", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      const environment = {
        ANTHROPIC_API_KEY: "other",
        ANTHROPIC_AUTH_TOKEN: "other",
        ANTHROPIC_CUSTOM_HEADERS: "x-operator: secret\nauthorization: Bearer sk-other\nno header"
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.assign(process.env, environment)),
        () =>
          Effect.sync(() => {
            for (const name of Object.keys(environment)) delete process.env[name]
          })
      )
      yield* ask(server.url)
      const { headers } = yield* server.next
      assert.strictEqual(headers.authorization, `Bearer ${key}`)
      assert.notProperty(headers, "x-operator")
    })
  )

  it.live("says that no key is set, without asking anybody", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      const error = yield* Effect.flip(ask(server.url, { apiKey: Redacted.make(" ") }))
      assert.strictEqual(error.reason, "authentication")
      assert.strictEqual(error.message, "claude: no API key is set; check apiKey of the provider claude")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  it.live("refuses a key that cannot be sent, without repeating it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ask("http://127.0.0.1:1", { apiKey: Redacted.make("sk-\nant") }))
      assert.strictEqual(error.reason, "authentication")
      assert.notInclude(error.message, "sk-")
    })
  )

  it.live("says clearly that the key was refused, and never shows it", () =>
    Effect.gen(function* () {
      const error = yield* failing(Server.failure(401, "authentication_error", `invalid key ${key}`), { retry: thrice })
      assert.strictEqual(error.reason, "authentication")
      assert.strictEqual(error.status, 401)
      assert.strictEqual(error.requestId, "req_body")
      const said = "the API key was refused (invalid key <redacted>); check apiKey of the provider claude"
      assert.strictEqual(error.message, `claude: ${said}`)
    })
  )

  it.live("waits as long as it is told and then succeeds", () =>
    Effect.gen(function* () {
      const busy = Server.failure(429, "rate_limit_error", "slow down", { "retry-after-ms": "1" })
      const server = yield* Server.make([busy, busy, hello])
      assert.strictEqual(textOf(yield* ask(server.url, { retry: thrice })), "Hello there friend")
      assert.strictEqual(server.requests.length, 3)
    })
  )

  it.live("reports how long it was asked to wait", () =>
    Effect.gen(function* () {
      const error = yield* failing(Server.failure(429, "rate_limit_error", "slow down", { "retry-after": "7" }))
      assert.strictEqual(error.reason, "rate_limited")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(7))
    })
  )

  it.live("gives up on an overloaded API when its attempts are spent", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(() => Server.failure(529, "overloaded_error", "Overloaded"))
      const error = yield* Effect.flip(ask(server.url, { retry: thrice }))
      assert.deepStrictEqual([error.reason, error.status, error.detail], ["overloaded", 529, "Overloaded"])
      assert.strictEqual(server.requests.length, 3)
    })
  )

  it.live("fails as a connection that cannot be made", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(Server.make([]))
      const error = yield* Effect.flip(ask(url))
      assert.strictEqual(error.reason, "connection")
      assert.include(error.detail, "ECONNREFUSED")
    })
  )

  it.live("hands on what came before an error in the middle of an answer, then fails without asking again", () =>
    Effect.gen(function* () {
      const broken = Server.events([
        ...Server.reply({ text: "Hello there" }).slice(0, 4),
        { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }
      ])
      const server = yield* Server.make(() => broken)
      const provider = yield* providerFor(server.url, { retry: thrice })
      const seen: Array<ProviderPart> = []
      const stream = Stream.tap(provider.stream(request), (part) => Effect.sync(() => seen.push(part)))
      const error = yield* Effect.flip(Stream.runDrain(stream))
      assert.deepStrictEqual([error.reason, error.requestId], ["overloaded", "req_stream"])
      assert.strictEqual(textOf(seen), "Hello there")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.live("asks again when an answer breaks before it has said anything", () =>
    Effect.gen(function* () {
      const broken = Server.events([
        ...Server.reply({ text: "Hello" }).slice(0, 2),
        { type: "error", error: { type: "api_error", message: "Internal server error" } }
      ])
      const server = yield* Server.make([broken, hello])
      const parts = yield* ask(server.url, { retry: thrice })
      assert.strictEqual(textOf(parts), "Hello there friend")
      assert.strictEqual(parts.filter((part) => part.type === "response-metadata").length, 1)
    })
  )

  it.live("fails as cut off wherever the answer ends too early", () =>
    Effect.gen(function* () {
      const length = hello.body.length
      for (const at of [0, 40, Math.floor(length / 2), length - 20, length - 1]) {
        const torn = yield* failing(Server.cutAfter(hello, at))
        const ended = yield* failing({ ...Server.cutAfter(hello, at), after: "end" })
        assert.deepStrictEqual([torn.reason, ended.reason], ["stream_cut", "stream_cut"], `at ${at}`)
      }
    })
  )

  it.live("says of a conversation that is too long for the model that it is", () =>
    Effect.gen(function* () {
      const said = "prompt is too long: 210000 tokens > 200000 maximum"
      const server = yield* Server.make(() => Server.failure(400, "invalid_request_error", said))
      const error = yield* Effect.flip(ask(server.url, { retry: thrice }))
      assert.deepStrictEqual([error.reason, error.detail], ["context_overflow", said])
      assert.deepStrictEqual([error.status, error.requestId], [400, "req_body"])
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.live("hands on a reply that filled the window, then fails for it without asking again", () =>
    Effect.gen(function* () {
      const full = Server.events(Server.reply({ text: "So far", stopReason: "model_context_window_exceeded" }))
      const server = yield* Server.make(() => full)
      const provider = yield* providerFor(server.url, { retry: thrice })
      const received: Array<ProviderPart> = []
      const reading = Stream.runForEach(provider.stream(request), (part) => Effect.sync(() => received.push(part)))
      const error = yield* Effect.flip(reading)
      assert.strictEqual(textOf(received), "So far")
      assert.deepStrictEqual([error.reason, error.requestId], ["context_overflow", "req_stream"])
      assert.include(error.detail, "context window")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.live("fails as an invalid response when it is no event stream at all", () =>
    Effect.gen(function* () {
      const page = yield* failing(Server.answer(200, "<html>", { "content-type": "text/html" }))
      assert.strictEqual(page.reason, "invalid_response")
      assert.include(page.detail, "text/html")
      const empty = yield* failing(Server.answer(204, ""))
      assert.strictEqual(empty.reason, "invalid_response")
    })
  )

  it.live("hands on what came before a malformed event, then fails", () =>
    Effect.gen(function* () {
      const start = new TextDecoder().decode(Server.events(Server.reply({ text: "Hello" }).slice(0, 3)).body)
      const error = yield* failing(Server.stream(`${start}event: content_block_delta\ndata: {"type":\n\n`))
      assert.deepStrictEqual([error.reason, error.requestId], ["invalid_response", "req_stream"])
    })
  )

  it.live("passes over comments, pings, retry lines, unknown events and CRLF", () =>
    Effect.gen(function* () {
      const plain = new TextDecoder().decode(hello.body)
      const noise = `: hello\nretry: 10\nevent: ping\ndata: {"type":"ping"}\n\nevent: new\ndata: {"type":"new"}\n\n`
      const noisy = plain
        .split("\n\n")
        .filter((event) => event !== "")
        .map((event) => `${noise}${event}\n\n`)
        .join("")
      const server = yield* Server.make([hello, Server.stream(noisy.replaceAll("\n", "\r\n"))])
      const expected = yield* ask(server.url)
      assert.deepStrictEqual(yield* ask(server.url), expected)
    })
  )

  it.live("closes the connection at once when it is interrupted", () =>
    Effect.gen(function* () {
      const open: Server.Answer = { ...Server.events(Server.reply({ text: "Hello" }).slice(0, 3)), after: "hang" }
      const server = yield* Server.make([open])
      const provider = yield* providerFor(server.url)
      const spoken = yield* Deferred.make<void>()
      const reading = Stream.runForEach(provider.stream(request), (part) =>
        part.type === "text-delta" ? Deferred.succeed(spoken, undefined) : Effect.void
      )
      const fiber = yield* Effect.forkChild(reading)
      yield* Deferred.await(spoken)
      yield* Fiber.interrupt(fiber)
      const sent = yield* server.next
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
    })
  )

  it.live("closes the connection when it is interrupted before there is an answer", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([Server.silence])
      const fiber = yield* Effect.forkChild(ask(server.url))
      const sent = yield* server.next
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
    })
  )

  it.live("waits for an answer that takes its time", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make()
      const server = yield* Server.make([{ ...hello, gate }])
      const fiber = yield* Effect.forkChild(ask(server.url))
      yield* server.next
      yield* gate.open
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "Hello there friend")
    })
  )

  /** Lets virtual time pass until the fiber ends; the sockets are real, so it needs turns of the event loop. */
  const elapse = <A, E>(fiber: Fiber.Fiber<A, E>) =>
    Effect.gen(function* () {
      while (fiber.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise(setImmediate))
      }
      return yield* Clock.currentTimeMillis
    })

  it.effect("fails as stalled when an answer falls silent", () =>
    Effect.gen(function* () {
      const half: Server.Answer = { ...Server.events(Server.reply({ text: "Hello" }).slice(0, 3)), after: "hang" }
      const server = yield* Server.make([half])
      const provider = yield* providerFor(server.url)
      const spoken = yield* Deferred.make<void>()
      const reading = Stream.runForEach(provider.stream(request), (part) =>
        part.type === "text-delta" ? Deferred.succeed(spoken, undefined) : Effect.void
      )
      const fiber = yield* Effect.forkChild(Effect.flip(reading))
      yield* Deferred.await(spoken)
      assert.isAtLeast(yield* elapse(fiber), 60_000)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason, error.detail], ["stream_stalled", "the answer fell silent for 1m"])
      const sent = yield* server.next
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
    })
  )

  it.effect("fails as timed out when no answer comes", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([Server.silence])
      const fiber = yield* Effect.forkChild(Effect.flip(ask(server.url)))
      const sent = yield* server.next
      assert.isAtLeast(yield* elapse(fiber), 120_000)
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "timeout")
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
    })
  )

  it.effect("ends with the last event, even when the connection stays open", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([{ ...hello, after: "hang" }])
      const fiber = yield* Effect.forkChild(ask(server.url))
      yield* server.next
      assert.isBelow(yield* elapse(fiber), 60_000)
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "Hello there friend")
    })
  )

  const recordedErrors = [
    ["error-400-test_anthropic_explicit_effort_xhigh_unsupported_model_errors", "invalid_request", "effort level"],
    ["error-404-test_model_name_suggestion-anthropic", "not_found", "claude-sonet-4-5"]
  ] as const

  for (const [name, reason, said] of recordedErrors) {
    it.live.skipIf(!Server.haveFixtures)(`understands the recorded ${name}`, () =>
      Effect.gen(function* () {
        const recorded = JSON.parse(readFileSync(`${Server.fixtures}${name}.json`, "utf8"))
        const error = yield* failing(Server.answer(recorded.status.code, recorded.body), { retry: thrice })
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(error.status, recorded.status.code)
        assert.strictEqual(error.requestId, recorded.body.request_id)
        assert.include(error.detail, said)
      })
    )
  }
})
