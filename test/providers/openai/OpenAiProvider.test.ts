/** What is particular to servers of chat completions; what they share with others is in the contract. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import * as OpenAiProvider from "../../../src/providers/openai/OpenAiProvider.ts"
import { Provider, type ProviderPart, type ProviderRequest } from "../../../src/providers/Provider.ts"
import type { Answer } from "../../support/AnthropicServer.ts"
import * as Server from "../../support/OpenAiServer.ts"

const key = "sk-openai-secret"
const request: ProviderRequest = {
  model: "gpt-test",
  prompt: Prompt.make([
    { role: "system", content: "Be brief." },
    { role: "user", content: "hello" }
  ]),
  tools: [Tool.make("exec")],
  maxTokens: 100
}
const once = { attempts: 1, base: Duration.millis(1), cap: Duration.millis(1) }

const providerFor = (url: string, options: Partial<OpenAiProvider.OpenAiOptions> = {}) =>
  OpenAiProvider.make({ name: "gpt", apiKey: Redacted.make(key), baseUrl: `${url}/v1`, retry: once, ...options })

const ask = (url: string, options?: Partial<OpenAiProvider.OpenAiOptions>) =>
  Effect.flatMap(providerFor(url, options), (provider) => Stream.runCollect(provider.stream(request)))

const textOf = (parts: ReadonlyArray<ProviderPart>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

const hello = Server.events(Server.reply({ text: "Hello there" }))
const text = Server.chunk({ content: "Hello" })
const stop = Server.chunk({}, "stop")

/** What the client would otherwise take from the environment. */
const environment = {
  OPENAI_API_KEY: "sk-other",
  OPENAI_ADMIN_KEY: "sk-admin",
  OPENAI_ORG_ID: "org",
  OPENAI_PROJECT_ID: "project",
  OPENAI_BASE_URL: "http://127.0.0.1:1/v1",
  OPENAI_CUSTOM_HEADERS: "x-operator: secret\nauthorization: Bearer sk-other\nno header"
}

const withEnvironment = Effect.acquireRelease(
  Effect.sync(() => {
    Object.assign(process.env, environment)
  }),
  () =>
    Effect.sync(() => {
      for (const name of Object.keys(environment)) delete process.env[name]
    })
)

