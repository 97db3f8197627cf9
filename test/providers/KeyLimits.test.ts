import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import * as KeyLimits from "../../src/providers/KeyLimits.ts"
import type { Limits } from "../../src/providers/RateLimitState.ts"
import { Prompt } from "effect/ai"

const account = (address: string, key: string, limits: Limits, perModel = {}): KeyLimits.Account => ({
  address,
  apiKey: Redacted.make(key),
  limits: { limits, perModel, patience: Duration.minutes(5), cacheIsFree: true }
})

const request = (model: string) => ({ model, prompt: Prompt.make("hello"), tools: [], maxTokens: 10 })

describe("KeyLimits", () => {
  it.effect("has one count for the very same key at the same address, held to the tightest limits", () =>
    Effect.gen(function* () {
      const one = account("http://a", "sk-1", { requestsPerMinute: 5 })
      const same = account("http://a", " sk-1\n", { requestsPerMinute: 1, inputTokensPerMinute: 1_000 })
      const elsewhere = account("http://b", "sk-1", {})
      const limitsOf = KeyLimits.among([one, same, elsewhere])
      const rateLimits = yield* limitsOf(one)
      assert.strictEqual(yield* limitsOf(same), rateLimits)
      assert.notStrictEqual(yield* limitsOf(elsewhere), rateLimits)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pass = yield* rateLimits.enter("fake", request("model"))
          pass.sent = true
        })
      )
      assert.deepStrictEqual(yield* rateLimits.roomFor(request("model")), { at: 60_000, obstacle: "requests" })
    })
  )

  it.effect("counts a model by itself that has limits to itself", () =>
    Effect.gen(function* () {
      const one = account("http://a", "sk-1", { requestsPerMinute: 1 }, { large: { requestsPerMinute: 1 } })
      const rateLimits = yield* KeyLimits.among([one])(one)
      for (const model of ["small", "large"]) yield* rateLimits.enter("fake", request(model))
      for (const model of ["other", "large"]) {
        assert.strictEqual((yield* rateLimits.roomFor(request(model))).obstacle, "requests")
      }
    })
  )

  it("knows the keys of a provider, each once, and leaves out those that are not set", () => {
    const keysOf = (first: string, ...more: ReadonlyArray<string>) =>
      KeyLimits.keysOf(
        Redacted.make(first),
        more.map((key) => Redacted.make(key))
      ).map(Redacted.value)
    assert.deepStrictEqual(keysOf("sk-1", "sk-2", " sk-1 ", ""), ["sk-1", "sk-2"])
    assert.deepStrictEqual(keysOf("", "sk-2"), ["sk-2"])
    assert.deepStrictEqual(keysOf("", " "), [""])
  })
})
