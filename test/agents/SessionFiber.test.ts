/** A session's life: what is said, what is done about it, and what the log says afterwards. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import type { Act } from "../../src/agents/TurnPlan.ts"
import { SessionId } from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import {
  answers,
  cancel,
  ended,
  event,
  failingStore,
  inTime,
  layer,
  log,
  logged,
  s,
  say,
  settle,
  types,
  World
} from "../support/AgentWorld.ts"
import { behind, broken, calls, failing, gate, make, text, words } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTool, countingTools, runsOf } from "../support/Tools.ts"
import { resumed } from "../support/TurnEvents.ts"

describe("a message", () => {
  it.effect("is answered", () => {
    const provider = make([text("good morning")])
    return Effect.gen(function* () {
      const accepted = yield* say("hello")
      assert.deepInclude(accepted, { session: s, seq: 1, repeated: false })
      assert.deepInclude(yield* ended(), { outcome: "completed", turn: accepted.turn })
      assert.deepStrictEqual(yield* answers(), ["good morning"])
      assert.deepStrictEqual(yield* types(), [
        "MessageAccepted",
        "TurnStarted",
        "ModelCalled",
        "ModelReplied",
        "TurnEnded"
      ])
    }).pipe(Effect.provide(layer({ providers: [provider] })))
  })

  it.effect("reaches the model behind the agent's instructions and all that was said before", () => {
    const provider = make([text("one"), text("two")])
    return Effect.gen(function* () {
      yield* say("first", {
        preceding: [
          { role: "user", text: "long ago" },
          { role: "assistant", text: "yes" }
        ]
      })
      yield* ended(1)
      yield* say("second")
      yield* ended(2)
      const [, request] = provider.requests
      const said = request?.prompt.content.map(({ content, role }) =>
        typeof content === "string"
          ? `${role}: ${content}`
          : `${role}: ${content.map((part) => (part.type === "text" ? part.text : "")).join()}`
      )
      assert.deepStrictEqual(said, [
        "system: Be brief.",
        "user: long ago",
        "assistant: yes",
        "user: first",
        "assistant: one",
        "user: second"
      ])
      assert.deepInclude(request, { model: "model", maxTokens: 4096 })
    }).pipe(Effect.provide(layer({ providers: [provider] })))
  })
})

describe("a message that comes as the session falls silent", () => {
  it.effect("is answered like any other, at whatever moment it comes", () => {
    const busy = Effect.map(failingStore, ({ store }) =>
      Layer.effect(
        SessionStore,
        Effect.map(SessionStore, (whole) =>
          SessionStore.of({
            ...whole,
            append: (session, after, events) =>
              Effect.andThen(Effect.repeat(Effect.yieldNow, { times: 3 }), whole.append(session, after, events))
          })
        )
      ).pipe(Layer.provide(store))
    )
    const moments = Array.from({ length: 40 }, (_, moment) => moment)
    return Effect.gen(function* () {
      const store = yield* busy
      const provider = make(moments.flatMap(() => [text("one"), text("two")]))
      return yield* Effect.gen(function* () {
        for (const moment of moments) {
          const session = SessionId.make(`s-${moment}`)
          yield* say("first", { session })
          yield* Effect.repeat(Effect.yieldNow, { times: moment })
          yield* say("second", { session })
          yield* settle
          const ends = (yield* log(session)).filter(({ type }) => type === "TurnEnded")
          assert.isTrue(
            ends.every((event) => event.type === "TurnEnded" && event.outcome === "completed"),
            `${moment}: ${JSON.stringify(ends)}`
          )
        }
      }).pipe(Effect.provide(layer({ providers: [provider], store })))
    })
  })
})

describe("a message in the middle of a turn", () => {
  const inTheMiddle = (midTurn: string) => {
    const opened = gate()
    const provider = make([behind(opened, text("first answer")), text("second answer")])
    const body = Effect.gen(function* () {
      const first = yield* say("first")
      yield* opened.reached
      const second = yield* say("second")
      return { first, second, provider, opened }
    })
    return { layer: layer({ providers: [provider], agents: { main: { midTurn } } }), body }
  }

  it.effect("joins before the turn ends, under steer", () => {
    const { body, layer } = inTheMiddle("steer")
    return Effect.gen(function* () {
      const { first, opened, provider, second } = yield* body
      assert.strictEqual(second.turn, first.turn)
      yield* opened.open
      yield* ended()
      assert.deepStrictEqual(yield* answers(), ["first answer", "second answer"])
      assert.deepStrictEqual((yield* types()).slice(3), [
        "MessageAccepted",
        "ModelReplied",
        "Steered",
        "ModelCalled",
        "ModelReplied",
        "TurnEnded"
      ])
      assert.lengthOf(provider.requests, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("waits for a turn of its own, under queue", () => {
    const { body, layer } = inTheMiddle("queue")
    return Effect.gen(function* () {
      const { first, opened, second } = yield* body
      assert.notStrictEqual(second.turn, first.turn)
      yield* opened.open
      assert.deepInclude(yield* ended(2), { turn: second.turn, outcome: "completed" })
      assert.deepStrictEqual(yield* answers(), ["first answer", "second answer"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("takes the place of what is being answered, under interrupt", () => {
    const { body, layer } = inTheMiddle("interrupt")
    return Effect.gen(function* () {
      const { first, opened, second } = yield* body
      yield* opened.left
      assert.deepInclude(yield* ended(1), { turn: first.turn, outcome: "cancelled" })
      assert.deepInclude(yield* ended(2), { turn: second.turn, outcome: "completed" })
      assert.deepStrictEqual(yield* answers(), ["second answer"])
    }).pipe(Effect.provide(layer))
  })
})

describe("a cancelled turn", () => {
  it.effect("stops the model at once", () => {
    const opened = gate()
    return Effect.gen(function* () {
      const { turn } = yield* say("hello")
      yield* opened.reached
      assert.deepStrictEqual(yield* cancel, Option.some(turn))
      yield* opened.left
      assert.deepInclude(yield* ended(), { turn, outcome: "cancelled" })
      assert.deepStrictEqual((yield* types()).slice(-2), ["CancelRequested", "TurnEnded"])
      assert.deepStrictEqual(yield* cancel, Option.none())
    }).pipe(Effect.provide(layer({ providers: [make([behind(opened, text("never"))])] })))
  })

  for (const [effect, outcome] of [
    ["pure", "cancelled"],
    ["unsafe", "unknown"]
  ] as const) {
    it.effect(`stops its ${effect} tool, whose call ends as ${outcome}`, () =>
      Effect.gen(function* () {
        const opened = gate()
        const tools = countingTools({ folder: yield* temporary, afterwards: opened.pass })
        const provider = make([calls({ a: { tool: effect, text: "x" } })])
        yield* Effect.gen(function* () {
          yield* say("hello")
          yield* opened.reached
          yield* cancel
          yield* opened.left
          assert.deepInclude(yield* ended(), { outcome: "cancelled" })
          assert.strictEqual((yield* event("ToolReturned")).outcome, outcome)
        }).pipe(
          Effect.provide(
            layer({ providers: [provider], tools, agents: { main: { approvals: { dangerous: "allow" } } } })
          )
        )
      })
    )
  }

  it.effect("stops its tools even when it was cancelled while the store was away", () =>
    Effect.gen(function* () {
      const [quick, slow, next] = [gate(), gate(), gate()]
      const { broken: store, store: layerOfStore } = yield* failingStore
      const folder = yield* temporary
      const tools = [
        countingTool("pure", { folder, afterwards: quick.pass }),
        countingTool("idempotent", { folder, afterwards: slow.pass })
      ]
      const both = calls({ a: { tool: "pure", text: "x" }, b: { tool: "idempotent", text: "y" } })
      const providers = [make([both, behind(next, text("next"))])]
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* say("and then")
        yield* Effect.andThen(quick.reached, slow.reached)
        store.appends = 1
        yield* quick.open
        yield* settle
        assert.include(yield* logged, "append waits for the store")
        yield* cancel
        yield* inTime(next.reached)
        yield* slow.left
        assert.deepInclude(yield* ended(), { outcome: "cancelled" })
        assert.strictEqual((yield* event("ToolReturned", ({ call }) => call === "b")).outcome, "cancelled")
      }).pipe(Effect.provide(layer({ providers, tools, store: layerOfStore, agents: { main: { midTurn: "queue" } } })))
    })
  )

  it.effect("is followed by the next one", () => {
    const opened = gate()
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* cancel
      yield* ended()
      yield* say("again")
      assert.deepInclude(yield* ended(2), { outcome: "completed" })
      assert.deepStrictEqual(yield* answers(), ["done"])
    }).pipe(Effect.provide(layer({ providers: [make([behind(opened, text("never"))])] })))
  })
})

describe("tools", () => {
  it.effect("run, several at once, and the model reads what they answered", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const provider = make([
        calls({
          a: { tool: "pure", text: "x" },
          b: { tool: "idempotent", text: "y" },
          c: { tool: "nothing", text: "" }
        }),
        text("all done")
      ])
      yield* Effect.gen(function* () {
        const { turn } = yield* say("hello")
        yield* ended()
        assert.deepStrictEqual(runsOf(folder, "pure"), [`s/${turn}/1/a x`])
        assert.deepStrictEqual(runsOf(folder, "idempotent"), [`s/${turn}/1/b y`])
        assert.deepStrictEqual(yield* answers(), ["all done"])
        const results = provider.requests[1]?.prompt.content.at(-1)?.content as ReadonlyArray<{ result: string }>
        assert.deepStrictEqual(
          results.slice(0, 2).map(({ result }) => result),
          ["pure got x", "idempotent got y"]
        )
        assert.match(results[2]?.result ?? "", /^There is no tool named "nothing"\. You have: pure, /)
      }).pipe(Effect.provide(layer({ providers: [provider], tools: countingTools({ folder }) })))
    })
  )

  it.effect("that break are results like any other", () =>
    Effect.gen(function* () {
      const afterwards = Effect.die(new Error("a mistake in the tool"))
      const tools = countingTools({ folder: yield* temporary, afterwards })
      const provider = make([calls({ a: { tool: "pure", text: "x" } }), text("oh")])
      yield* Effect.gen(function* () {
        yield* say("hello")
        assert.deepInclude(yield* ended(), { outcome: "completed" })
        assert.deepInclude(yield* event("ToolReturned"), { outcome: "failed" })
        assert.notInclude(yield* types(), "TurnResumed")
      }).pipe(Effect.provide(layer({ providers: [provider], tools })))
    })
  )
})

describe("a provider", () => {
  it.effect("that fails ends the turn with its reason, and the next turn goes well", () =>
    Effect.gen(function* () {
      yield* say("hello")
      const { failure, outcome } = yield* ended()
      assert.strictEqual(outcome, "failed")
      assert.deepStrictEqual(failure, { type: "overloaded", message: "fake: told to fail with overloaded" })
      yield* say("again")
      assert.deepInclude(yield* ended(2), { outcome: "completed" })
    }).pipe(Effect.provide(layer({ providers: [make([failing("overloaded")])] })))
  )

  it.effect("whose replies end again and again before they are finished fails the turn", () =>
    Effect.gen(function* () {
      yield* say("hello")
      assert.strictEqual((yield* ended()).failure?.type, "stream_cut")
      assert.deepStrictEqual(yield* answers(), [])
    }).pipe(Effect.provide(layer({ providers: [make(Array.from({ length: 3 }, () => words("half a")))] })))
  )

  it.effect("that breaks once costs one restart, and the turn goes on", () =>
    Effect.gen(function* () {
      yield* say("hello")
      assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
      assert.deepStrictEqual(yield* types(), [
        "MessageAccepted",
        "TurnStarted",
        "ModelCalled",
        "TurnResumed",
        "ModelCalled",
        "ModelReplied",
        "TurnEnded"
      ])
      assert.deepStrictEqual(
        (yield* log()).flatMap((entry) => (entry.type === "ModelCalled" ? [entry.step] : [])),
        [1, 1]
      )
    }).pipe(Effect.provide(layer({ providers: [make([broken, text("better")])] })))
  )

  it.effect("that always breaks ends the turn, and the session lives on", () => {
    const provider = make(Array.from({ length: 6 }, () => broken))
    return Effect.gen(function* () {
      yield* say("hello")
      const { failure } = yield* inTime(ended())
      assert.strictEqual(failure?.type, "interrupted_repeatedly")
      assert.lengthOf(provider.requests, 6)
      yield* say("again")
      assert.deepInclude(yield* inTime(ended(2)), { outcome: "completed" })
    }).pipe(Effect.provide(layer({ providers: [provider] })))
  })
})

describe("two sessions", () => {
  const other = SessionId.make("other")

  it.effect("do not wait for each other", () => {
    const opened = gate()
    const provider = make([behind(opened, text("slow")), text("quick")])
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* say("hello", { session: other })
      yield* ended(1, other)
      assert.deepStrictEqual(yield* answers(other), ["quick"])
      const waiting = yield* Effect.forkChild(ended(), { startImmediately: true })
      yield* opened.open
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* answers(), ["slow"])
    }).pipe(Effect.provide(layer({ providers: [provider] })))
  })
})

describe("a turn that nobody works at any more", () => {
  it.effect("is resumed, and given up when that does not help", () => {
    const perform = (_: unknown, __: unknown, act: Act) =>
      Effect.succeed(resumed(act._tag === "CallModel" ? act.turn : "nobody"))
    return Effect.gen(function* () {
      yield* say("hello")
      const { failure } = yield* inTime(ended())
      assert.strictEqual(failure?.type, "interrupted_repeatedly")
      assert.lengthOf(
        (yield* types()).filter((type) => type === "ModelCalled"),
        6
      )
    }).pipe(Effect.provide(layer({ runner: { perform } })))
  })
})

describe("a session with a model of its own", () => {
  const configured = (model: string | null) =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      const { seq } = yield* Effect.flatMap(store.session(s), Effect.fromOption)
      yield* store.append(s, seq, [{ type: "SessionConfigured", model }])
    })
  const models = Effect.map(log(), (events) =>
    events.flatMap((entry) => (entry.type === "ModelCalled" || entry.type === "TurnStarted" ? [entry.model] : []))
  )

  it.effect("is answered by it from the next turn on, or by the agent's own when nobody has it", () => {
    const [own, other] = [make([]), make([], "other")]
    return Effect.gen(function* () {
      yield* say("one")
      yield* ended(1)
      yield* configured("other/large/new")
      yield* say("two")
      yield* ended(2)
      assert.strictEqual(other.requests.at(-1)?.model, "large/new")
      yield* configured("gone/large")
      yield* say("three")
      yield* ended(3)
      yield* configured(null)
      yield* say("four")
      yield* ended(4)
      assert.lengthOf(own.requests, 3)
      assert.deepStrictEqual(
        yield* models,
        ["fake/model", "other/large/new", "fake/model", "fake/model"].flatMap((model) => [model, model])
      )
    }).pipe(Effect.provide(layer({ providers: [own, other] })))
  })

  it.effect("keeps it for a turn that began with it, though it was configured anew", () => {
    const opened = gate()
    const [own, other] = [make([behind(opened, text("never")), text("own")]), make([], "other")]
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* configured("other/model")
      yield* World.use((world) => inTime(world.control("agents/main").restart))
      yield* inTime(ended())
      assert.deepStrictEqual(yield* answers(), ["own"])
      assert.deepStrictEqual(other.requests, [])
    }).pipe(Effect.provide(layer({ providers: [own, other] })))
  })
})
