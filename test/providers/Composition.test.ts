import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import { compose } from "../../src/providers/Composition.ts"
import { ProviderError, type ProviderFault } from "../../src/providers/ProviderError.ts"
import * as RateLimits from "../../src/providers/RateLimits.ts"
import type { Limits } from "../../src/providers/RateLimitState.ts"
import * as FakeProvider from "../support/FakeProvider.ts"

const retry = { attempts: 3, base: Duration.seconds(1), cap: Duration.seconds(5) }
const timeouts = { content: Duration.seconds(20), call: Duration.minutes(5) }
const request = { model: "model", prompt: Prompt.make("hello"), tools: [], maxTokens: 10, session: "s" }

/** A composed provider that gives these replies, and the seconds at which it was asked. */
const world = Effect.fnUntraced(function* (
  limits: Limits,
  replies: ReadonlyArray<FakeProvider.Reply>,
  patience: Duration.Input = "2 minutes"
) {
  const rateLimits = yield* RateLimits.make({
    limits,
    patience: Duration.fromInputUnsafe(patience),
    cacheIsFree: false
  })
  const asked: Array<number> = []
  const fake = FakeProvider.answering(() =>
    Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (now) => {
        asked.push(now / 1000)
        return replies[asked.length - 1] ?? FakeProvider.text("done")
      })
    )
  )
  const provider = compose(fake.service, { retry, timeouts, rateLimits })
  const run = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(Stream.runDrain(provider.stream(request))), {
      startImmediately: true
    })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })
  return { asked, rateLimits, run }
})

const failing = (reason: ProviderFault, retryAfter: Duration.Input) =>
  Stream.fail(
    new ProviderError({ provider: "fake", reason, detail: reason, retryAfter: Duration.fromInputUnsafe(retryAfter) })
  )

describe("Composition", () => {
  it.effect("lets every attempt wait for room of its own", () =>
    Effect.gen(function* () {
      const overloaded = failing("overloaded", "1 second")
      const { asked, run } = yield* world({ requestsPerMinute: 2 }, [overloaded, overloaded])
      assert.strictEqual((yield* run)._tag, "Success")
      assert.deepStrictEqual(asked, [0, 1, 30])
    })
  )

  it.effect("waits as long as the vendor asks, though a wait between attempts is capped below that", () =>
    Effect.gen(function* () {
      const { asked, run } = yield* world({}, [failing("rate_limited", "50 seconds")])
      assert.strictEqual((yield* run)._tag, "Success")
      assert.deepStrictEqual(asked, [0, 50])
    })
  )

  it.effect("does not try again what has waited for room in vain", () =>
    Effect.gen(function* () {
      const { asked, run } = yield* world({ requestsPerMinute: 1 }, [failing("overloaded", "0 seconds")], "30 seconds")
      const exit = yield* run
      assert.include(String(exit), "given up after waiting 30s for room under requestsPerMinute")
      assert.deepStrictEqual(asked, [0])
      assert.strictEqual(yield* Clock.currentTimeMillis, 30_000)
    })
  )

  it.effect("does not take waiting for room for the model's silence", () =>
    Effect.gen(function* () {
      const { asked, run } = yield* world({ requestsPerMinute: 1 }, [])
      yield* run
      assert.strictEqual((yield* run)._tag, "Success")
      assert.deepStrictEqual(asked, [0, 60])
    })
  )

  it.effect("counts waiting for room as part of the call", () =>
    Effect.gen(function* () {
      const { rateLimits, run } = yield* world({}, [failing("rate_limited", "1 day")], "10 minutes")
      const exit = yield* run
      assert.include(String(exit), "it had not ended within 5m")
      assert.strictEqual(yield* Clock.currentTimeMillis, 300_000)
      assert.deepStrictEqual(yield* rateLimits.waiting, [])
    })
  )
})
