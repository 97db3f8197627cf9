import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../src/agents/Directory.ts"
import { SessionId } from "../../src/domain/Ids.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../support/SqliteStore.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import {
  answers,
  below,
  ended,
  event,
  inTime,
  log,
  logged,
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

describe("a limit of turns that run at once", () => {
  it.effect("makes others wait", () => {
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

  it.effect("does not forget a session that is stopped while it waits for its turn", () => {
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

describe("a session that cannot be served yet", () => {
  const patient = Effect.repeat(Effect.andThen(settle, TestClock.adjust("30 seconds")), { times: 10 })

  it.effect("is not taken for one that hangs while its agent is paused", () =>
    Effect.gen(function* () {
      const { pause, resume } = (yield* World).control("agents/main")
      yield* pause
      yield* say("hello")
      yield* say("are you there?")
      yield* patient
      assert.notInclude(yield* logged, "child hangs")
      yield* resume
      yield* inTime(ended())
    }).pipe(Effect.provide(AgentWorld.layer()))
  )

  it.effect("is not taken for one that hangs while others have all the places", () => {
    const opened = gate()
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* say("hello", { session: other })
      yield* say("are you there?", { session: other })
      yield* patient
      assert.notInclude(yield* logged, "child hangs")
      yield* opened.open
      yield* inTime(ended(1, other))
    }).pipe(
      Effect.provide(
        AgentWorld.layer({ providers: [make([behind(opened, text("x"))])], limits: { concurrentTurns: 1 } })
      )
    )
  })

  it.effect("holds up no orderly stop while its agent is paused", () =>
    Effect.gen(function* () {
      const { quiet } = yield* Directory
      yield* (yield* World).control("agents/main").pause
      yield* say("hello")
      yield* (yield* Drain).begin
      yield* quiet
    }).pipe(Effect.provide(AgentWorld.layer()))
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
    Directory.use(({ quiet }) => quiet).pipe(Effect.provide(AgentWorld.layer()))
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
            if (read[1].limit === 250) reads.push(read[0])
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
      const [row] = yield* SessionStore.use((store) => store.sessions({ order: "id", limit: 1 }))
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
