import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schema } from "effect"
import { Agents } from "../../src/agents/Agents.ts"
import { AgentId } from "../../src/domain/Ids.ts"
import { make as makeTool } from "../../src/tools/Tool.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { answers, ended, inTime, say, settle, types, World } from "../support/AgentWorld.ts"
import { behind, calls, gate, make, text } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTools } from "../support/Tools.ts"

const main = AgentId.make("main")
const serving = Agents.use((agents) => agents.serving(main))
const status = Agents.use(({ all }) => Effect.map(all, (agents) => agents.find(({ id }) => id === main)))
const restart = World.use((world) => inTime(world.control("agents/main").restart))

describe("agents", () => {
  it.effect("are listed with what they do", () => {
    const opened = gate()
    return Effect.gen(function* () {
      const agents = yield* Agents
      assert.deepStrictEqual(
        (yield* agents.all).map(({ id, status }) => [id, status]),
        [
          ["main", "idle"],
          ["second", "idle"]
        ]
      )
      yield* say("hello")
      yield* opened.reached
      assert.deepInclude(yield* status, { status: "running", running: 1, restarts: 0, generation: 1 })
      yield* opened.open
      yield* ended()
      yield* settle
      assert.deepInclude(yield* status, { status: "idle", running: 0 })
    }).pipe(
      Effect.provide(
        AgentWorld.layer({ providers: [make([behind(opened, text("x"))])], agents: { main: {}, second: {} } })
      )
    )
  })

  it.effect("are found by name, and nobody else is", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      assert.strictEqual(agents.definition(main)?.instructions, "Be brief.")
      assert.isUndefined(agents.definition(AgentId.make("nobody")))
      assert.strictEqual((yield* serving).id, main)
      const error = yield* Effect.flip(agents.serving(AgentId.make("nobody")))
      assert.strictEqual(error.message, "there is no agent nobody")
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )
})

describe("an incarnation of an agent", () => {
  it.effect("knows who answers for a model, whatever the model's name is like", () =>
    Effect.gen(function* () {
      const agent = yield* serving
      assert.deepInclude(agent.resolve("other/large/new"), { model: "large/new" })
      assert.strictEqual(agent.resolve("other/x")?.provider.name, "other")
      for (const name of ["gone/x", "other", "/x", ""]) assert.isUndefined(agent.resolve(name))
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([]), make([], "other")] })))
  )

  it.effect("that stops takes its work along and says so", () =>
    Effect.gen(function* () {
      const [begun, stopped] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const agent = yield* serving
      const work = Effect.andThen(
        Deferred.succeed(begun, undefined),
        Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      )
      const running = yield* agent.start(work)
      yield* Deferred.await(begun)
      yield* restart
      yield* Deferred.await(stopped)
      assert(Exit.hasInterrupts(yield* Fiber.await(running)))
      const error = yield* Effect.flip(agent.start(Effect.void))
      assert.strictEqual(error._tag, "AgentStopped")
      assert.strictEqual(String(error.message), "agent main stopped")
      assert.strictEqual(yield* Fiber.join(yield* (yield* serving).start(Effect.succeed("well"))), "well")
      assert.deepInclude(yield* status, { status: "idle", restarts: 1, running: 0 })
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )

  it.effect("passes on what its work answers and how it fails", () =>
    Effect.gen(function* () {
      const agent = yield* serving
      const result = (work: Effect.Effect<number, string>) => Effect.flatMap(agent.start(work), Fiber.join)
      assert.strictEqual(yield* result(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(result(Effect.fail("no"))), "no")
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )

  it.effect("stops its work when whoever wanted it goes away", () =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      const agent = yield* serving
      const work = Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      const running = yield* agent.start(work)
      assert.deepInclude(yield* status, { running: 1 })
      yield* Fiber.interrupt(running)
      yield* Deferred.await(stopped)
      assert.deepInclude(yield* status, { running: 0 })
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )

  it.effect("is waited for while it restarts", () =>
    Effect.gen(function* () {
      const { pause, restart } = (yield* World).control("agents/main")
      yield* pause
      assert.deepInclude(yield* status, { status: "restarting" })
      const waiting = yield* Effect.forkChild(serving, { startImmediately: true })
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      yield* restart
      assert.strictEqual((yield* Fiber.join(waiting)).id, main)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )

  it.effect("that dies while the model is asked costs the turn one resumption", () => {
    const opened = gate()
    return Effect.gen(function* () {
      yield* say("hello")
      yield* opened.reached
      yield* restart
      assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
      assert.lengthOf(
        (yield* types()).filter((type) => type === "TurnResumed"),
        1
      )
      assert.deepStrictEqual(yield* answers(), ["done"])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("never"))])] })))
  })

  it.effect("that dies while three tools run costs the turn one resumption as well", () =>
    Effect.gen(function* () {
      const opened = gate()
      const folder = yield* temporary
      const tool = { tool: "pure", text: "x" }
      const provider = make([calls({ a: tool, b: tool, c: tool })])
      const tools = countingTools({ folder, afterwards: opened.pass })
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* opened.reached
        yield* settle
        yield* restart
        yield* opened.open
        assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
        assert.lengthOf(
          (yield* types()).filter((type) => type === "TurnResumed"),
          1
        )
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], tools })))
    })
  )
})

