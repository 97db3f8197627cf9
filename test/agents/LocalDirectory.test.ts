import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../src/agents/Directory.ts"
import { AgentId, SessionId } from "../../src/domain/Ids.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../../src/sessions/sql/SqlSessionStore.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import {
  answers,
  below,
  cancel,
  ended,
  event,
  inTime,
  log,
  s,
  say,
  settle,
  types,
  World
} from "../support/AgentWorld.ts"
import { behind, broken, calls, gate, make, text } from "../support/FakeProvider.ts"
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

  it.effect("of turns that run at once make others wait", () => {
    const opened = gate()
    const provider = make([behind(opened, text("first")), text("second")])
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* say("hello", { session: other })
      yield* settle
      assert.lengthOf(provider.requests, 1)
      assert.deepStrictEqual(yield* types(other), ["MessageAccepted"])
      yield* opened.open
      yield* ended(1, other)
      assert.deepStrictEqual([yield* answers(), yield* answers(other)], [["first"], ["second"]])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], limits: { concurrentTurns: 1 } })))
  })

  it.effect("a session that is stopped while it waits for its turn is served when it is spoken to again", () => {
    const opened = gate()
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* say("hello", { session: other })
      yield* settle
      yield* (yield* World).control("sessions/other").stop
      yield* opened.open
      yield* ended()
      yield* say("again", { session: other })
      assert.deepInclude(yield* ended(1, other), { outcome: "completed" })
    }).pipe(
      Effect.provide(
        AgentWorld.layer({ providers: [make([behind(opened, text("x"))])], limits: { concurrentTurns: 1 } })
      )
    )
  })
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

describe("an orderly stop", () => {
  it.effect("refuses messages, lets the running turn end, leaves the next one unstarted, and is then quiet", () => {
    const opened = gate()
    const provider = make([behind(opened, text("last words"))])
    return Effect.gen(function* () {
      const [directory, drain] = [yield* Directory, yield* Drain]
      yield* say("hello")
      yield* opened.reached
      yield* say("and then")
      yield* drain.begin
      assert.strictEqual((yield* Effect.flip(say("too late")))._tag, "Draining")
      const quiet = yield* Effect.forkChild(directory.quiet, { startImmediately: true })
      yield* settle
      assert.isUndefined(quiet.pollUnsafe())
      assert.strictEqual(yield* directory.active, 1)
      yield* opened.open
      yield* Fiber.join(quiet)
      assert.strictEqual(yield* directory.active, 0)
      assert.deepStrictEqual(yield* answers(), ["last words"])
      assert.lengthOf(
        (yield* types()).filter((type) => type === "TurnStarted"),
        1
      )
      assert.strictEqual(Option.getOrThrow(yield* SessionStore.use((store) => store.session(s))).unfinished, 1)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], agents: { main: { midTurn: "queue" } } })))
  })

  it.effect("is quiet at once where nothing runs", () =>
    Effect.gen(function* () {
      yield* Directory.use(({ quiet }) => quiet)
    }).pipe(Effect.provide(AgentWorld.layer()))
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

describe("a session at rest", () => {
  it.effect("leaves no child behind, and is forgotten after a while", () =>
    Effect.gen(function* () {
      const reads: Array<string> = []
      const store = Layer.effect(
        SessionStore,
        Effect.map(SessionStore, (whole) => ({
          ...whole,
          read: (...read: Parameters<typeof whole.read>) => {
            if (read[1].limit === 1000) reads.push(read[0])
            return whole.read(...read)
          }
        }))
      ).pipe(Layer.provide(Layer.fresh(SessionStore.layerMemory)))
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* ended()
        yield* settle
        assert.deepStrictEqual(yield* below("sessions"), [])
        yield* say("again")
        yield* ended(2)
        assert.lengthOf(reads, 1)
        yield* settle
        yield* TestClock.adjust("61 seconds")
        yield* say("and again")
        yield* ended(3)
        assert.lengthOf(reads, 2)
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  it.effect("answers a message that arrives just as it lies down", () => {
    const provider = make([])
    return Effect.gen(function* () {
      for (let nth = 1; nth <= 100; nth++) {
        yield* say(`message ${nth}`)
        for (let yields = 0; yields < nth % 40; yields++) yield* Effect.yieldNow
      }
      yield* inTime(Directory.use(({ quiet }) => quiet))
      const [row] = yield* SessionStore.use((store) => store.sessions({ limit: 1 }))
      assert.strictEqual(row?.unfinished, 0)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider] })))
  })
})

describe("a session that is acted on", () => {
  it.effect("goes on after a restart of its child", () => {
    const opened = gate()
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* (yield* World).control("sessions/s").restart
      yield* inTime(ended())
      assert.include(yield* types(), "TurnResumed")
      assert.deepStrictEqual(yield* answers(), ["done"])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("never"))])] })))
  })

  it.effect("goes on after a stop when it is spoken to", () => {
    const opened = gate()
    return Effect.gen(function* () {
      const { turn } = yield* say("hello")
      yield* opened.reached
      yield* (yield* World).control("sessions/s").stop
      yield* opened.left
      assert.strictEqual((yield* say("are you there?")).turn, turn)
      yield* inTime(ended())
      assert.deepStrictEqual(yield* answers(), ["done"])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("never"))])] })))
  })

  it.effect("waits while it is paused, and goes on when it is resumed", () => {
    const opened = gate()
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      const { pause, restart } = (yield* World).control("sessions/s")
      yield* pause
      yield* say("are you there?")
      yield* settle
      assert.notInclude(yield* types(), "TurnResumed")
      yield* restart
      yield* inTime(ended())
      assert.deepStrictEqual(yield* answers(), ["done"])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("never"))])] })))
  })

  it.effect("takes messages while it waits to be restarted, without keeping their senders waiting", () =>
    Effect.gen(function* () {
      const { turn } = yield* say("hello")
      yield* event("ModelCalled")
      yield* settle
      assert.strictEqual((yield* say("are you there?")).turn, turn)
      assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
      assert.lengthOf(
        (yield* types()).filter((type) => type === "TurnResumed"),
        1
      )
      assert.include(yield* types(), "Steered")
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([broken])] })))
  )

  it.effect("is served again when it is stopped while it waits to be restarted", () =>
    Effect.gen(function* () {
      yield* say("hello")
      yield* event("ModelCalled")
      yield* settle
      yield* (yield* World).control("sessions/s").stop
      yield* say("are you there?")
      assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([broken])] })))
  )
})

