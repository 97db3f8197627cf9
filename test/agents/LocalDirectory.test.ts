import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { AgentId, SessionId } from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { answers, cancel, ended, event, inTime, log, s, say, settle, types } from "../support/AgentWorld.ts"
import { behind, calls, gate, make, text } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTools, runsOf } from "../support/Tools.ts"

const other = SessionId.make("other")
const third = SessionId.make("third")

describe("a message is accepted", () => {
  it.effect("only when it is on disk", () =>
    Effect.gen(function* () {
      const [asked, written] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const store = Layer.effect(
        SessionStore,
        Effect.map(SessionStore, (whole) => ({
          ...whole,
          append: (...append: Parameters<typeof whole.append>) =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Deferred.await(written)),
              Effect.andThen(whole.append(...append))
            )
        }))
      ).pipe(Layer.provide(Layer.fresh(SessionStore.layerMemory)))
      yield* Effect.gen(function* () {
        const accepting = yield* Effect.forkChild(say("hello"), { startImmediately: true })
        yield* Deferred.await(asked)
        yield* settle
        assert.isUndefined(accepting.pollUnsafe())
        assert.deepStrictEqual(yield* log(), [])
        yield* Deferred.succeed(written, undefined)
        assert.strictEqual((yield* Fiber.join(accepting)).seq, 1)
        assert.strictEqual((yield* log())[0]?.type, "MessageAccepted")
        yield* ended()
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  it.effect("once, however often it is sent", () => {
    const provider = make([])
    return Effect.gen(function* () {
      const first = yield* say("hello", { externalId: "x" })
      yield* ended()
      const again = yield* say("hello", { externalId: "x" })
      assert.deepStrictEqual(again, { ...first, repeated: true })
      const elsewhere = yield* say("hello", { externalId: "x", session: other })
      assert.deepStrictEqual(elsewhere, { ...first, repeated: true })
      assert.isFalse((yield* say("hello", { externalId: "x", channel: "another" })).repeated)
      yield* ended(2)
      assert.lengthOf(provider.requests, 2)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider] })))
  })

  it.effect("once, when it is sent several times at once", () =>
    Effect.gen(function* () {
      const sending = Array.from({ length: 5 }, () => say("hello", { externalId: "x" }))
      const accepted = yield* Effect.all(sending, { concurrency: "unbounded" })
      assert.lengthOf(
        accepted.filter(({ repeated }) => !repeated),
        1
      )
      assert.lengthOf(new Set(accepted.map(({ turn }) => turn)), 1)
      yield* ended()
      assert.lengthOf(
        (yield* types()).filter((type) => type === "MessageAccepted"),
        1
      )
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )

  it.effect("and wakes its session even when whoever sent it goes away right then", () =>
    Effect.gen(function* () {
      const { store, written, goOn } = yield* pausingStore
      yield* Effect.gen(function* () {
        const sending = yield* Effect.forkChild(say("hello"), { startImmediately: true })
        yield* written
        const leaving = yield* Effect.forkChild(Fiber.interrupt(sending), { startImmediately: true })
        yield* goOn
        yield* Fiber.join(leaving)
        assert.deepInclude(yield* ended(), { outcome: "completed" })
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  it.effect("not when its agent is unknown, missing or another", () =>
    Effect.gen(function* () {
      const tags = yield* Effect.forEach([AgentId.make("nobody"), undefined], (agent) =>
        Effect.map(Effect.flip(say("hello", { agent })), ({ _tag }) => _tag)
      )
      assert.deepStrictEqual(tags, ["AgentUnknown", "AgentMissing"])
      yield* say("hello")
      assert.strictEqual((yield* Effect.flip(say("hello", { agent: AgentId.make("second") })))._tag, "SessionTaken")
      assert.strictEqual((yield* say("hello", { agent: undefined })).session, s)
      yield* ended()
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], agents: { main: {}, second: {} } })))
  )
})

/** Its first append stops behind the write until the test lets it return. */
const pausingStore = Effect.gen(function* () {
  const [written, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const layer = Layer.effect(
    SessionStore,
    Effect.map(SessionStore, (whole) => ({
      ...whole,
      append: (...append: Parameters<typeof whole.append>) =>
        Effect.tap(whole.append(...append), () =>
          Effect.andThen(Deferred.succeed(written, undefined), Deferred.await(goOn))
        )
    }))
  )
  const store = Layer.provide(layer, Layer.fresh(SessionStore.layerMemory))
  return { store, written: Deferred.await(written), goOn: Deferred.succeed(goOn, undefined) }
})

describe("limits", () => {
  it.effect("of sessions are kept, also by messages that arrive at once", () =>
    Effect.gen(function* () {
      const { store, goOn, written } = yield* pausingStore
      yield* Effect.gen(function* () {
        const first = yield* Effect.forkChild(say("hello"), { startImmediately: true })
        yield* written
        const refused = yield* Effect.flip(say("hello", { session: other }))
        assert.strictEqual(refused.message, "the tenant has reached its limit of 1 sessions")
        yield* goOn
        yield* Fiber.join(first)
        yield* ended()
        assert.strictEqual((yield* Effect.flip(say("hello", { session: third })))._tag, "SessionLimitReached")
        yield* say("again")
        yield* ended(2)
        assert.strictEqual(yield* SessionStore.use(({ count }) => count), 1)
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], limits: { sessions: 1 }, store })))
    })
  )

  it.effect("of sessions count what was there before a restart", () =>
    Effect.gen(function* () {
      const store = yield* AgentWorld.sharedStore
      const world = AgentWorld.layer({ providers: [make([])], limits: { sessions: 1 }, store })
      yield* Effect.andThen(say("hello"), ended()).pipe(Effect.provide(Layer.fresh(world)))
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(say("hello", { session: other })))._tag, "SessionLimitReached")
      }).pipe(Effect.provide(Layer.fresh(world)))
    })
  )

  it.effect("of sessions are not used up by messages that were refused or not written", () =>
    Effect.gen(function* () {
      const { broken, store } = yield* AgentWorld.failingStore
      yield* Effect.gen(function* () {
        broken.appends = 1
        assert.strictEqual((yield* Effect.flip(say("hello")))._tag, "StoreUnavailable")
        assert.strictEqual((yield* Effect.flip(say("hello", { agent: undefined })))._tag, "AgentMissing")
        yield* say("hello")
        yield* ended()
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], limits: { sessions: 1 }, store })))
    })
  )
})

