import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Prompt } from "effect/ai"
import { leastOf, of, remembered, replyWithin, within } from "../../src/providers/ModelLimits.ts"
import type { Effort, ModelLimits, ProviderRequest, Thinking } from "../../src/providers/Provider.ts"
import { ProviderError, type ProviderFault } from "../../src/providers/ProviderError.ts"

const failure = (reason: ProviderFault) => new ProviderError({ provider: "p", reason, detail: "no" })

/** Answers with the results one after the other, and counts how often it was asked. */
const asking = Effect.fnUntraced(function* (...results: ReadonlyArray<Effect.Effect<string, ProviderError>>) {
  const asked: Array<string> = []
  const ask = yield* remembered("p", "unknown", (key) =>
    Effect.suspend(() => results[asked.push(key) - 1] ?? Effect.die("asked too often"))
  )
  return { ask, asked }
})

describe("what is remembered of a model", () => {
  it.effect("is asked for once for each model, by however many at a time", () =>
    Effect.gen(function* () {
      const told = yield* Deferred.make<string>()
      const { ask, asked } = yield* asking(Deferred.await(told), Effect.succeed("other"))
      const first = yield* Effect.forkChild(ask("a"), { startImmediately: true })
      const second = yield* Effect.forkChild(ask("a"), { startImmediately: true })
      yield* Deferred.succeed(told, "limits")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["limits", "limits"])
      yield* TestClock.adjust("1000 days")
      assert.deepStrictEqual([yield* ask("a"), yield* ask("b")], ["limits", "other"])
      assert.deepStrictEqual(asked, ["a", "b"])
    })
  )

  it.effect("is not asked for again for five minutes after a failure", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* asking(Effect.fail(failure("connection")), Effect.succeed("limits"))
      for (const _ of [1, 2]) assert.strictEqual((yield* Effect.flip(ask("a"))).reason, "connection")
      yield* TestClock.adjust("299 seconds")
      yield* Effect.flip(ask("a"))
      assert.strictEqual(asked.length, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* ask("a"), "limits")
    })
  )

  it.effect("is nothing where the vendor knows nothing, for good", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* asking(Effect.fail(failure("not_found")))
      assert.strictEqual(yield* ask("a"), "unknown")
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual([yield* ask("a"), asked.length], ["unknown", 1])
    })
  )

  it.effect("is waited for five seconds", () =>
    Effect.gen(function* () {
      const { ask } = yield* asking(Effect.never)
      const fiber = yield* Effect.forkChild(Effect.flip(ask("a")), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      const { message, reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason, message], ["timeout", "p: the limits of its models were not told within 5s"])
    })
  )
})

const request = (maxTokens: number, thinking?: Thinking): ProviderRequest => ({
  model: "m",
  prompt: Prompt.empty,
  tools: [],
  maxTokens,
  ...(thinking === undefined ? undefined : { thinking })
})

const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300_000 }))

describe("limits of a model", () => {
  it("are whatever of the names holds a number of tokens, and the least of several", () => {
    assert.strictEqual(leastOf(null, "8192", 0, -1, 1.5, Number.NaN, undefined, {}), undefined)
    assert.strictEqual(leastOf(undefined, 131_072, 32_768), 32_768)
    assert.deepStrictEqual(of(undefined, undefined), {})
    assert.deepStrictEqual(of(10, undefined), { maxInputTokens: 10 })
  })

  const replies: ReadonlyArray<readonly [wanted: number, limits: ModelLimits, length: number]> = [
    [4096, {}, 4096],
    [4096, { maxOutputTokens: 64_000 }, 4096],
    [100_000, { maxOutputTokens: 64_000, maxInputTokens: 200_000 }, 64_000],
    [4096, { maxInputTokens: 4096 }, 2048],
    [4096, { maxInputTokens: 1 }, 1]
  ]

  it("bound a reply by what the model gives and by half of what it takes in", () => {
    for (const [wanted, limits, length] of replies) assert.strictEqual(replyWithin(wanted, limits), length)
  })

  it("leave a request that fits as it is", () => {
    const fitting = request(4096, { budget: 2048 })
    assert.strictEqual(within(fitting), fitting)
    assert.strictEqual(within(fitting, { maxOutputTokens: 4096 }), fitting)
  })

  it("shorten thinking as the reply, and leave it out where there is too little room", () => {
    const limits = { maxOutputTokens: 4000 }
    assert.deepInclude(within(request(8000, { budget: 6000 }), limits), { maxTokens: 4000, thinking: { budget: 3000 } })
    assert.deepInclude(within(request(8000, "adaptive"), limits), { maxTokens: 4000, thinking: "adaptive" })
    assert.notProperty(within(request(8000, { budget: 2000 }), limits), "thinking")
    assert.notProperty(within(request(8000), limits), "thinking")
  })

  it("tells a model to try and to think only as it knows how, else as is nearest", () => {
    const trying = (effort: Effort, efforts: ReadonlyArray<Effort>) =>
      within({ ...request(100), effort }, { efforts }).effort
    assert.strictEqual(trying("xhigh", ["low", "medium", "high", "max"]), "high")
    assert.strictEqual(trying("low", ["medium", "high"]), "medium")
    assert.strictEqual(trying("low", ["low"]), "low")
    assert.strictEqual(trying("low", []), undefined)
    const thinks = (thinking: Thinking, known: ModelLimits["thinking"] & {}) =>
      within(request(8000, thinking), { thinking: known }).thinking
    assert.deepStrictEqual(thinks({ budget: 2000 }, ["budget"]), { budget: 2000 })
    assert.strictEqual(thinks({ budget: 2000 }, ["adaptive", "off"]), "adaptive")
    assert.strictEqual(thinks("adaptive", ["budget", "off"]), undefined)
    assert.strictEqual(thinks("off", ["adaptive"]), undefined)
    assert.notProperty(within(request(8000, "adaptive"), { thinking: [] }), "thinking")
  })

  it.effect.prop(
    "hold for every request, with room for an answer behind the thinking",
    [Tokens, Tokens, Tokens],
    ([wanted, share, most]) =>
      Effect.sync(() => {
        const thinking = { budget: Math.min(share, wanted - 1) }
        const { maxTokens, thinking: thought } = within(request(wanted, thinking), { maxOutputTokens: most })
        assert.isAtMost(maxTokens, Math.min(wanted, most))
        if (typeof thought === "object") assert.isBelow(thought.budget, maxTokens)
      })
  )
})
