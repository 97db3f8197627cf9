import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Logger, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Breaker from "../../src/providers/Breaker.ts"
import { type ProviderError, ProviderFault, treatmentOf } from "../../src/providers/ProviderError.ts"
import * as FakeProvider from "../support/FakeProvider.ts"

const policy = { failures: 2, open: Duration.seconds(10), cap: Duration.minutes(2) }

const request = (model = "model") => ({ model, prompt: Prompt.make("hello"), tools: [], maxTokens: 10 })

const failing = (reason: ProviderFault, retryAfter?: Duration.Input) =>
  FakeProvider.failing(reason, {
    status: 529,
    requestId: "req_1",
    ...(retryAfter !== undefined && { retryAfter: Duration.fromInputUnsafe(retryAfter) })
  })

/** A guarded provider that gives these replies, and "done" when there are no more. */
const world = Effect.fnUntraced(function* (replies: ReadonlyArray<FakeProvider.Reply>, more = {}) {
  const breaker = yield* Breaker.make({ provider: "fake", policy, ...more })
  const fake = FakeProvider.make(replies)
  const provider = breaker.guard(fake.service, "key 1")
  const call = (model?: string) => Effect.exit(Stream.runDrain(provider.stream(request(model))))
  const failure = (model?: string) => Effect.flip(Stream.runDrain(provider.stream(request(model))))
  const sent = () => fake.requests.length
  return { breaker, call, failure, fake, provider, sent }
})

