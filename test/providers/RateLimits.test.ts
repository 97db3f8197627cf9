import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Logger, Schema, Stream } from "effect"
import { Prompt, Response } from "effect/ai"
import { TestClock } from "effect/testing"
import type { ProviderRequest } from "../../src/providers/Provider.ts"
import { isTransient, ProviderError } from "../../src/providers/ProviderError.ts"
import * as RateLimits from "../../src/providers/RateLimits.ts"
import type { Limits } from "../../src/providers/RateLimitState.ts"
import * as FakeProvider from "../support/FakeProvider.ts"

const prompt = Prompt.make("hello")

const request = (session: string, text = "", maxTokens = 10): ProviderRequest => ({
  model: "model",
  prompt: text === "" ? prompt : Prompt.make(text),
  tools: [],
  maxTokens,
  session
})

const limitsOf = (limits: Limits, patience: Duration.Input) =>
  RateLimits.make({ limits, patience: Duration.fromInputUnsafe(patience), cacheIsFree: true })

/** A provider under limits, and the sessions whose calls were sent, in their order, each with the second it was. */
const world = Effect.fnUntraced(function* (
  limits: Limits,
  answer: (request: ProviderRequest) => FakeProvider.Reply = () => FakeProvider.counted("done", 1, 1),
  patience: Duration.Input = "10 minutes"
) {
  const rates = yield* limitsOf(limits, patience)
  const sent: Array<string> = []
  const { service } = FakeProvider.answering((asked) =>
    Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (now) => {
        sent.push(`${asked.session} ${now / 1000}`)
        return answer(asked)
      })
    )
  )
  const provider = rates.limit(service)
  const call = (asked: ProviderRequest | string) =>
    Stream.runDrain(provider.stream(typeof asked === "string" ? request(asked) : asked))
  const begin = (asked: ProviderRequest | string) => Effect.forkChild(call(asked), { startImmediately: true })
  const waiting = Effect.map(rates.waiting, (calls) => calls.map(({ session }) => session))
  return { begin, call, provider, rates, sent, waiting }
})

const readFromCache = ({ inputTokens, outputTokens }: Response.Usage, cacheRead: number) =>
  new Response.Usage({ inputTokens: { ...inputTokens, cacheRead }, outputTokens })

const limited = (retryAfter: Duration.Input) =>
  Stream.fail(
    new ProviderError({
      provider: "fake",
      reason: "rate_limited",
      detail: "slow down",
      retryAfter: Duration.fromInputUnsafe(retryAfter)
    })
  )

