/**
 * A turn that ends on a fallback: one key of the first provider is limited, the other overloaded, and another provider
 * answers. The logs say why, and calls return to the first one when it is well again.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { SessionEventOf } from "../../src/domain/SessionEvent.ts"
import * as Model from "../support/AnthropicServer.ts"
import { conversation, ofType, saidIn } from "../support/Conversation.ts"
import * as OpenAi from "../support/OpenAiServer.ts"
import { makePlace, start } from "../support/Service.ts"

const keyOf = ({ headers }: Model.Recorded) =>
  String(headers.authorization ?? headers["x-api-key"]).replace("Bearer ", "")

const filesFor = (first: string, second: string) => ({
  "fiberclaw.yaml": "log: { level: info }\n",
  "tenants/default/tenant.yaml": `
name: Default
providers:
  first:
    kind: anthropic
    apiKey: sk-limited
    moreKeys: [sk-overloaded]
    baseUrl: ${first}
    retry: { attempts: 3, base: 1 millis, cap: 1 second }
    breaker: { failures: 2, open: 1 second }
  second: { kind: openai, apiKey: sk-second, baseUrl: ${second}/v1 }
`,
  "tenants/default/agents/main.yaml":
    "model: first/claude-test\nfallbacks: [second/gpt-test]\ninstructions: Be brief.\n"
})

describe("A turn with a fallback", () => {
  it.live("is answered by it while one key is limited and the other overloaded, and the log tells why", () =>
    Effect.gen(function* () {
      let isWell = false
      const first = yield* Model.make((request) => {
        if (isWell) return Model.events(Model.reply({ text: "I am back." }))
        return keyOf(request) === "sk-limited"
          ? Model.failure(429, "rate_limit_error", "this key is at its limit", { "retry-after": "60" })
          : Model.failure(529, "overloaded_error", "Overloaded")
      })
      const second = yield* OpenAi.make(() => OpenAi.events(OpenAi.reply({ text: "I stand in." })))
      const service = yield* Effect.flatMap(makePlace(filesFor(first.url, second.url)), start)

      const events = yield* conversation(service, "one").talk("Hello?")
      assert.deepStrictEqual(saidIn(events), ["I stand in."])
      const [called] = ofType(events, "ModelCalled")
      const [replied]: ReadonlyArray<SessionEventOf<"ModelReplied">> = ofType(events, "ModelReplied")
      assert.strictEqual(called?.model, "first/claude-test")
      assert.strictEqual(replied?.model, "second/gpt-test")
      assert.deepStrictEqual(
        replied?.detours?.map(({ model }) => model),
        ["first/claude-test"]
      )
      assert.deepStrictEqual(new Set(first.requests.map(keyOf)), new Set(["sk-limited", "sk-overloaded"]))
      assert.strictEqual(second.requests.length, 1)

      const told = yield* service.logged("model call falls back")
      assert.deepInclude(told, { from: "first/claude-test", to: "second/gpt-test" })
      assert.include(["overloaded", "rate_limited"], told["reason"])
      assert.strictEqual(typeof told["advice"], "string")

      const before = first.requests.filter((request) => keyOf(request) === "sk-limited").length
      yield* conversation(service, "two").talk("And now?")
      assert.strictEqual(first.requests.filter((request) => keyOf(request) === "sk-limited").length, before)

      isWell = true
      yield* Effect.repeat(conversation(service, "three").talk("Are you well?"), {
        until: (log) => saidIn(log).includes("I am back.")
      })
    })
  )
})
