/** Counting tokens, by the real client against a real server. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Redacted, Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as AnthropicProvider from "../../../src/providers/anthropic/AnthropicProvider.ts"
import type { ProviderRequest } from "../../../src/providers/Provider.ts"
import * as Server from "../../support/AnthropicServer.ts"

const exec = Tool.make("exec", { parameters: Schema.Struct({ command: Schema.String }) })
const request: ProviderRequest = {
  model: "claude-test",
  prompt: Prompt.make([
    { role: "system", content: "Be brief." },
    { role: "user", content: "hello" }
  ]),
  tools: [exec],
  maxTokens: 100
}

const count = Effect.fnUntraced(function* (url: string, apiKey = "sk-ant-secret") {
  const provider = yield* AnthropicProvider.make({
    name: "claude",
    apiKey: Redacted.make(apiKey),
    baseUrl: url,
    retry: { attempts: 5, base: Duration.millis(1), cap: Duration.millis(1) }
  })
  assert(provider.count !== undefined)
  return yield* provider.count(request)
})

/** What counting ends with when these are the answers, and how often it was asked for. */
const counting = Effect.fnUntraced(function* (...answers: ReadonlyArray<Server.Answer>) {
  const server = yield* Server.make([], { count: (_, index) => answers[index] ?? Server.counted(-1) })
  const result = yield* Effect.result(count(server.url))
  return { result, asked: server.counts.length }
})

describe("AnthropicProvider's count", () => {
  it.live("asks for the count of exactly what a call would send, less the length of the reply", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { count: () => Server.counted(321) })
      assert.strictEqual(yield* count(server.url), 321)
      const sent = yield* server.nextCount
      assert.strictEqual(sent.method, "POST")
      assert.strictEqual(sent.path, "/v1/messages/count_tokens")
      assert.strictEqual(sent.headers.authorization, "Bearer sk-ant-secret")
      const { tools, ...others } = sent.body as Record<string, unknown>
      assert.deepStrictEqual(others, {
        model: "claude-test",
        system: [{ type: "text", text: "Be brief." }],
        messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }]
      })
      assert.deepStrictEqual((tools as ReadonlyArray<{ readonly name: string }>)[0]?.name, "exec")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  it.live("asks once more when that may help, and never a third time", () =>
    Effect.gen(function* () {
      const down = Server.failure(503, "api_error", "down")
      const second = yield* counting(down, Server.counted(7))
      assert.deepInclude(second.result, { _tag: "Success", success: 7 })
      const { asked, result } = yield* counting(down, down, Server.counted(7))
      assert(result._tag === "Failure")
      assert.deepStrictEqual([result.failure.reason, asked], ["unavailable", 2])
    })
  )

  it.live.each<readonly [string, Server.Answer, string]>([
    ["a refusal", Server.failure(400, "invalid_request_error", "no"), "invalid_request"],
    ["a refused key", Server.failure(401, "authentication_error", "no"), "authentication"],
    ["an endpoint that is not there", Server.failure(404, "not_found_error", "no"), "not_found"],
    ["a limit that says when", Server.failure(429, "rate_limit_error", "no", { "retry-after": "30" }), "rate_limited"],
    [
      "a conversation that is too long",
      Server.failure(400, "invalid_request_error", "prompt is too long"),
      "context_overflow"
    ],
    ["an answer without a number", Server.answer(200, { input_tokens: "many" }), "invalid_response"],
    ["an answer that is a page", Server.answer(200, "<html>", { "content-type": "text/html" }), "invalid_response"],
    ["an answer that is no JSON", Server.answer(200, "{"), "unknown"]
  ])("takes %s for the answer", ([, answer, reason]) =>
    Effect.gen(function* () {
      const { asked, result } = yield* counting(answer)
      assert(result._tag === "Failure")
      assert.deepStrictEqual([result.failure.reason, asked], [reason, 1])
    })
  )

  it.live("does not ask at all without a key", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([])
      const error = yield* Effect.flip(count(server.url, " "))
      assert.strictEqual(error.reason, "authentication")
      assert.strictEqual(server.counts.length, 0)
    })
  )

  it.effect("does not wait for a count that does not come, and hangs up", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { count: () => Server.silence })
      const fiber = yield* Effect.forkChild(Effect.flip(count(server.url)))
      const first = yield* server.nextCount
      yield* TestClock.adjust("5 seconds")
      const second = yield* server.nextCount
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason, error.detail], ["timeout", "the tokens were not counted within 5s"])
      for (const { ended } of [first, second]) assert.strictEqual(yield* Deferred.await(ended), "abandoned")
    })
  )

  it.live("hangs up when it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { count: () => Server.silence })
      const fiber = yield* Effect.forkChild(count(server.url))
      const sent = yield* server.nextCount
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
    })
  )
})
