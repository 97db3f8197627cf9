/** What Anthropic tells of its models, by the real client from a real server. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { limitsIn } from "../../../src/providers/anthropic/AnthropicModels.ts"
import * as AnthropicProvider from "../../../src/providers/anthropic/AnthropicProvider.ts"
import type { ModelLimits } from "../../../src/providers/Provider.ts"
import * as Server from "../../support/AnthropicServer.ts"
import { claude } from "../../support/ModelsRoute.ts"

const asking = Effect.fnUntraced(function* (url: string, apiKey = "sk-ant-secret") {
  const { limitsOf } = yield* AnthropicProvider.make({
    name: "claude",
    apiKey: Redacted.make(apiKey),
    baseUrl: url,
    retry: { attempts: 5, base: Duration.millis(1), cap: Duration.millis(1) }
  })
  assert(limitsOf !== undefined)
  return limitsOf
})

const [yes, no] = [{ supported: true }, { supported: false }]

describe("AnthropicModels", () => {
  const answers: ReadonlyArray<readonly [answer: unknown, limits: ModelLimits]> = [
    [claude(), { maxInputTokens: 200_000, maxOutputTokens: 64_000 }],
    [claude("x", { max_tokens: null }), { maxInputTokens: 200_000 }],
    [{ max_tokens: 8192, max_input_tokens: "many" }, { maxOutputTokens: 8192 }],
    [{ max_tokens: 0, max_input_tokens: -1 }, {}],
    [{ type: "model", id: "x" }, {}],
    [
      { capabilities: { effort: { supported: true, low: yes, high: yes, max: no, medium: null } } },
      { efforts: ["low", "high"] }
    ],
    [{ capabilities: { effort: { supported: false, low: yes } } }, { efforts: [] }],
    [
      { capabilities: { thinking: { supported: true, types: { enabled: yes, disabled: yes, adaptive: no } } } },
      { thinking: ["off", "budget"] }
    ],
    [{ capabilities: { thinking: "some" } }, {}],
    ["<html>", {}],
    [null, {}]
  ]

  it("reads what is there, and passes over what makes no sense", () => {
    for (const [answer, limits] of answers) assert.deepStrictEqual(limitsIn(answer), limits, JSON.stringify(answer))
  })
})

describe("AnthropicProvider's limits of a model", () => {
  it.live("are asked for once, with the key, and use up no reply", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { models: [claude("claude a/b", { max_input_tokens: 1_000_000 })] })
      const limitsOf = yield* asking(server.url)
      const limits = { maxInputTokens: 1_000_000, maxOutputTokens: 64_000 }
      for (const _ of [1, 2]) assert.deepStrictEqual(yield* limitsOf("claude a/b"), limits)
      const [sent, ...others] = server.lookups
      assert.deepStrictEqual([sent?.method, sent?.path], ["GET", "/v1/models/claude%20a%2Fb"])
      assert.strictEqual(sent?.headers.authorization, "Bearer sk-ant-secret")
      assert.deepStrictEqual([others.length, server.requests.length], [0, 0])
    })
  )

  it.live("are unknown of a model or at a server that is not there for this", () =>
    Effect.gen(function* () {
      const some = yield* Server.make([], { models: [] })
      const limitsOf = yield* asking(some.url)
      for (const _ of [1, 2]) assert.deepStrictEqual(yield* limitsOf("claude-test"), {})
      assert.strictEqual(some.lookups.length, 1)
      const other = yield* Server.make([], { models: () => Server.answer(404, "nothing here") })
      assert.deepStrictEqual(yield* Effect.flatMap(asking(other.url), (ask) => ask("claude-test")), {})
    })
  )

  it.live("fail with the reason, which is kept for a while", () =>
    Effect.gen(function* () {
      const models = () => Server.failure(529, "overloaded_error", "later")
      const server = yield* Server.make([], { models })
      const limitsOf = yield* asking(server.url)
      for (const _ of [1, 2]) assert.strictEqual((yield* Effect.flip(limitsOf("claude-test"))).reason, "overloaded")
      assert.strictEqual(server.lookups.length, 1)
    })
  )

  it.live("are not asked for without a key", () =>
    Effect.gen(function* () {
      const limitsOf = yield* asking("http://127.0.0.1:1", " ")
      assert.strictEqual((yield* Effect.flip(limitsOf("claude-test"))).reason, "authentication")
    })
  )

  it.effect("are not waited for when they do not come, and the connection is given up", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { models: () => Server.silence })
      const limitsOf = yield* asking(server.url)
      const fiber = yield* Effect.forkChild(Effect.flip(limitsOf("claude-test")))
      const { ended } = yield* server.nextLookup
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "timeout")
      assert.strictEqual(yield* Deferred.await(ended), "abandoned")
    })
  )
})
