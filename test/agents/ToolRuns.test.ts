import { assert, describe, it } from "@effect/vitest"
import { type Context, Duration, Effect, Fiber, Layer } from "effect"
import { ToolRuns } from "../../src/agents/ToolRuns.ts"
import { CallId } from "../../src/domain/Ids.ts"
import { fromLayer } from "../../src/kernel/ChildSpec.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { type PreparedCall, ToolFailed } from "../../src/tools/Tool.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { below, event, ended, say, World } from "../support/AgentWorld.ts"
import { calls, gate, make } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTools, toolContext } from "../support/Tools.ts"

const call = (run: PreparedCall["run"], query?: PreparedCall["run"]): PreparedCall => ({
  effect: "pure",
  dangerous: false,
  summary: "a test",
  timeout: Duration.minutes(1),
  run,
  ...(query && { query })
})

const runs = (prepared: PreparedCall, how: "run" | "query" = "run", context = toolContext()) =>
  ToolRuns.use((toolRuns) => toolRuns.run(prepared, how, context))

describe("a tool call", () => {
  it.effect("ends with what its tool answers", () =>
    Effect.gen(function* () {
      const ran = yield* runs(call(({ key }) => Effect.succeed(`ran ${key}`)))
      assert.deepStrictEqual(ran, { outcome: "succeeded", output: "ran key-1" })
      const failed = yield* runs(call(() => Effect.fail(new ToolFailed({ message: "no" }))))
      assert.deepStrictEqual(failed, { outcome: "failed", output: "no" })
    }).pipe(Effect.provide(ToolRuns.layer))
  )

  it.effect("may be asked about instead of run", () =>
    Effect.gen(function* () {
      const queried = yield* runs(
        call(
          () => Effect.die("it ran"),
          () => Effect.succeed("it had run")
        ),
        "query"
      )
      assert.deepStrictEqual(queried, { outcome: "succeeded", output: "it had run" })
    }).pipe(Effect.provide(ToolRuns.layer))
  )

  it.effect("that is interrupted is gone when the interruption is", () =>
    Effect.gen(function* () {
      const opened = gate()
      let released = false
      const held = Effect.acquireRelease(Effect.void, () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => (released = true))
        )
      )
      const running = yield* Effect.forkChild(runs(call(() => Effect.andThen(held, Effect.as(opened.pass, "x")))), {
        startImmediately: true
      })
      yield* opened.reached
      yield* Fiber.interrupt(running)
      assert.isTrue(released)
      const again = yield* runs(call(() => Effect.succeed("again")))
      assert.strictEqual(again.output, "again")
    }).pipe(Effect.provide(ToolRuns.layer))
  )

  it.effect("runs beside others of its session", () =>
    Effect.gen(function* () {
      const opened = gate()
      const slow = yield* Effect.forkChild(runs(call(() => Effect.as(opened.pass, "slow"))), { startImmediately: true })
      yield* opened.reached
      const quick = yield* runs(
        call(() => Effect.succeed("quick")),
        "run",
        toolContext({ call: CallId.make("call-2") })
      )
      assert.strictEqual(quick.output, "quick")
      yield* opened.open
      assert.strictEqual((yield* Fiber.join(slow)).output, "slow")
    }).pipe(Effect.provide(ToolRuns.layer))
  )

  it.effect("is a child in the tree while it runs, and an operator may stop it", () =>
    Effect.gen(function* () {
      const opened = gate()
      const tools = countingTools({ folder: yield* temporary, afterwards: opened.pass })
      const provider = make([calls({ a: { tool: "pure", text: "x" } })])
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* opened.reached
        assert.deepStrictEqual(yield* below("tools"), ["s a"])
        yield* (yield* World).control("tools/s a").stop
        const { outcome, output } = yield* event("ToolReturned")
        assert.strictEqual(outcome, "failed")
        assert.match(output, /stopped by an operator/)
        assert.include(yield* ended(), { outcome: "completed" })
        assert.deepStrictEqual(yield* below("tools"), [])
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], tools })))
    })
  )

  it.effect("is not run a second time by an operator who restarts its child", () =>
    Effect.gen(function* () {
      const opened = gate()
      let times = 0
      const held = call(() =>
        Effect.andThen(
          Effect.sync(() => times++),
          Effect.as(opened.pass, "x")
        )
      )
      const tree = { strategy: "one_for_one", intensity: { restarts: 0, within: "1 second" } } as const
      const children = [fromLayer({ id: "tools", layer: ToolRuns.layer, publish: (built) => begin(built) })]
      const begin = (built: Context.Context<ToolRuns>) =>
        Effect.asVoid(Effect.forkScoped(Effect.provideContext(runs(held), built), { startImmediately: true }))
      const root = yield* Supervisor.make({ name: "root", ...tree, children })
      yield* opened.reached
      const [running] = (yield* root.snapshot).children.flatMap(({ children }) => children)
      yield* Effect.ignore(root.locate(running?.path ?? "")?.restart ?? Effect.die("it does not run"))
      assert.strictEqual(times, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("ends when the tools of its tenant do", () =>
    Effect.gen(function* () {
      const opened = gate()
      const body = Effect.gen(function* () {
        yield* Effect.forkChild(runs(call(() => Effect.as(opened.pass, "x"))), { startImmediately: true })
        yield* opened.reached
      })
      const layer = Layer.effectDiscard(body).pipe(Layer.provide(ToolRuns.layer))
      const tree = { strategy: "one_for_one", intensity: { restarts: 0, within: "1 second" } } as const
      yield* Effect.scoped(Supervisor.make({ name: "tenant", ...tree, children: [fromLayer({ id: "tools", layer })] }))
      yield* opened.left
    })
  )
})
