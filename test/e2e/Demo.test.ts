/** The service as it comes: the example configuration, no keys, nothing but HTTP. */
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { call, conversation, approvals, ofType, saidIn } from "../support/Conversation.ts"
import { makePlace, type Service, start } from "../support/Service.ts"

class Example extends Context.Service<Example, Service>()("test/Example") {
  static readonly layer = Layer.effect(Example, Effect.flatMap(makePlace(), start))
}

describe("The service with the example configuration", () => {
  layer(Example.layer, { excludeTestServices: true })((it) => {
    it.effect("is alive and ready without any token", () =>
      Effect.gen(function* () {
        const service = yield* Example
        const health = yield* call(service, "/health", { token: "" })
        assert.strictEqual(health.status, 200)
        assert.include(health.body, { status: "ok" })
        const ready = yield* call(service, "/ready", { token: "" })
        assert.deepStrictEqual([ready.status, ready.body], [200, { status: "ready" }])
      })
    )

    it.effect("answers a message", () =>
      Effect.gen(function* () {
        const events = yield* conversation(yield* Example, "hello").talk("say: Good morning.")
        assert.deepStrictEqual(saidIn(events), ["Good morning."])
        assert.deepStrictEqual(
          events.map(({ type }) => type),
          ["MessageAccepted", "TurnStarted", "ModelCalled", "ModelReplied", "TurnEnded"]
        )
      })
    )

    it.effect("answers a chat completion", () =>
      Effect.gen(function* () {
        const service = yield* Example
        const body = { model: "main", messages: [{ role: "user", content: "say: Good evening." }] }
        const answered = yield* call(service, "/v1/chat/completions", { body })
        assert.strictEqual(answered.status, 200)
        assert.nestedPropertyVal(answered.body, "choices[0].message.content", "Good evening.")
      })
    )

    it.effect("waits for consent before it runs a command, then answers from its output", () =>
      Effect.gen(function* () {
        const service = yield* Example
        const talk = conversation(service, "allowed")
        const { turn } = yield* talk.say("run: uname -a; pwd")
        const { summary } = yield* talk.first("ApprovalAsked")
        assert.include(summary, "uname -a; pwd")
        const [open] = yield* approvals(service)
        assert.strictEqual(open?.session, "allowed")
        assert.isEmpty(ofType(yield* talk.events, "ToolCalled"))
        yield* talk.settle("allow")
        yield* talk.ended(turn)
        const events = yield* talk.events
        const [returned] = ofType(events, "ToolReturned")
        assert.strictEqual(returned?.outcome, "succeeded")
        assert.include(returned?.output, "Linux")
        assert.include(returned?.output, "/tenants/default/workspaces/main")
        assert.include(saidIn(events).at(-1), "Linux")
        assert.isEmpty(yield* approvals(service))
      })
    )

    it.effect("runs nothing that was denied, and the model is told why", () =>
      Effect.gen(function* () {
        const talk = conversation(yield* Example, "denied")
        const { turn } = yield* talk.say("run: touch denied")
        yield* talk.settle("deny", "not on a Sunday")
        const { outcome } = yield* talk.ended(turn)
        const events = yield* talk.events
        assert.strictEqual(outcome, "completed")
        assert.isEmpty(ofType(events, "ToolCalled"))
        assert.strictEqual(ofType(events, "ToolReturned")[0]?.outcome, "refused")
        assert.include(saidIn(events).at(-1), "not on a Sunday")
      })
    )

    it.effect("takes the first verdict on an approval and no second one", () =>
      Effect.gen(function* () {
        const service = yield* Example
        const talk = conversation(service, "twice")
        const { turn } = yield* talk.say("run: true")
        const { approval } = yield* talk.first("ApprovalAsked")
        yield* talk.settle("deny")
        yield* talk.ended(turn)
        const body = { verdict: "allow" }
        const second = yield* call(service, `/api/v1/tenants/default/approvals/${approval}`, { body })
        assert.strictEqual(second.status, 409)
        assert.isEmpty(ofType(yield* talk.events, "ToolCalled"))
      })
    )

    it.effect("gives the same message the same place and no second turn", () =>
      Effect.gen(function* () {
        const talk = conversation(yield* Example, "repeated")
        const first = yield* talk.say("say: once", "message-1")
        yield* talk.ended(first.turn)
        const before = yield* talk.events
        assert.deepStrictEqual(yield* talk.say("say: once", "message-1"), first)
        assert.deepStrictEqual(yield* talk.events, before)
      })
    )

    it.effect("refuses whoever has no token with a problem", () =>
      Effect.gen(function* () {
        const answered = yield* call(yield* Example, "/api/v1/tenants", { token: "wrong" })
        assert.strictEqual(answered.status, 401)
        assert.include(answered.headers.get("content-type"), "application/problem+json")
        assert.include(answered.body, { status: 401 })
      })
    )
  })
})
