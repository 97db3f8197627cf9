/** A conversation with a model behind chat completions, from a message over HTTP to the second request and back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { filesOf } from "../support/Configuration.ts"
import { conversation, ofType, saidIn } from "../support/Conversation.ts"
import * as Model from "../support/OpenAiServer.ts"
import { makePlace, start } from "../support/Service.ts"

const key = "sk-openai-0123456789"

/** A service whose one agent asks this server. */
const serviceFor = (url: string, apiKey = key) => {
  const files = filesOf({ agent: { model: "local/some/model:7b" } })
  const provider = [
    "  local:",
    "    kind: openai",
    `    baseUrl: ${url}/v1`,
    ...(apiKey === "" ? [] : [`    apiKey: ${apiKey}`]),
    "    retry: { attempts: 3, base: 1 millis, cap: 5 millis }",
    ""
  ].join("\n")
  const tenant = "tenants/default/tenant.yaml"
  return Effect.flatMap(makePlace({ ...files, [tenant]: `${files[tenant]?.trimEnd()}\n${provider}` }), start)
}

describe("The service with a model behind chat completions", () => {
  for (const chunkSize of [Number.MAX_SAFE_INTEGER, 1]) {
    it.live(`runs a command and answers, its replies arriving ${chunkSize === 1 ? "byte by byte" : "whole"}`, () =>
      Effect.gen(function* () {
        const calls = [
          { id: "call_1", name: "exec", input: { command: "echo from the shell" } },
          { id: "call_2", name: "exec", input: { command: "echo and again" } }
        ]
        const asks = Model.events(Model.reply({ reasoning: "I should look.", text: "Let me look.", calls }))
        const model = yield* Model.make([
          { ...asks, chunkSize },
          { ...Model.events(Model.reply({ text: "It says 😄." })), chunkSize }
        ])
        const events = yield* conversation(yield* serviceFor(model.url, ""), "tools").talk("Which version is it?")
        assert.strictEqual(ofType(events, "TurnEnded")[0]?.outcome, "completed")
        assert.strictEqual(saidIn(events).at(-1), "It says 😄.")
        assert.isUndefined(model.requests[0]?.headers.authorization)

        const sent = model.requests[1]?.body as { readonly model: string; readonly messages: ReadonlyArray<Model.Json> }
        assert.strictEqual(sent.model, "some/model:7b")
        assert.deepStrictEqual(
          sent.messages.map(({ role, tool_call_id }) => tool_call_id ?? role),
          ["system", "user", "assistant", "call_1", "call_2"]
        )
        assert.include(String(sent.messages[3]?.["content"]), "from the shell")
        assert.include(String(sent.messages[4]?.["content"]), "and again")
        assert.notInclude(JSON.stringify(sent), "I should look.")
      })
    )
  }

  it.live("ends the turn with the server's reason when the key is refused, and tells nobody the key", () =>
    Effect.gen(function* () {
      const refused = { message: `Incorrect API key provided: ${key}`, code: "invalid_api_key" }
      const model = yield* Model.make([Model.failure(401, refused)])
      const service = yield* serviceFor(model.url)
      const talk = conversation(service, "refused")
      const { turn } = yield* talk.say("Hello?")
      const { failure, outcome } = yield* talk.ended(turn)
      assert.deepStrictEqual([outcome, failure?.type], ["failed", "authentication"])
      assert.include(failure?.message, "apiKey of the provider local")
      assert.strictEqual((yield* service.kill("SIGTERM")).code, 0)
      assert.notInclude(JSON.stringify([failure, service.log]), key)
    })
  )

  it.live("asks again when the server is overloaded", () =>
    Effect.gen(function* () {
      const loading = Model.failure(503, { message: "Loading model", type: "unavailable_error", code: 503 })
      const model = yield* Model.make([loading, loading, Model.events(Model.reply({ text: "Here I am." }))])
      const events = yield* conversation(yield* serviceFor(model.url), "retried").talk("Hello?")
      assert.deepStrictEqual(saidIn(events), ["Here I am."])
      assert.lengthOf(model.requests, 3)
    })
  )

  it.live("ends the turn as refused when the model declines", () =>
    Effect.gen(function* () {
      const declines = [Model.chunk({ refusal: "I cannot help with that." }), Model.chunk({}, "stop"), Model.done]
      const model = yield* Model.make([Model.events(declines)])
      const talk = conversation(yield* serviceFor(model.url), "declined")
      const { turn } = yield* talk.say("Please?")
      const { failure } = yield* talk.ended(turn)
      assert.strictEqual(failure?.type, "refused")
      assert.deepStrictEqual(saidIn(yield* talk.events), ["I cannot help with that."])
    })
  )
})
