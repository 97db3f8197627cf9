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

const configured = (baseUrl: string, limits: object, more = {}) =>
  Schema.decodeUnknownEffect(ProviderConfig)({ kind: "anthropic", apiKey: "sk-test", baseUrl, limits, ...more })

const limited = (seconds: number) =>
  Server.failure(429, "rate_limit_error", "slow down", { "retry-after": String(seconds) })
const overloaded = Server.failure(529, "overloaded_error", "Overloaded")

/** Which keys were asked, in order. */
const keysAsked = (server: Server.AnthropicServer) =>
  server.requests.map(({ headers }) => String(headers.authorization).replace("Bearer ", ""))

/** Lets virtual time pass until the fiber ends; the sockets are real, so it needs turns of the event loop. */
const elapse = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* TestClock.adjust("100 millis")
    }
    return yield* Fiber.join(fiber)
  })

const find = Effect.fnUntraced(function* (name: string) {
  return (yield* Providers).find(name) ?? (yield* Effect.die("there is no provider"))
})

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
    const provider = yield* find("claude")
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

  it.effect("asks another key at once when one is limited", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(({ headers }) =>
        headers.authorization === "Bearer sk-test" ? limited(60) : hello
      )
      const claude = yield* configured(server.url, {}, { moreKeys: ["sk-more"] })
      yield* Effect.gen(function* () {
        const provider = yield* find("claude")
        yield* Stream.runDrain(provider.stream(request("a")))
        yield* Stream.runDrain(provider.stream(request("b")))
        assert.deepStrictEqual(keysAsked(server), ["sk-test", "sk-more", "sk-more"])
        assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      }).pipe(Effect.provide(ProvidersLayer.make({ claude })))
    })
  )

  it.effect("leaves an overloaded model alone after five failures, then tries it once, then trusts it", () =>
    Effect.gen(function* () {
      const server = yield* Server.make((_, index) => (index < 5 ? overloaded : hello))
      const claude = yield* configured(server.url, {}, { retry: { attempts: 5, base: "100 millis" } })
      yield* Effect.gen(function* () {
        const provider = yield* find("claude")
        const call = (session: string) =>
          Effect.forkChild(Effect.exit(Stream.runDrain(provider.stream(request(session)))))
        const states = Effect.map(provider.health ?? Effect.succeed([]), (all) => all.map(({ state }) => state))
        assert.include(String(yield* elapse(yield* call("a"))), "Overloaded")
        assert.strictEqual(server.requests.length, 5)
        assert.deepStrictEqual(yield* states, ["open"])
        const begun = yield* Clock.currentTimeMillis
        const second = yield* call("b")
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(server.requests.length, 5)
        assert.strictEqual((yield* elapse(second))._tag, "Success")
        assert.isAtLeast((yield* Clock.currentTimeMillis) - begun, 9_900)
        assert.deepStrictEqual(yield* states, ["closed"])
        assert.strictEqual(server.requests.length, 6)
      }).pipe(Effect.provide(ProvidersLayer.make({ claude })))
    })
  )

  it.effect("fails fast, with the fault itself, where a model is left alone for longer than a retry may wait", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(() => overloaded)
      const claude = yield* configured(
        server.url,
        {},
        { retry: { attempts: 5, base: "100 millis", cap: "5 seconds" }, breaker: { failures: 5, open: "1 minute" } }
      )
      yield* Effect.gen(function* () {
        const provider = yield* find("claude")
        yield* elapse(yield* Effect.forkChild(Effect.exit(Stream.runDrain(provider.stream(request("a"))))))
        const error = yield* Effect.flip(Stream.runDrain(provider.stream(request("b"))))
        assert.deepInclude(error, { reason: "overloaded", status: 529, skipped: true })
        assert.match(error.message, /^claude: Overloaded.* \(key 1 is not asked again for 1m with claude-test\)$/)
        assert.strictEqual(server.requests.length, 5)
      }).pipe(Effect.provide(ProvidersLayer.make({ claude })))
    })
  )

  it.effect("has one count for two providers with the same key", () =>
    Effect.gen(function* () {
      const server = yield* Server.make(() => hello)
      const one = yield* configured(server.url, { requestsPerMinute: 1 })
      const other = yield* configured(server.url, {})
      yield* Effect.gen(function* () {
        const [first, second] = [yield* find("one"), yield* find("other")]
        yield* Stream.runDrain(first.stream(request("a")))
        const waiting = yield* Effect.forkChild(Stream.runDrain(second.stream(request("b"))), {
          startImmediately: true
        })
        assert.deepStrictEqual(
          (yield* second.waiting ?? Effect.succeed([])).map(({ reason }) => reason),
          ["requests"]
        )
        assert.deepStrictEqual(yield* first.waiting ?? Effect.succeed([]), [])
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(waiting)
        assert.strictEqual(server.requests.length, 2)
      }).pipe(Effect.provide(ProvidersLayer.make({ one, other })))
    })
  )

  it("waits for room for five minutes unless the file says otherwise", () => {
    const { limits } = Schema.decodeUnknownSync(ProviderConfig)({ kind: "openai" }) as Extract<
      ProviderConfig,
      { kind: "openai" }
    >
    assert.deepStrictEqual(limits, { patience: Duration.minutes(5), perModel: {} })
  })

  it.effect("is whole again when it is built anew: who waits for room then gets it", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([hello, hello])
      const claude = yield* configured(server.url, { requestsPerMinute: 1 })
      const layer = ProvidersLayer.make({ claude })
      const call = (session: string) =>
        Effect.flatMap(find("claude"), (provider) => Stream.runDrain(provider.stream(request(session))))
      yield* Effect.provide(find("claude"), layer, { local: true })
      yield* Effect.gen(function* () {
        yield* call("a")
        yield* elapse(yield* Effect.forkChild(call("b"), { startImmediately: true }))
      }).pipe(Effect.provide(layer, { local: true }))
      assert.strictEqual(server.requests.length, 2)
    })
  )
})