describe("OpenAiProvider", () => {
  it.live("sends the key and the request", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      yield* ask(server.url)
      const sent = yield* server.next
      assert.deepStrictEqual([sent.method, sent.path], ["POST", "/v1/chat/completions"])
      assert.strictEqual(sent.headers.authorization, `Bearer ${key}`)
      assert.strictEqual(sent.headers["x-stainless-retry-count"], "0")
      assert.deepStrictEqual(sent.body, {
        model: "gpt-test",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "hello" }
        ],
        tools: [
          {
            type: "function",
            function: {
              name: "exec",
              parameters: { type: "object", properties: {}, additionalProperties: false },
              strict: false
            }
          }
        ],
        max_tokens: 100,
        stream: true,
        stream_options: { include_usage: true }
      })
    })
  )

  it.live("is provided as a layer", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      const options = { name: "gpt", apiKey: Redacted.make(key), baseUrl: server.url, retry: once, models: ["one"] }
      const provider = yield* Effect.provide(Provider, OpenAiProvider.layer(options))
      assert.deepStrictEqual([provider.name, provider.models], ["gpt", ["one"]])
      assert.strictEqual(textOf(yield* Stream.runCollect(provider.stream(request))), "Hello there")
    })
  )

  it.live("tells the most tokens in the field it is told to use", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      yield* ask(server.url, { maxTokensField: "max_completion_tokens" })
      assert.include((yield* server.next).body, { max_completion_tokens: 100 })
    })
  )

  it.live("tells how hard to try, and says that a cut reply cannot be gone on with", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      const provider = yield* providerFor(server.url)
      yield* Stream.runDrain(provider.stream({ ...request, effort: "max", thinking: "adaptive" }))
      assert.include((yield* server.next).body, { reasoning_effort: "high" })
      assert.isFalse(provider.continues)
    })
  )

  it.live("sends no authorization at all without a key", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello])
      assert.strictEqual(textOf(yield* ask(server.url, { apiKey: Redacted.make(" ") })), "Hello there")
      assert.isUndefined((yield* server.next).headers.authorization)
    })
  )

  it.live("takes no key, no address and no header from the environment", () =>
    Effect.gen(function* () {
      yield* withEnvironment
      const server = yield* Server.make([hello, hello])
      yield* ask(server.url)
      yield* ask(server.url, { apiKey: Redacted.make("") })
      const [keyed, keyless] = server.requests
      assert.strictEqual(keyed?.headers.authorization, `Bearer ${key}`)
      assert.isUndefined(keyless?.headers.authorization)
      assert.notMatch(
        JSON.stringify(server.requests.map(({ headers }) => headers)),
        /sk-other|sk-admin|org"|x-operator/
      )
    })
  )

  it.live("refuses a key that cannot be sent, without repeating it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ask("http://127.0.0.1:1", { apiKey: Redacted.make("sk-\nopenai") }))
      assert.strictEqual(error.reason, "authentication")
      assert.notInclude(error.message, "sk-")
    })
  )

  it.live("keeps the request's id, whether it fails at once or in the middle", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([
        Server.failure(400, { message: "no" }),
        Server.events([text, { error: { message: "no", type: "server_error" } }])
      ])
      assert.strictEqual((yield* Effect.flip(ask(server.url))).requestId, "req_head")
      assert.strictEqual((yield* Effect.flip(ask(server.url))).requestId, "req_stream")
    })
  )

  it.live("tells what the server says of its limits", () =>
    Effect.gen(function* () {
      const limits = { "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-tokens": "1500" }
      const server = yield* Server.make([{ ...hello, headers: { ...hello.headers, ...limits } }])
      const told: Array<unknown> = []
      const { stream } = yield* providerFor(server.url)
      yield* Stream.runDrain(stream({ ...request, onLimits: (limits) => told.push(limits) }))
      assert.deepStrictEqual(told, [
        { requests: { limit: 60, remaining: undefined }, inputTokens: { limit: undefined, remaining: 1500 } }
      ])
    })
  )

  const endings: ReadonlyArray<readonly [string, Answer]> = [
    ["without the last event", Server.events([text, stop])],
    ["without usage", Server.events([text, stop, Server.done])],
    ["without a finish reason", Server.events([text, Server.done])],
    ["torn once the reason is told", { ...Server.events([text, stop]), after: "cut" }]
  ]

  for (const [how, given] of endings) {
    it.live(`ends well with an answer that ends ${how}`, () =>
      Effect.gen(function* () {
        const server = yield* Server.make([given])
        const parts = yield* ask(server.url)
        assert.strictEqual(textOf(parts), "Hello")
        assert.strictEqual(parts.at(-1)?.type, "finish")
      })
    )
  }

  it.live("gives tool calls without ids others in every reply", () =>
    Effect.gen(function* () {
      const call = Server.chunk({ tool_calls: [{ index: 0, function: { name: "exec", arguments: "{}" } }] })
      const server = yield* Server.make(() => Server.events([call, stop, Server.done]))
      const replies = yield* Effect.replicateEffect(ask(server.url), 2)
      const ids = replies.flat().flatMap((part) => (part.type === "tool-call" ? [part.id] : []))
      assert.lengthOf(new Set(ids), 2)
    })
  )

  it.live("uses connections again for later calls", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(() => hello)
      const provider = yield* providerFor(server.url)
      for (let call = 0; call < 5; call += 1) yield* Stream.runDrain(provider.stream(request))
      assert.isAtMost(new Set(server.requests.map((sent) => sent.port)).size, 2)
    })
  )
})
