/** A conversation with a model behind the Messages API, from a message over HTTP to the second request and back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Model from "../support/AnthropicServer.ts"
import { apiKey, filesOf, type Setup } from "../support/Configuration.ts"
import { conversation, ofType, saidIn } from "../support/Conversation.ts"
import * as HeldModel from "../support/HeldModel.ts"
import { makePlace, start } from "../support/Service.ts"

const serviceFor = (setup: Setup) => Effect.flatMap(makePlace(filesOf(setup)), start)

const command = "echo from the shell"

/** A recorded reply that thinks and calls a tool, made to call ours. */
const thinksAndCalls = (): Model.Answer => {
  const text = new TextDecoder().decode(Model.fixture("06-thinking-then-tool-use").body)
  const input = JSON.stringify(JSON.stringify({ command }))
  return Model.stream(text.replace(`"fixed_version"`, `"exec"`).replace(`"partial_json":""`, `"partial_json":${input}`))
}

interface Block extends Readonly<Record<string, unknown>> {
  readonly type: string
}
interface Message {
  readonly role: string
  readonly content: ReadonlyArray<Block>
}

/** What a request tells the model. */
const messagesOf = (request: Model.Recorded | undefined): ReadonlyArray<Message> => {
  assert(request !== undefined)
  return (request.body as { readonly messages: ReadonlyArray<Message> }).messages
}

/** What a recorded reply says, read the plain way. */
const recordedThinking = (body: Uint8Array) => {
  const deltas = Array.from(
    new TextDecoder().decode(body).matchAll(/^data: (.*content_block_delta.*)$/gm),
    ([, json]) => JSON.parse(json ?? "")
  ).map(({ delta }) => delta)
  return {
    type: "thinking",
    thinking: deltas.map((delta) => delta.thinking ?? "").join(""),
    signature: deltas.map((delta) => delta.signature ?? "").join("")
  }
}

describe.skipIf(!Model.haveFixtures)("The service with recorded replies", () => {
  for (const chunkSize of [Number.MAX_SAFE_INTEGER, 1]) {
    it.live(
      `thinks, runs a command and answers, its replies arriving ${chunkSize === 1 ? "byte by byte" : "whole"}`,
      () =>
        Effect.gen(function* () {
          const call = { ...thinksAndCalls(), chunkSize }
          const model = yield* Model.make([call, { ...Model.fixture("04-after-tool-result"), chunkSize }])
          const service = yield* serviceFor({ anthropic: model.url })
          const events = yield* conversation(service, "recorded").talk("Which version is it?")
          assert.strictEqual(ofType(events, "TurnEnded")[0]?.outcome, "completed")
          assert.include(saidIn(events).at(-1), "0.32a0")
          assert.include(saidIn(events).at(-1), "😄")

          const [asked, answered, result] = messagesOf(model.requests[1])
          assert.strictEqual(asked?.role, "user")
          assert.strictEqual(answered?.role, "assistant")
          const [thinking, use, ...others] = answered?.content ?? []
          assert.deepStrictEqual(thinking, recordedThinking(call.body))
          assert.include(use, { type: "tool_use", id: "toolu_01825dXWLSoJwCst1qTsiWdb", name: "exec" })
          assert.deepStrictEqual(use?.["input"], { command })
          assert.isEmpty(others)
          assert.strictEqual(result?.role, "user")
          assert.include(result?.content[0], { type: "tool_result", tool_use_id: "toolu_01825dXWLSoJwCst1qTsiWdb" })
          assert.include(JSON.stringify(result?.content[0]?.["content"]), "from the shell")
        })
    )
  }
})

describe("The service with a model behind the Messages API", () => {
  it.live("passes the first words on while the rest is still to come", () =>
    Effect.gen(function* () {
      const model = yield* HeldModel.make
      const talk = conversation(yield* serviceFor({ anthropic: model.url }), "live")
      const { turn } = yield* talk.say("Begin.")
      const { text } = yield* talk.firstWords(model.begin.open)
      assert.include(HeldModel.beginning, text)
      assert.isEmpty(ofType(yield* talk.events, "ModelReplied"))
      yield* model.goOn.open
      yield* talk.ended(turn)
      assert.deepStrictEqual(saidIn(yield* talk.events), [HeldModel.wholeText])
    })
  )

  it.live(
    "ends the turn with the provider's reason when the key is refused, and tells the sender without the key",
    () =>
      Effect.gen(function* () {
        const model = yield* Model.make([Model.failure(401, "authentication_error", `invalid x-api-key ${apiKey}`)])
        const service = yield* serviceFor({ anthropic: model.url })
        const talk = conversation(service, "refused")
        const { turn } = yield* talk.say("Hello?")
        const { failure, outcome } = yield* talk.ended(turn)
        assert.strictEqual(outcome, "failed")
        assert.strictEqual(failure?.type, "authentication")
        assert.include(failure?.message, "apiKey of the provider anthropic")
        assert.strictEqual(model.requests.length, 1)
        const { code } = yield* service.kill("SIGTERM")
        assert.strictEqual(code, 0)
        assert.notInclude(JSON.stringify([failure, service.log]), apiKey)
      })
  )

  it.live("asks again when the model is overloaded", () =>
    Effect.gen(function* () {
      const overloaded = Model.failure(529, "overloaded_error", "Overloaded")
      const model = yield* Model.make([overloaded, overloaded, Model.events(Model.reply({ text: "Here I am." }))])
      const talk = conversation(yield* serviceFor({ anthropic: model.url }), "retried")
      const events = yield* talk.talk("Hello?")
      assert.deepStrictEqual(saidIn(events), ["Here I am."])
      assert.strictEqual(ofType(events, "ModelCalled").length, 1)
      assert.strictEqual(model.requests.length, 3)
    })
  )
})
