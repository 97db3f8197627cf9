/** The vendors' own clients take the stand-ins for the real thing, and the stand-ins let nothing wrong pass. */
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import OpenAI from "openai"
import {
  cached,
  cited,
  codedFailure,
  eventsThenCut,
  eventsThenError,
  limitHeaders,
  pause,
  rateLimited,
  refusal,
  searched,
  served
} from "./AnthropicReplies.ts"
import * as Server from "./AnthropicServer.ts"
import { claude, gpt } from "./ModelsRoute.ts"
import * as OpenAiServer from "./OpenAiServer.ts"

const question = { model: "claude-test", max_tokens: 10, messages: [{ role: "user" as const, content: "Hello?" }] }

const clientOf = (baseURL: string) => new Anthropic({ apiKey: "sk-test", baseURL, maxRetries: 0 })

/** What the official client makes of an answer. */
const read = (url: string) => Effect.tryPromise(() => clientOf(url).messages.stream(question).finalMessage())

/** What the official client throws at an answer. */
const refused = (url: string) => Effect.map(Effect.flip(read(url)), ({ cause }) => cause)

const hit = { url: "https://example.com/a", title: "A page" }
const search = searched({ id: "srvtoolu_1", query: "a page", found: [hit] })

describe("The stand-in for the Messages API", () => {
  it.live("tells the official client of searches, citations and what they used", () =>
    Effect.gen(function* () {
      const usage = { input: 3, output: 9, start: cached(5, 7, 2), end: served(1) }
      const citations = [cited(hit.url, hit.title, "a quote")]
      const said = { text: "It says so.", between: search, citations, usage }
      const { url } = yield* Server.make([Server.events(Server.reply(said))])
      const { content, stop_reason, usage: used } = yield* read(url)
      assert.deepStrictEqual(
        content.map(({ type }) => type),
        ["server_tool_use", "web_search_tool_result", "text"]
      )
      const [call, , text] = content
      assert.deepStrictEqual(call?.type === "server_tool_use" ? call.input : undefined, { query: "a page" })
      assert.strictEqual(text?.type === "text" ? text.citations?.[0]?.cited_text : undefined, "a quote")
      assert.deepStrictEqual([stop_reason, used.output_tokens, used.cache_read_input_tokens], ["end_turn", 9, 5])
      assert.strictEqual(used.server_tool_use?.web_search_requests, 1)
    })
  )

  it.live("pauses and declines", () =>
    Effect.gen(function* () {
      const why = { category: "bio", explanation: null }
      const answers = [pause({ between: search.slice(0, 1) }), refusal(why, { text: "I" })].map(Server.events)
      const { url } = yield* Server.make(answers)
      assert.strictEqual((yield* read(url)).stop_reason, "pause_turn")
      const declined = yield* read(url)
      assert.strictEqual(declined.stop_reason, "refusal")
      assert.deepStrictEqual(declined.stop_details as unknown, { type: "refusal", ...why })
    })
  )

  it.live("refuses as the API does, before the answer and in the middle of it", () =>
    Effect.gen(function* () {
      const list = Server.reply({ text: "Once upon a time" })
      const left = { limit: 50, remaining: 0, reset: "2026-11-22T12:00:00Z" }
      const { url } = yield* Server.make([
        rateLimited({ "retry-after": "7", ...limitHeaders({ requests: left }) }),
        codedFailure(403, "billing_error", "enforced_spend_limit_reached", "No more."),
        eventsThenError(list, 4),
        eventsThenCut(list, 4)
      ])
      const limited = yield* refused(url)
      assert.instanceOf(limited, Anthropic.RateLimitError)
      assert.strictEqual(limited.headers?.get("anthropic-ratelimit-requests-remaining"), "0")
      const spent = yield* refused(url)
      assert.instanceOf(spent, Anthropic.PermissionDeniedError)
      assert.include(JSON.stringify(spent.error), `"error_code":"enforced_spend_limit_reached"`)
      assert.include(String(yield* refused(url)), "Overloaded")
      assert.instanceOf(yield* refused(url), Anthropic.AnthropicError)
    })
  )

  it.live("has the models it was given, or any", () =>
    Effect.gen(function* () {
      const big = claude("claude-big", { max_input_tokens: 1_000_000 })
      const one = yield* Server.make([], { models: [big] })
      const { models } = clientOf(one.url)
      assert.strictEqual((yield* Effect.promise(() => models.retrieve("claude-big"))).max_input_tokens, 1_000_000)
      assert.deepStrictEqual((yield* Effect.promise(() => models.list())).data, [big])
      const { cause } = yield* Effect.flip(Effect.tryPromise(() => models.retrieve("claude-other")))
      assert.instanceOf(cause, Anthropic.NotFoundError)
      assert.lengthOf(one.lookups, 3)
      const any = yield* Server.make([])
      assert.strictEqual((yield* Effect.promise(() => clientOf(any.url).models.retrieve("x"))).max_tokens, 64_000)
    })
  )

  const wrong: ReadonlyArray<readonly [string, object, string]> = [
    ["a parameter the types do not have", { temperature: 1 }, "temperature"],
    ["a rule the types cannot say", { max_tokens: 0 }, "max_tokens: must be at least 1"]
  ]
  for (const [name, more, fault] of wrong) {
    it.live(`refuses a request that breaks ${name}, and fails its test`, () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { url } = yield* Scope.provide(Server.make([Server.events(Server.reply({ text: "Hi." }))]), scope)
        const client = clientOf(url).messages
        const { cause } = yield* Effect.flip(Effect.tryPromise(() => client.stream({ ...question, ...more }).done()))
        assert.instanceOf(cause, Anthropic.BadRequestError)
        const closed = yield* Effect.exit(Scope.close(scope, Exit.void))
        assert.include(String(Result.getOrThrow(Exit.findDefect(closed))), fault)
      })
    )
  }
})

describe("The stand-in for chat completions", () => {
  it.live("has the models it was given", () =>
    Effect.gen(function* () {
      const { url } = yield* OpenAiServer.make([], { models: [gpt("some/model", { context_length: 8192 })] })
      const { models } = new OpenAI({ apiKey: "sk-test", baseURL: `${url}/v1`, maxRetries: 0 })
      const found = yield* Effect.promise(() => models.retrieve("some/model"))
      assert.include(found as object, { id: "some/model", context_length: 8192 })
      assert.lengthOf((yield* Effect.promise(() => models.list())).data, 1)
      const { cause } = yield* Effect.flip(Effect.tryPromise(() => models.retrieve("other")))
      assert.instanceOf(cause, OpenAI.NotFoundError)
    })
  )
})