describe("an agent whose provider is not there", () => {
  it.effect("does not serve, while others do", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      yield* settle
      assert.deepInclude(yield* status, { status: "restarting", restarts: 0 })
      assert.strictEqual((yield* agents.serving(AgentId.make("second"))).id, "second")
    }).pipe(
      Effect.provide(
        AgentWorld.layer({ providers: [make([])], agents: { main: { model: "other/model" }, second: {} } })
      )
    )
  )
})

describe("the policy of an agent", () => {
  const judged = (approvals: object, tool: string, input: unknown) =>
    Effect.gen(function* () {
      const tools = [...countingTools({ folder: yield* temporary }), brokenTool]
      const agents = { main: { approvals, tools: ["pure", "unsafe", "broken"] } }
      return yield* Effect.map(serving, ({ policyFor }) => policyFor("fake/model").judge(tool, input)).pipe(
        Effect.provide(AgentWorld.layer({ providers: [make([])], tools, agents }))
      )
    })

  const brokenTool = makeTool({
    name: "broken",
    description: "Breaks when it is asked",
    parameters: Schema.Struct({}),
    prepare: () => {
      throw new Error("a mistake in the tool")
    }
  })

  for (const [name, approvals, tool, input, expected] of [
    ["runs what is harmless", {}, "pure", { text: "x" }, { _tag: "Run", effect: "pure" }],
    [
      "asks about what is dangerous",
      {},
      "unsafe",
      { text: "x" },
      { _tag: "Ask", effect: "unsafe", summary: "unsafe: x" }
    ],
    ["may allow what is dangerous", { dangerous: "allow" }, "unsafe", { text: "x" }, { _tag: "Run", effect: "unsafe" }],
    [
      "may refuse what is dangerous",
      { dangerous: "deny" },
      "unsafe",
      { text: "x" },
      { _tag: "Refuse", reason: "This agent is not allowed to do that." }
    ],
    [
      "refuses tools that the agent does not have, although they exist",
      {},
      "idempotent",
      { text: "x" },
      { _tag: "Refuse", reason: 'There is no tool named "idempotent". You have: pure, unsafe, broken.' }
    ]
  ] as const) {
    it.effect(name, () =>
      Effect.map(judged(approvals, tool, input), (found) => assert.deepStrictEqual(found, expected))
    )
  }

  it.effect("refuses input that the tool does not take, and says why", () =>
    Effect.map(judged({}, "pure", { text: 1 }), (found) =>
      assert.match(found._tag === "Refuse" ? found.reason : "", /^Invalid input for pure: /)
    )
  )

  it.effect("refuses a tool that breaks when it is asked", () =>
    Effect.map(judged({}, "broken", {}), (found) =>
      assert.match(found._tag === "Refuse" ? found.reason : "", /^The tool itself broke before it ran/)
    )
  )
})
