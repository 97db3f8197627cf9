import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import { compose } from "../../src/providers/Composition.ts"
import { ask, nameOf, type Target } from "../../src/providers/ModelCall.ts"
import { ProviderError, ProviderFault, treatmentOf } from "../../src/providers/ProviderError.ts"
import { make, type Reply, text, words } from "../support/FakeProvider.ts"

const around = {
  retry: { attempts: 4, base: Duration.seconds(1), cap: Duration.seconds(30) },
  timeouts: { content: Duration.hours(1), call: Duration.minutes(15) }
}

const fault = (reason: ProviderFault, retryAfter?: Duration.Duration): Reply =>
  Stream.fail(
    new ProviderError({ provider: "p", reason, detail: `was ${reason}`, ...(retryAfter ? { retryAfter } : {}) })
  )

const question = { prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }

/** Asks providers named a, b and so on that answer as they are told, and says who was asked when, in seconds. */
const play = Effect.fnUntraced(function* (...scripts: ReadonlyArray<ReadonlyArray<Reply>>) {
  const asked: Array<string> = []
  const told: Array<string> = []
  const said: Array<string> = []
  const [first, ...others] = scripts.map((replies, index): Target => {
    const { requests, service } = make(replies, "abc"[index])
    const stream: typeof service.stream = (request) =>
      Stream.unwrap(
        Effect.map(Clock.currentTimeMillis, (now) => {
          asked.push(`${service.name}${requests.length + 1} at ${now / 1000}`)
          return service.stream(request)
        })
      )
    return { provider: compose({ ...service, stream }, around), model: "m" }
  })
  if (first === undefined) return assert.fail("nobody to ask")
  const call = ask([first, ...others], question, ({ error, target }, next) =>
    Effect.sync(() => told.push(`${nameOf(target)} ${error.reason}, so ${next === undefined ? "no" : nameOf(next)}`))
  )
  const run = Stream.runForEach(call, (part) =>
    Effect.sync(() => {
      if (part.type === "text-delta") said.push(part.delta)
    })
  )
  const fiber = yield* Effect.forkChild(Effect.exit(run))
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
  const exit = yield* Fiber.join(fiber)
  const error = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : undefined
  return { asked, told, said: said.join(""), error: error?._tag === "Some" ? error.value : undefined }
})

const names = (asked: ReadonlyArray<string>) => asked.map((entry) => entry.split(" ")[0])

describe("ModelCall", () => {
  it.effect("asks nobody else when the first answers", () =>
    Effect.gen(function* () {
      const { asked, said, told } = yield* play([text("from a")], [text("from b")])
      assert.deepStrictEqual([asked, said, told], [["a1 at 0"], "from a", []])
    })
  )

  for (const reason of ProviderFault.literals) {
    const { again, elsewhere } = treatmentOf(reason)
    it.effect(`${elsewhere ? "asks the next" : "asks nobody else"} after ${reason}`, () =>
      Effect.gen(function* () {
        const failing = Array.from({ length: 5 }, () => fault(reason))
        const { asked, error, said, told } = yield* play(failing, [text("from b")])
        const silent = reason === "timeout" || reason === "stream_stalled"
        const tries = again && !silent ? ["a1", "a2", "a3"] : ["a1"]
        assert.deepStrictEqual(names(asked), elsewhere ? [...tries, "b1"] : ["a1"])
        assert.strictEqual(said, elsewhere ? "from b" : "")
        assert.deepStrictEqual(told, [`a/m ${reason}, so ${elsewhere ? "b/m" : "no"}`])
        assert.strictEqual(error?.reason, elsewhere ? undefined : reason)
      })
    )
  }

  it.effect("spends one budget on all of them, and keeps an attempt for each that is still to come", () =>
    Effect.gen(function* () {
      const failing = Array.from({ length: 5 }, () => fault("overloaded"))
      const { asked, error } = yield* play(failing, failing, failing)
      assert.deepStrictEqual(names(asked), ["a1", "a2", "b1", "c1"])
      assert.strictEqual(error?.reason, "overloaded")
      assert.strictEqual(error?.detail, "was overloaded; nor could b/m: was overloaded; c/m: was overloaded")
    })
  )

  it.effect("goes on to the next at once instead of waiting for long", () =>
    Effect.gen(function* () {
      const { asked, said } = yield* play([fault("rate_limited", Duration.seconds(20))], [text("from b")])
      assert.deepStrictEqual([asked, said], [["a1 at 0", "b1 at 0"], "from b"])
    })
  )

  it.effect("waits as long as it is asked to where nobody else is left", () =>
    Effect.gen(function* () {
      const waits = fault("rate_limited", Duration.seconds(20))
      const { asked, said } = yield* play([fault("overloaded", Duration.minutes(1))], [waits, text("from b")])
      assert.deepStrictEqual([asked, said], [["a1 at 0", "b1 at 0", "b2 at 20"], "from b"])
    })
  )

  it.effect("does not wait again for who kept it waiting, unless nobody else is left", () =>
    Effect.gen(function* () {
      const silent = Stream.concat(Stream.fromEffectDrain(Effect.sleep("2 minutes")), fault("timeout"))
      const { asked, said } = yield* play([silent], [silent, text("from b")])
      assert.deepStrictEqual(names(asked), ["a1", "b1", "b2"])
      assert.strictEqual(said, "from b")
    })
  )

  it.effect("does not wait for another call to try out who was unwell", () =>
    Effect.gen(function* () {
      const skipped = Stream.fail(new ProviderError({ provider: "p", reason: "overloaded", detail: "", skipped: true }))
      const { asked, said } = yield* play([skipped], [text("from b")])
      assert.deepStrictEqual([asked, said], [["a1 at 0", "b1 at 0"], "from b"])
    })
  )

  it.effect("asks nobody else once anything was said", () =>
    Effect.gen(function* () {
      const cut = Stream.concat(words("so far"), fault("stream_cut"))
      const { asked, error, said, told } = yield* play([cut], [text("from b")])
      assert.deepStrictEqual([asked, said, told], [["a1 at 0"], "so far", ["a/m stream_cut, so no"]])
      assert.strictEqual(error?.detail, "was stream_cut")
    })
  )

  it.effect("says why the first could not, when the next finds fault with the request", () =>
    Effect.gen(function* () {
      const { asked, error } = yield* play([fault("authentication")], [fault("invalid_request")], [text("from c")])
      assert.deepStrictEqual(names(asked), ["a1", "b1"])
      assert.strictEqual(error?.reason, "authentication")
      assert.strictEqual(error?.detail, "was authentication; nor could b/m: was invalid_request")
    })
  )

  it.effect("gives up when the time of the call is over, whoever is at it", () =>
    Effect.gen(function* () {
      const late = Stream.concat(Stream.fromEffectDrain(Effect.sleep("14 minutes")), fault("invalid_response"))
      const later = Stream.concat(Stream.fromEffectDrain(Effect.sleep("2 minutes")), text("too late"))
      const { error, said } = yield* play([late], [later])
      assert.strictEqual(said, "")
      assert.include(error?.detail, "within 15m")
    })
  )
})