describe("RateLimits", () => {
  it.effect("sends a call at once while there is room, and the next when there is again", () =>
    Effect.gen(function* () {
      const { begin, call, sent } = yield* world({ requestsPerMinute: 2 })
      yield* call("a")
      yield* call("b")
      const third = yield* begin("c")
      yield* TestClock.adjust("29999 millis")
      assert.deepStrictEqual(sent, ["a 0", "b 0"])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(third)
      assert.deepStrictEqual(sent, ["a 0", "b 0", "c 30"])
    })
  )

  it.effect("guesses what a call may take, and counts what it took once that is known", () =>
    Effect.gen(function* () {
      const first = FakeProvider.gate()
      const { begin, sent, waiting } = yield* world({ inputTokensPerMinute: 1_000 }, ({ session }) =>
        session === "a" ? FakeProvider.behind(first, FakeProvider.counted("done", 100, 1)) : FakeProvider.text("done")
      )
      const running = yield* begin(request("a", "x".repeat(3_500)))
      yield* first.reached
      const second = yield* begin(request("b", "x".repeat(3_150)))
      assert.deepStrictEqual(yield* waiting, ["b"])
      yield* first.open
      yield* Fiber.joinAll([running, second])
      assert.deepStrictEqual(sent, ["a 0", "b 0"])
    })
  )

  it.effect("does not count what was read from the prompt cache, where the vendor does not", () =>
    Effect.gen(function* () {
      const cached = Stream.map(FakeProvider.counted("done", 1_000, 1), (part) =>
        part.type !== "finish"
          ? part
          : Response.makePart("finish", { reason: "stop", usage: readFromCache(part.usage, 900) })
      )
      const { call, sent } = yield* world({ inputTokensPerMinute: 1_000 }, () => cached)
      yield* call(request("a", "x".repeat(3_500)))
      yield* call(request("b", "x".repeat(3_150)))
      assert.deepStrictEqual(sent, ["a 0", "b 0"])
    })
  )

  it.effect("gets back from a call that failed what it did not use, but the request itself", () =>
    Effect.gen(function* () {
      const limits = { inputTokensPerMinute: 1_000, outputTokensPerMinute: 100, requestsPerMinute: 2 }
      const { begin, call, sent } = yield* world(limits, () => FakeProvider.failing("overloaded"))
      const large = (session: string) => request(session, "x".repeat(3_500), 100)
      yield* Effect.exit(call(large("a")))
      yield* Effect.exit(call(large("b")))
      const third = yield* begin(large("c"))
      assert.deepStrictEqual(sent, ["a 0", "b 0"])
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.await(third))._tag, "Failure")
      assert.deepStrictEqual(sent, ["a 0", "b 0", "c 30"])
    })
  )

  it.effect("keeps what was said before a reply broke, or was no longer wanted, as used", () =>
    Effect.gen(function* () {
      const said = FakeProvider.gate()
      const cut = Stream.concat(FakeProvider.words("x".repeat(175)), FakeProvider.behind(said, Stream.empty))
      const { begin, sent } = yield* world({ outputTokensPerMinute: 60 }, () => cut)
      const first = yield* begin(request("a", "", 60))
      yield* said.reached
      yield* Fiber.interrupt(first)
      const second = yield* begin(request("b", "", 20))
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(sent, ["a 0"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sent, ["a 0", "b 10"])
      yield* Fiber.interrupt(second)
    })
  )

  it.effect("lets sessions take turns, and each keep its order", () =>
    Effect.gen(function* () {
      const { begin, call, sent } = yield* world({ requestsPerMinute: 1 })
      yield* call("first")
      const calls = yield* Effect.forEach(["a", "a", "a", "b", "c", "b"], begin)
      yield* TestClock.adjust("6 minutes")
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(sent.slice(1), ["a 60", "b 120", "c 180", "a 240", "b 300", "a 360"])
    })
  )

  it.effect("gives a call up that waited too long, and says for how long, for what and until when", () =>
    Effect.gen(function* () {
      const { begin, call, sent, waiting } = yield* world({ requestsPerMinute: 1 }, undefined, "20 seconds")
      yield* call("a")
      const late = yield* begin("b")
      yield* TestClock.adjust("19999 millis")
      assert.deepStrictEqual(yield* waiting, ["b"])
      yield* TestClock.adjust("1 millis")
      const error = yield* Effect.flip(Fiber.join(late))
      assert.strictEqual(error.reason, "rate_limited")
      assert.isFalse(isTransient(error))
      assert.strictEqual(
        error.message,
        "fake: the call was given up after waiting 20s for room under requestsPerMinute; " +
          "there would be room in 40s, if nobody else came first"
      )
      assert.deepStrictEqual(yield* waiting, [])
      assert.deepStrictEqual(sent, ["a 0"])
    })
  )

  it.effect("leaves the whole key alone for as long as the vendor asks, though nothing is limited", () =>
    Effect.gen(function* () {
      let first = true
      const { begin, call, sent } = yield* world({}, () => {
        const reply = first ? limited("7 seconds") : FakeProvider.text("done")
        first = false
        return reply
      })
      yield* Effect.exit(call("a"))
      const others = yield* Effect.forEach(["b", "c"], begin)
      yield* TestClock.adjust("6999 millis")
      assert.deepStrictEqual(sent, ["a 0"])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.joinAll(others)
      assert.deepStrictEqual(sent, ["a 0", "b 7", "c 7"])
    })
  )

  it.effect("does not believe a vendor that asks to be left alone for longer than a call may wait", () =>
    Effect.gen(function* () {
      const { begin, call, sent } = yield* world({}, () => limited("1 day"), "10 seconds")
      yield* Effect.exit(call("a"))
      const next = yield* begin("b")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.await(next)
      assert.deepStrictEqual(sent, ["a 0", "b 10"])
    })
  )

  it.effect("believes the vendor's own count when that says there is less", () =>
    Effect.gen(function* () {
      const { begin, call, sent } = yield* world({ requestsPerMinute: 60 }, ({ onLimits }) => {
        onLimits?.({ requests: { limit: 60, remaining: 0 } }, 0)
        return FakeProvider.text("done")
      })
      yield* call("a")
      const next = yield* begin("b")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(next)
      assert.deepStrictEqual(sent, ["a 0", "b 1"])
    })
  )

  it.effect("passes on what the vendor says to whoever else wants to know", () =>
    Effect.gen(function* () {
      const told: Array<unknown> = []
      const { provider } = yield* world({}, ({ onLimits }) => {
        onLimits?.({ requests: { remaining: 3 } }, 5)
        return FakeProvider.text("done")
      })
      const asked = { ...request("a"), onLimits: (...heard: ReadonlyArray<unknown>) => told.push(heard) }
      yield* Stream.runDrain(provider.stream(asked))
      assert.deepStrictEqual(told, [[{ requests: { remaining: 3 } }, 5]])
    })
  )

  it.effect("lets go of the place of a call that is no longer wanted, at once", () =>
    Effect.gen(function* () {
      const { begin, call, sent, waiting } = yield* world({ requestsPerMinute: 1 })
      yield* call("a")
      const gone = yield* begin("b")
      const next = yield* begin("c")
      yield* Fiber.interrupt(gone)
      assert.deepStrictEqual(yield* waiting, ["c"])
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(next)
      assert.deepStrictEqual(sent, ["a 0", "c 60"])
    })
  )

  it.effect("tells who waits, since and until when and for what, and logs it", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make((entry) => lines.push(JSON.stringify(Logger.formatStructured.log(entry))))
      const { begin, call, provider } = yield* world({ requestsPerMinute: 1 })
      yield* call("a")
      yield* TestClock.adjust("1 second")
      const calls = yield* Effect.provide(Effect.forEach(["b", "c"], begin), Logger.layer([logger]))
      assert.deepStrictEqual(yield* provider.waiting ?? Effect.succeed([]), [
        { session: "b", since: 1_000, until: 601_000, reason: "requests" },
        { session: "c", since: 1_000, until: 601_000, reason: "queue" }
      ])
      assert.strictEqual(lines.length, 2)
      for (const expected of [
        "model call waits for room",
        '"provider":"fake"',
        '"reason":"requests"',
        '"session":"b"'
      ]) {
        assert.include(lines[0], expected)
      }
      yield* Fiber.interruptAll(calls)
    })
  )

  it.effect("keeps one timer while any number wait, and none otherwise", () =>
    Effect.gen(function* () {
      let timers = 0
      const clock = yield* Clock.Clock
      const counting = Object.assign(Object.create(clock) as typeof clock, {
        sleep: (duration: Duration.Duration) =>
          Effect.suspend(() => {
            timers++
            return Effect.ensuring(
              clock.sleep(duration),
              Effect.sync(() => timers--)
            )
          })
      })
      yield* Effect.gen(function* () {
        const { begin, call } = yield* world({ requestsPerMinute: 1 })
        yield* call("a")
        assert.strictEqual(timers, 0)
        const calls = yield* Effect.forEach(["b", "c", "d"], begin)
        assert.strictEqual(timers, 1)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(timers, 1)
        yield* Fiber.interruptAll(calls)
        assert.strictEqual(timers, 0)
      }).pipe(Effect.provideService(Clock.Clock, counting))
    })
  )

  const upTo = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
  const Happening = Schema.Union([
    Schema.TaggedStruct("Call", {
      session: Schema.Literals(["a", "b", "c"]),
      size: upTo(1, 6_000),
      ends: Schema.Boolean
    }),
    Schema.TaggedStruct("Interrupt", { which: upTo(0, 30) }),
    Schema.TaggedStruct("Wait", { millis: upTo(0, 20_000) })
  ])

  /** Begins and interrupts calls as told, in time or in no time at all. */
  const live = Effect.fnUntraced(function* (happenings: ReadonlyArray<typeof Happening.Type>, inTime: boolean) {
    const limits = { inputTokensPerMinute: 1_000, outputTokensPerMinute: 100 }
    const answer = (asked: ProviderRequest): FakeProvider.Reply =>
      asked.model === "ends" ? FakeProvider.counted("", 0, 0) : Stream.never
    const { begin, call, sent, waiting } = yield* world(limits, answer, "1 day")
    const running: Array<readonly [ends: boolean, fiber: Fiber.Fiber<void, ProviderError>]> = []
    for (const happening of happenings) {
      if (happening._tag === "Wait") {
        if (inTime) yield* TestClock.adjust(happening.millis)
      } else if (happening._tag === "Interrupt") {
        const [, fiber] = running[happening.which % (running.length || 1)] ?? []
        if (fiber !== undefined) yield* Fiber.interrupt(fiber)
      } else {
        const { ends, session, size } = happening
        const asked = { ...request(session, "x".repeat(size), 200), model: ends ? "ends" : "never" }
        running.push([ends, yield* begin(asked)])
      }
    }
    return { call, running, sent, waiting }
  })

  it.effect.prop(
    "starves nobody, whatever is interrupted when",
    [Schema.Array(Happening).check(Schema.isMaxLength(30))],
    ([happenings]) =>
      Effect.gen(function* () {
        const { running, waiting } = yield* live(happenings, true)
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual(yield* waiting, [])
        for (const [ends, fiber] of running) if (ends) assert.isDefined(fiber.pollUnsafe())
        yield* Fiber.interruptAll(running.map(([, fiber]) => fiber))
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 50, size: 30 } }
  )

  it.effect.prop(
    "leaks no reservation, whatever is interrupted when: calls nothing was heard of leave the buckets full",
    [Schema.Array(Happening).check(Schema.isMaxLength(30))],
    ([happenings]) =>
      Effect.gen(function* () {
        const { call, running, sent } = yield* live(happenings, false)
        yield* Fiber.interruptAll(running.map(([, fiber]) => fiber))
        sent.length = 0
        yield* call({ ...request("whole", "x".repeat(10_000), 50), model: "ends" })
        yield* call({ ...request("again", "x".repeat(10_000), 100_000), model: "ends" })
        assert.deepStrictEqual(sent, ["whole 0", "again 0"])
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 50, size: 30 } }
  )
})
