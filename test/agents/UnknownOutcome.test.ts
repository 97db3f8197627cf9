/** A store that wrote what it was given and yet could not say so: whoever asked is told, and nothing is lost. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Approvals } from "../../src/approvals/Approvals.ts"
import type { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { SessionStore, StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { answers, ended, event, inTime, log, say, types } from "../support/AgentWorld.ts"
import { calls, make, text } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTools, runsOf } from "../support/Tools.ts"

/** Its answer to the first append with an event of this type is lost. */
const mumbling = (type: SessionEvent["type"]) => {
  let lost = false
  return Layer.effect(
    SessionStore,
    Effect.map(SessionStore, (whole) => ({
      ...whole,
      append: (...append: Parameters<typeof whole.append>) =>
        Effect.tap(whole.append(...append), (events) => {
          if (lost || !events.some((event) => event.type === type)) return Effect.void
          lost = true
          return new StoreUnavailable({ reason: "the connection was lost" })
        })
    }))
  ).pipe(Layer.provide(Layer.fresh(SessionStore.layerMemory)))
}

describe("an append whose answer is lost", () => {
  it.effect("takes a message in, which is answered although its sender was refused", () => {
    const provider = make([text("hello to you")])
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(say("hello", { externalId: "x" })))._tag, "StoreUnavailable")
      assert.isTrue((yield* say("hello", { externalId: "x" })).repeated)
      assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
      assert.deepStrictEqual(yield* answers(), ["hello to you"])
      assert.lengthOf(provider.requests, 1)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], store: mumbling("MessageAccepted") })))
  })

  it.effect("announces a tool call, which is run as one that was cut off", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const provider = make([calls({ a: { tool: "pure", text: "x" } }), text("all done")])
      yield* Effect.gen(function* () {
        yield* say("hello")
        assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
        assert.deepStrictEqual(yield* answers(), ["all done"])
        assert.lengthOf(runsOf(folder, "pure"), 1)
        assert.lengthOf(provider.requests, 2)
        const seqs = (yield* log()).map(({ seq }) => seq)
        assert.deepStrictEqual(
          seqs,
          seqs.map((_, index) => index + 1)
        )
      }).pipe(
        Effect.provide(
          AgentWorld.layer({ providers: [provider], tools: countingTools({ folder }), store: mumbling("ToolCalled") })
        )
      )
    })
  )

  it.effect("ends a turn, and whoever watches is told", () =>
    Effect.gen(function* () {
      const watching = yield* Effect.forkChild(ended(), { startImmediately: true })
      yield* say("hello")
      assert.deepInclude(yield* inTime(Fiber.join(watching)), { outcome: "completed" })
      yield* say("again")
      assert.deepInclude(yield* inTime(ended(2)), { outcome: "completed" })
      assert.lengthOf(
        (yield* types()).filter((type) => type === "ModelReplied"),
        2
      )
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store: mumbling("TurnEnded") })))
  )

  it.effect("settles an approval, and the turn goes on", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const providers = [make([calls({ a: { tool: "unsafe", text: "x" } })])]
      yield* Effect.gen(function* () {
        yield* say("hello")
        const { approval } = yield* event("ApprovalAsked")
        const verdict = Approvals.use(({ settle }) => settle(approval, "allow", { by: "ada" }))
        assert.strictEqual((yield* Effect.flip(verdict))._tag, "StoreUnavailable")
        assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
        assert.lengthOf(runsOf(folder, "unsafe"), 1)
      }).pipe(
        Effect.provide(
          AgentWorld.layer({ providers, tools: countingTools({ folder }), store: mumbling("ApprovalSettled") })
        )
      )
    })
  )
})
