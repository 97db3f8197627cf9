/** The providers of a tenant's file as they are built, over real sockets and on virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import * as ProvidersLayer from "../../src/app/ProvidersLayer.ts"
import { ProviderConfig } from "../../src/config/ProviderConfig.ts"
import { Providers } from "../../src/providers/Providers.ts"
import * as Server from "../support/AnthropicServer.ts"

const hello = Server.events(Server.reply({ text: "Hello" }))

const configured = (baseUrl: string, limits: object) =>
  Schema.decodeUnknownEffect(ProviderConfig)({ kind: "anthropic", apiKey: "sk-test", baseUrl, limits })

const request = (session: string) => ({
  model: "claude-test",
  prompt: Prompt.make("hello"),
  tools: [],
  maxTokens: 100,
  session
})

/** What two calls, one after the other, take of virtual time, in seconds. */
const twice = Effect.fnUntraced(function* (limits: object, first: Server.Answer) {
  const server = yield* Server.make([first, hello])
  const claude = yield* configured(server.url, limits)
  return yield* Effect.gen(function* () {
    const provider = (yield* Providers).find("claude")
    if (provider === undefined) return yield* Effect.die("there is no provider")
    yield* Stream.runDrain(provider.stream(request("a")))
    const second = yield* Effect.forkChild(Stream.runDrain(provider.stream(request("b"))), { startImmediately: true })
    const waits = provider.waiting ?? Effect.succeed([])
    const waiting = yield* waits
    while ((yield* waits).length > 0) yield* TestClock.adjust("1 second")
    yield* Fiber.join(second)
    assert.strictEqual(server.requests.length, 2)
    return {
      waiting: waiting.map(({ reason, session }) => ({ reason, session })),
      ended: yield* Clock.currentTimeMillis
    }
  }).pipe(Effect.provide(ProvidersLayer.make({ claude })))
})

describe("ProvidersLayer", () => {
  it.effect("holds a provider to the limits of its file", () =>
    Effect.gen(function* () {
      const { ended, waiting } = yield* twice({ requestsPerMinute: 1 }, hello)
      assert.deepStrictEqual(waiting, [{ reason: "requests", session: "b" }])
      assert.strictEqual(ended, 60_000)
    })
  )

  it.effect("obeys the limits that Anthropic tells in its headers, where they are tighter", () =>
    Effect.gen(function* () {
      const headers = {
        ...hello.headers,
        "anthropic-ratelimit-requests-limit": "1000",
        "anthropic-ratelimit-requests-remaining": "0"
      }
      const { ended, waiting } = yield* twice({ requestsPerMinute: 2 }, { ...hello, headers })
      assert.deepStrictEqual(waiting, [{ reason: "requests", session: "b" }])
      assert.strictEqual(ended, 30_000)
    })
  )

  it("waits for room for five minutes unless the file says otherwise", () => {
    const { limits } = Schema.decodeUnknownSync(ProviderConfig)({ kind: "openai" }) as Extract<
      ProviderConfig,
      { kind: "openai" }
    >
    assert.deepStrictEqual(limits, { patience: Duration.minutes(5) })
  })
})