describe("a turn is cancelled", () => {
  it.effect("where there is none, nothing happens", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(cancel)).message, "there is no session s")
      yield* say("hello")
      yield* ended()
      assert.deepStrictEqual(yield* cancel, Option.none())
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )
})

describe("the store is not there", () => {
  it.effect("in the middle of a turn: it is waited for", () =>
    Effect.gen(function* () {
      const { broken, store } = yield* AgentWorld.failingStore
      const opened = gate()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* opened.reached
        broken.appends = 7
        yield* opened.open
        assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
        assert.deepStrictEqual(yield* answers(), ["patience"])
        assert.notInclude(yield* types(), "TurnResumed")
        assert.lengthOf(
          (yield* AgentWorld.logged).filter((line) => line === "append waits for the store"),
          7
        )
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("patience"))])], store })))
    })
  )

  it.effect("for a message: its sender is told at once, and may send it again", () =>
    Effect.gen(function* () {
      const { broken, store } = yield* AgentWorld.failingStore
      yield* Effect.gen(function* () {
        broken.appends = 1
        assert.strictEqual((yield* Effect.flip(say("hello", { externalId: "x" }))).message, "the disk is full")
        assert.isFalse((yield* say("hello", { externalId: "x" })).repeated)
        yield* ended()
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  it.effect("to open a session: the next message opens it", () =>
    Effect.gen(function* () {
      const { broken, store } = yield* AgentWorld.failingStore
      yield* Effect.gen(function* () {
        broken.reads = true
        assert.strictEqual((yield* Effect.flip(say("hello")))._tag, "StoreUnavailable")
        broken.reads = false
        yield* say("hello")
        yield* ended()
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )
})

describe("a start", () => {
  it.effect("goes on with every turn that was not finished", () =>
    Effect.gen(function* () {
      const store = yield* AgentWorld.sharedStore
      const ids = [s, other, third]
      const opened = gate()
      const never = behind(opened, text("never"))
      yield* Effect.gen(function* () {
        for (const session of ids) yield* say("hello", { session })
        for (const session of ids) yield* event("ModelCalled", undefined, session)
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([never, never, never])], store })))
      yield* Effect.gen(function* () {
        for (const session of ids) {
          yield* ended(1, session)
          assert.deepStrictEqual((yield* types(session)).slice(3), [
            "TurnResumed",
            "ModelCalled",
            "ModelReplied",
            "TurnEnded"
          ])
        }
        assert.include(yield* AgentWorld.logged, "sessions resume")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  for (const [effect, runs, outcome] of [
    ["pure", 2, "succeeded"],
    ["idempotent", 2, "succeeded"],
    ["queryable", 1, "succeeded"],
    ["unsafe", 1, "unknown"]
  ] as const) {
    it.effect(`with a ${effect} tool cut off ends its call as ${outcome}`, () =>
      Effect.gen(function* () {
        const store = yield* AgentWorld.sharedStore
        const folder = yield* temporary
        const opened = gate()
        const agents = { main: { approvals: { dangerous: "allow" } } }
        yield* Effect.andThen(say("hello"), opened.reached).pipe(
          Effect.provide(
            AgentWorld.layer({
              providers: [make([calls({ a: { tool: effect, text: "x" } })])],
              tools: countingTools({ folder, afterwards: opened.pass }),
              agents,
              store
            })
          )
        )
        yield* Effect.gen(function* () {
          assert.deepInclude(yield* ended(), { outcome: "completed" })
          assert.strictEqual((yield* event("ToolReturned")).outcome, outcome)
        }).pipe(
          Effect.provide(AgentWorld.layer({ providers: [make([])], tools: countingTools({ folder }), agents, store }))
        )
        const keys = runsOf(folder, effect)
        assert.lengthOf(keys, runs)
        assert.lengthOf(new Set(keys), 1)
      })
    )
  }

  it.effect("ends turns of an agent that is gone from the configuration, and says why", () =>
    Effect.gen(function* () {
      const store = yield* AgentWorld.sharedStore
      const opened = gate()
      const queued = { main: { midTurn: "queue" } }
      yield* Effect.andThen(say("hello"), Effect.andThen(opened.reached, say("and then"))).pipe(
        Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("never"))])], agents: queued, store }))
      )
      yield* Effect.gen(function* () {
        for (const nth of [1, 2]) {
          const { failure, outcome } = yield* ended(nth)
          assert.strictEqual(outcome, "failed")
          assert.deepStrictEqual(failure, { type: "agent_unknown", message: "there is no agent main" })
        }
        assert.strictEqual((yield* Effect.flip(say("hello")))._tag, "AgentUnknown")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], agents: { second: {} }, store })))
    })
  )
})
