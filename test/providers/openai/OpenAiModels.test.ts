/** What servers of chat completions tell of their models, by the real client from a real server. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { limitsAmong, limitsIn } from "../../../src/providers/openai/OpenAiModels.ts"
import * as OpenAiProvider from "../../../src/providers/openai/OpenAiProvider.ts"
import type { ModelLimits } from "../../../src/providers/Provider.ts"
import * as Server from "../../support/OpenAiServer.ts"
import { gpt } from "../../support/ModelsRoute.ts"

const providerAt = (baseUrl: string) =>
  OpenAiProvider.make({
    name: "gpt",
    apiKey: Redacted.make("sk-secret"),
    baseUrl,
    retry: { attempts: 5, base: Duration.millis(1), cap: Duration.millis(1) }
  })

const asking = Effect.fnUntraced(function* (url: string) {
  const { limitsOf } = yield* providerAt(`${url}/v1`)
  assert(limitsOf !== undefined)
  return limitsOf
})

describe("OpenAiModels", () => {
  const vendors: ReadonlyArray<readonly [vendor: string, more: Server.Json, limits: ModelLimits]> = [
    ["OpenAI", {}, {}],
    [
      "OpenRouter",
      { context_length: 131_072, top_provider: { context_length: 65_536, max_completion_tokens: 16_384 } },
      { maxInputTokens: 65_536, maxOutputTokens: 16_384 }
    ],
    [
      "OpenRouter, where it does not know",
      { context_length: 131_072, top_provider: { context_length: null, max_completion_tokens: null } },
      { maxInputTokens: 131_072 }
    ],
    ["vLLM", { max_model_len: 32_768 }, { maxInputTokens: 32_768 }],
    ["llama.cpp", { meta: { n_ctx_train: 40_960, n_ctx: 8192 } }, { maxInputTokens: 8192 }],
    ["llama.cpp, an older one", { meta: { vocab_type: 2, n_ctx_train: 40_960 } }, { maxInputTokens: 40_960 }],
    [
      "Groq",
      { context_window: 131_072, max_completion_tokens: 32_768 },
      { maxInputTokens: 131_072, maxOutputTokens: 32_768 }
    ],
    ["Mistral", { max_context_length: 128_000 }, { maxInputTokens: 128_000 }],
    ["a server that is wrong about itself", { context_length: "long", top_provider: "none", meta: 7 }, {}]
  ]

  it("reads the names that servers have for it", () => {
    for (const [vendor, more, limits] of vendors) {
      const told = limitsIn({ object: "list", data: [gpt("m", more), gpt("other")] })
      assert.deepStrictEqual(limitsAmong(told, "m"), limits, vendor)
    }
  })

  it("passes over what is no model, and an answer that is no list", () => {
    const told = limitsIn({ data: [null, "m", { id: 7 }, { id: "m", max_model_len: 100 }, gpt("n")] })
    assert.deepStrictEqual(limitsAmong(told, "m"), { maxInputTokens: 100 })
    for (const answer of [undefined, "<html>", {}, { data: "m" }]) assert.strictEqual(limitsIn(answer).size, 0)
  })

  it("knows a model by the name it is asked by", () => {
    const [one, other] = [gpt("a/b", { context_length: 1 }), gpt("a/b:free", { context_length: 2 })]
    const both = limitsIn({ data: [one, other] })
    assert.deepStrictEqual(limitsAmong(both, "a/b:free"), { maxInputTokens: 2 })
    assert.deepStrictEqual(limitsAmong(both, "a/b:nitro"), { maxInputTokens: 1 })
    assert.deepStrictEqual(limitsAmong(both, "default"), {})
    assert.deepStrictEqual(limitsAmong(limitsIn({ data: [one] }), "default"), { maxInputTokens: 1 })
  })
})

describe("OpenAiProvider's limits of a model", () => {
  it.live("are asked for once for all models, with the key", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { models: [gpt("a", { max_model_len: 8192 }), gpt("b")] })
      const limitsOf = yield* asking(server.url)
      assert.deepStrictEqual([yield* limitsOf("a"), yield* limitsOf("b")], [{ maxInputTokens: 8192 }, {}])
      const sent = server.lookups.map(({ headers, method, path }) => [method, path, headers.authorization])
      assert.deepStrictEqual(sent, [["GET", "/v1/models", "Bearer sk-secret"]])
    })
  )

  it.live("are unknown at a server that tells of no models", () =>
    Effect.gen(function* () {
      for (const answer of [
        Server.failure(404, { message: "no" }),
        Server.events([]),
        Server.failure(200, { message: "" })
      ]) {
        const server = yield* Server.make([], { models: () => answer })
        assert.deepStrictEqual(yield* Effect.flatMap(asking(server.url), (ask) => ask("a")), {})
      }
    })
  )

  it.live("fail with the reason", () =>
    Effect.gen(function* () {
      const server = yield* Server.make([], { models: () => Server.failure(401, { message: "who are you" }) })
      assert.strictEqual(
        (yield* Effect.flip(Effect.flatMap(asking(server.url), (ask) => ask("a")))).reason,
        "authentication"
      )
    })
  )

  it.live("are not asked for at OpenAI, which tells none", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* providerAt("https://api.openai.com/v1")).limitsOf)
    })
  )
})