describe("the end of the tenant", () => {
  it.effect("leaves nothing of its sessions running", () =>
    Effect.gen(function* () {
      const [model, tool] = [gate(), gate()]
      const folder = yield* temporary
      const tools = countingTools({ folder, afterwards: tool.pass })
      const provider = make([behind(model, text("never")), calls({ a: { tool: "pure", text: "x" } })])
      const life = yield* Effect.exit(
        Effect.gen(function* () {
          yield* say("hello")
          yield* model.reached
          yield* say("hello", { session: other })
          yield* tool.reached
        }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], tools })))
      )
      assert.isTrue(Exit.isSuccess(life))
      yield* model.left
      yield* tool.left
    })
  )
})

describe("on disk", () => {
  it.effect("a conversation goes on over a restart of everything", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const store = () => layerSqlite({ filename: `${folder}/sessions.sqlite` })
      const opened = gate()
      const first = make([calls({ a: { tool: "pure", text: "x" } }), behind(opened, text("never"))])
      const tools = countingTools({ folder })
      yield* Effect.andThen(say("hello"), opened.reached).pipe(
        Effect.provide(AgentWorld.layer({ providers: [first], tools, store: store() }))
      )
      const second = make([text("where were we")])
      yield* Effect.gen(function* () {
        yield* ended()
        assert.deepStrictEqual(yield* answers(), ["where were we"])
        yield* say("go on")
        yield* ended(2)
        assert.deepStrictEqual(second.requests[0]?.prompt, first.requests[1]?.prompt)
        assert.deepStrictEqual(
          (yield* log()).map(({ seq }) => seq),
          Array.from({ length: 16 }, (_, index) => index + 1)
        )
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [second], tools, store: store() })))
      assert.lengthOf(runsOf(folder, "pure"), 1)
    })
  )
})
