import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { worker } from "../../src/kernel/ChildSpec.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { childOnPath, NodeSnapshot, pathIn, segment } from "../../src/kernel/Tree.ts"
import { TreeChanges } from "../../src/kernel/TreeChanges.ts"
import { layer, Troupe, turn } from "./Troupe.ts"

const rules = { strategy: "one_for_one", intensity: { restarts: 3, within: "1 minute" } } as const

const host = (path: string) => ({
  path,
  changes: new TreeChanges(),
  attach: () => () => undefined,
  touch: () => undefined
})

describe("Tree", () => {
  it("puts a supervisor below the child it is made in, unless it is called the same", () => {
    assert.strictEqual(pathIn(undefined, "root"), "root")
    assert.strictEqual(pathIn(host("root/agents"), "agents"), "root/agents")
    assert.strictEqual(pathIn(host("root/agents"), "gents"), "root/agents/gents")
  })

  it.prop("keeps any name apart in a path", [Schema.NonEmptyString, Schema.NonEmptyString], ([parent, name]) => {
    const path = `${segment(parent)}/${segment(name)}`
    assert.strictEqual(path.split("/").length, 2)
    assert.strictEqual(childOnPath(segment(parent), path), name)
    assert.isUndefined(childOnPath(`${segment(parent)}x`, path))
  })

  it.effect("shows nested supervisors in place, with the time of their last change", () =>
    Effect.gen(function* () {
      const { child, crash } = yield* Troupe
      const agents = Supervisor.child({ ...rules, name: "agents", children: [child("main")] })
      const workshop = worker({
        id: "workshop",
        run: Effect.andThen(Supervisor.make({ ...rules, name: "tools", children: [child("exec")] }), Effect.never)
      })
      const options = { ...rules, name: "root", strategy: "rest_for_one" } as const
      const root = yield* Supervisor.make({ ...options, children: [agents, workshop] })
      yield* TestClock.adjust("1 second")
      yield* crash("main")
      const since = "1970-01-01T00:00:00.000Z"
      const leaf = { kind: "worker", state: "running", restarts: 0, since, children: [] } as const
      const node = { ...leaf, kind: "supervisor", strategy: "one_for_one" } as const
      const at = "1970-01-01T00:00:01.000Z"
      const lastExit = { reason: "Error: main broke", at }
      const tools = { ...node, path: "root/workshop/tools", children: [{ ...leaf, path: "root/workshop/tools/exec" }] }
      const snapshot = yield* root.snapshot
      assert.deepStrictEqual(snapshot, {
        ...node,
        path: "root",
        strategy: "rest_for_one",
        children: [
          {
            ...node,
            path: "root/agents",
            children: [{ ...leaf, path: "root/agents/main", restarts: 1, since: at, lastExit }]
          },
          {
            ...leaf,
            path: "root/workshop",
            children: [tools]
          }
        ]
      })
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(NodeSnapshot)(snapshot), snapshot)
    }).pipe(Effect.provide(layer))
  )

  it.effect("drops a nested supervisor when its child ends", () =>
    Effect.gen(function* () {
      const run = Effect.andThen(Supervisor.make({ ...rules, name: "tools" }), Effect.never)
      const root = yield* Supervisor.make({ ...rules, name: "root", children: [worker({ id: "a", run })] })
      assert.strictEqual((yield* root.snapshot).children[0]?.children.length, 1)
      yield* root.stopChild("a")
      assert.strictEqual((yield* root.snapshot).children[0]?.children.length, 0)
    })
  )

  it.effect("acts on a node by its path", () =>
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const agents = Supervisor.child({ ...rules, name: "agents", children: [child("a/b"), child("c")] })
      const root = yield* Supervisor.make({ ...rules, name: "root", children: [child("x"), agents] })
      turn(diary)
      yield* root.locate("root/agents/a%2Fb")?.restart ?? Effect.void
      assert.deepStrictEqual(turn(diary), ["-a/b", "+a/b"])
      yield* root.locate("root/agents/c")?.pause ?? Effect.void
      yield* root.locate("root/agents")?.stop ?? Effect.void
      assert.deepStrictEqual(turn(diary), ["-c", "-a/b"])
      const nowhere = ["root", "root/agents/c", "root/x/y", "other/x", "root/nobody"]
      assert.deepStrictEqual(
        nowhere.filter((path) => root.locate(path) !== undefined),
        []
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("does not run children inside the span their supervisor was made in", () =>
    Effect.gen(function* () {
      const parents: Array<unknown> = []
      const run = Effect.map(Effect.serviceOption(Tracer.ParentSpan), (span) => parents.push(span._tag))
      const children = [worker({ id: "a", restart: "temporary", run })]
      yield* Effect.withSpan(Supervisor.make({ ...rules, name: "root", children }), "boot")
      assert.deepStrictEqual(parents, ["None"])
    })
  )
})