describe("Breaker", () => {
  it.effect("leaves a model alone once it has failed so often in a row, and says why and for how long", () =>
    Effect.gen(function* () {
      const { breaker, call, failure, sent } = yield* world([failing("overloaded"), failing("overloaded")])
      yield* call()
      assert.strictEqual(yield* breaker.standing("key 1", "model"), "well")
      yield* call()
      yield* TestClock.adjust("2500 millis")
      const error = yield* failure()
      assert.strictEqual(sent(), 2)
      assert.deepInclude(error, { reason: "overloaded", skipped: true, status: 529, requestId: "req_1" })
      assert.deepStrictEqual(error.retryAfter, Duration.millis(7_500))
      assert.strictEqual(
        error.message,
        "fake: told to fail with overloaded (key 1 is not asked again for 8s with model)"
      )
      assert.deepStrictEqual(yield* breaker.health, [
        { key: "key 1", model: "model", state: "open", until: 10_000, reason: "overloaded" }
      ])
    })
  )

  it.effect("lets a single call through when the time is over, and all once that was answered", () =>
    Effect.gen(function* () {
      const gate = FakeProvider.gate()
      const replies = [
        failing("overloaded"),
        failing("connection"),
        FakeProvider.behind(gate, FakeProvider.text("well again"))
      ]
      const { breaker, call, failure, provider, sent } = yield* world(replies)
      yield* call()
      yield* call()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* breaker.standing("key 1", "model"), "on trial")
      const probe = yield* Effect.forkChild(Stream.runDrain(provider.stream(request())), { startImmediately: true })
      yield* gate.reached
      const other = yield* failure()
      assert.deepInclude(other, { reason: "connection", skipped: true })
      assert.isUndefined(other.retryAfter)
      assert.include(other.message, "key 1 is being tried again by another call with model")
      yield* gate.open
      yield* Fiber.join(probe)
      assert.isTrue(Exit.isSuccess(yield* call()))
      assert.strictEqual(sent(), 4)
      assert.deepStrictEqual(yield* breaker.health, [{ key: "key 1", model: "model", state: "closed" }])
    })
  )

  it.effect("is content with the first words of the call it let through to see", () =>
    Effect.gen(function* () {
      const rest = FakeProvider.gate()
      const long = Stream.concat(FakeProvider.words("well"), FakeProvider.behind(rest, Stream.empty))
      const { call, provider } = yield* world([failing("overloaded"), failing("overloaded"), long])
      yield* call()
      yield* call()
      yield* TestClock.adjust("10 seconds")
      const probe = yield* Effect.forkChild(Stream.runDrain(provider.stream(request())), { startImmediately: true })
      yield* rest.reached
      assert.isTrue(Exit.isSuccess(yield* call()))
      yield* rest.open
      yield* Fiber.join(probe)
    })
  )

  it.effect("waits twice as long with each trial in vain, but never longer than the cap", () =>
    Effect.gen(function* () {
      const { breaker, call } = yield* world(Array.from({ length: 20 }, () => failing("overloaded")))
      yield* call()
      const waits: Array<number> = []
      let now = 0
      for (let time = 0; time < 6; time++) {
        yield* call()
        const until = (yield* breaker.health)[0]?.until ?? now
        waits.push((until - now) / 1000)
        yield* TestClock.adjust(until - now)
        now = until
      }
      assert.deepStrictEqual(waits, [10, 20, 40, 80, 120, 120])
    })
  )

  it.effect("gives the trial to the next call when the one that had it is no longer wanted", () =>
    Effect.gen(function* () {
      const gate = FakeProvider.gate()
      const replies = [failing("overloaded"), failing("overloaded"), FakeProvider.behind(gate, Stream.empty)]
      const { call, provider } = yield* world(replies)
      yield* call()
      yield* call()
      yield* TestClock.adjust("10 seconds")
      const probe = yield* Effect.forkChild(Stream.runDrain(provider.stream(request())), { startImmediately: true })
      yield* gate.reached
      yield* Fiber.interrupt(probe)
      assert.isTrue(Exit.isSuccess(yield* call()))
    })
  )

  it.effect("counts a reply that is cut off as a failure, though it has said something", () =>
    Effect.gen(function* () {
      const cut = Stream.concat(FakeProvider.words("and then"), failing("stream_cut"))
      const { call, failure, sent } = yield* world([cut, cut])
      yield* call()
      yield* call()
      assert.strictEqual((yield* failure()).reason, "stream_cut")
      assert.strictEqual(sent(), 2)
    })
  )

  it.effect("keeps the models of a key apart, and the keys of a model", () =>
    Effect.gen(function* () {
      const { breaker, call, fake, sent } = yield* world([failing("overloaded"), failing("overloaded")])
      yield* call("one")
      yield* call("one")
      assert.isTrue(Exit.isSuccess(yield* call("other")))
      const byOther = breaker.guard(fake.service, "key 2")
      yield* Stream.runDrain(byOther.stream(request("one")))
      assert.strictEqual(sent(), 4)
      assert.deepStrictEqual(
        (yield* breaker.health).map(({ key, model, state }) => `${key} ${model} ${state}`),
        ["key 1 one open", "key 1 other closed", "key 2 one closed"]
      )
    })
  )

  it.effect("leaves a model alone for as long as it asks to be, though not beyond the cap", () =>
    Effect.gen(function* () {
      for (const [asked, until] of [
        ["30 seconds", 30_000],
        ["1 second", 10_000],
        ["1 day", 120_000]
      ] as const) {
        const { breaker, call } = yield* world([failing("overloaded", asked), failing("overloaded", asked)])
        yield* call()
        yield* call()
        assert.strictEqual((yield* breaker.health)[0]?.until, until, asked)
      }
    })
  )

  it.effect("opens for one failure of a kind that is said to be enough", () =>
    Effect.gen(function* () {
      const atOnce = ({ reason }: ProviderError) => reason === "authentication"
      const { failure, sent } = yield* world([failing("authentication")], { atOnce })
      yield* failure()
      assert.deepInclude(yield* failure(), { reason: "authentication", skipped: true })
      assert.strictEqual(sent(), 1)
    })
  )

  for (const reason of ProviderFault.literals) {
    const { unhealthy } = treatmentOf(reason)
    it.effect(`${unhealthy ? "counts" : "does not count"} ${reason}`, () =>
      Effect.gen(function* () {
        const { call, sent } = yield* world(Array.from({ length: 3 }, () => failing(reason)))
        yield* call()
        yield* call()
        yield* call()
        assert.strictEqual(sent(), unhealthy ? 2 : 3)
      })
    )
  }

  it.effect("logs when it leaves a model alone, tries it again and finds it well", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make((entry) => {
        const { annotations, level, message } = Logger.formatStructured.log(entry)
        lines.push({ level, message, ...annotations })
      })
      const { call } = yield* world([failing("overloaded"), failing("overloaded")])
      yield* Effect.gen(function* () {
        yield* call()
        yield* call()
        yield* TestClock.adjust("10 seconds")
        yield* call()
      }).pipe(Effect.provide(Logger.layer([logger])))
      const where = { provider: "fake", key: "key 1", model: "model" }
      assert.deepStrictEqual(lines, [
        { level: "WARN", message: "model left alone after failures", ...where, reason: "overloaded", delay: "10s" },
        { level: "INFO", message: "model asked again to see whether it is well", ...where },
        { level: "INFO", message: "model is well again", ...where }
      ])
    })
  )

  it.effect("remembers so many models and no more, as their names come from outside", () =>
    Effect.gen(function* () {
      const { breaker, call } = yield* world([])
      for (let model = 0; model < 1_200; model++) yield* call(`model ${model}`)
      const known = yield* breaker.health
      assert.strictEqual(known.length, 1_000)
      assert.strictEqual(known.at(-1)?.model, "model 1199")
    })
  )
})
