import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { type NodeSnapshot, TreeChange, type TreeNode } from "../../src/kernel/Tree.ts"
import { TreeChanges } from "../../src/kernel/TreeChanges.ts"
import { layer, settle, Troupe } from "./Troupe.ts"

const rules = { strategy: "one_for_one", intensity: { restarts: 2, within: "1 minute" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

type Nodes = Map<string, TreeNode>

/** A tree as its nodes, without what is not a change: how many messages wait just now. */
const flat = ({ children, omitted: _, ...node }: NodeSnapshot, nodes: Nodes = new Map()): Nodes => {
  note(nodes, node)
  for (const child of children) flat(child, nodes)
  return nodes
}

const note = (nodes: Nodes, { mailbox: _, ...node }: TreeNode) => nodes.set(node.path, node)

/** What a watcher makes of one change. */
const apply = (nodes: Nodes, change: TreeChange): Nodes => {
  if (change.type === "Tree") return flat(change.tree)
  if (change.type === "Changed") return note(nodes, change.node)
  for (const path of nodes.keys()) if (path === change.path || path.startsWith(`${change.path}/`)) nodes.delete(path)
  return nodes
}

/** Watches a supervisor in a fiber of its own, as quickly as `pause` lets it. */
const watching = Effect.fnUntraced(function* (supervisor: Supervisor.Supervisor, pause: Effect.Effect<void>) {
  const seen: { nodes: Nodes; readonly changes: Array<TreeChange> } = { nodes: new Map(), changes: [] }
  const look = (change: TreeChange) => {
    seen.changes.push(change)
    seen.nodes = apply(seen.nodes, change)
    return pause
  }
  yield* Effect.forkScoped(Stream.runForEach(supervisor.changes, look), { startImmediately: true })
  return seen
})

/** A tree two levels deep, of both kinds. */
const staged = Effect.gen(function* () {
  const { cast } = yield* Troupe
  const inner = Supervisor.child({
    ...rules,
    name: "inner",
    children: [cast("actor", "x"), cast("resident", "y")]
  })
  return yield* Supervisor.make({
    ...rules,
    name: "root",
    children: [cast("resident", "a"), cast("actor", "b"), inner]
  })
})

describe("TreeChanges", () => {
  test(
    "begin with the whole tree, then tell each node that changed and each that is gone",
    Effect.gen(function* () {
      const { child, crash } = yield* Troupe
      const supervisor = yield* staged
      const seen = yield* watching(supervisor, Effect.void)
      yield* crash("a")
      yield* supervisor.startChild(child("later"))
      yield* settle
      yield* supervisor.stopChild("later")
      yield* settle
      const told = seen.changes.map((change) => {
        if (change.type === "Tree") return change.tree.path
        return change.type === "Gone" ? `no ${change.path}` : `${change.node.path} ${change.node.state}`
      })
      assert.deepStrictEqual(
        [told[0], told.includes("root/later running"), told.at(-1)],
        ["root", true, "no root/later"]
      )
      assert.isTrue(seen.changes.some((change) => change.type === "Changed" && change.node.restarts === 1))
      for (const change of seen.changes) {
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(TreeChange)(change), change)
      }
    })
  )

  test(
    "tell a slow watcher how each node is by then, and not every step",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const supervisor = yield* staged
      const seen = yield* watching(supervisor, Effect.sleep("1 second"))
      for (const id of ["a", "b", "x", "y"]) yield* crash(id)
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(seen.changes.length, 8)
      assert.deepStrictEqual(seen.nodes, flat(yield* supervisor.snapshot))
    })
  )

  test(
    "forget a watcher who leaves, and go on for the others",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const supervisor = yield* staged
      const first = yield* Stream.runHead(supervisor.changes)
      assert.strictEqual(first._tag, "Some")
      const seen = yield* watching(supervisor, Effect.void)
      yield* crash("a")
      assert.isAbove(seen.changes.length, 1)
    })
  )

  it.effect("tell nothing of what is below a node that is gone, and of a node that is there again only how it is", () =>
    Effect.gen(function* () {
      const since = "1970-01-01T00:00:00.000Z"
      const node = (path: string) => ({
        path,
        node: () => ({ path, kind: "worker", state: "running", restarts: 0, since }) as const
      })
      const changes = new TreeChanges()
      const told: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const stream = changes.stream(() => ({ ...node("root").node(), children: [] }))
      const tell = (change: TreeChange) =>
        Effect.suspend(() => {
          if (change.type === "Changed") told.push(`+${change.node.path}`)
          if (change.type === "Gone") told.push(`-${change.path}`)
          return Deferred.await(gate)
        })
      yield* Effect.forkScoped(Stream.runForEach(stream, tell), { startImmediately: true })
      for (const path of ["root/a/x/y", "root/ab", "root/b"]) changes.touch(node(path))
      changes.remove(node("root/a"))
      changes.remove(node("root/c"))
      changes.touch(node("root/c"))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(told, ["-root/a", "+root/ab", "+root/b", "+root/c"])
    })
  )

  it.effect("show the whole tree anew to a watcher who has missed too much, and keep no more for it", () =>
    Effect.gen(function* () {
      const since = "1970-01-01T00:00:00.000Z"
      const node = (path: string) => ({
        path,
        node: () => ({ path, kind: "worker", state: "running", restarts: 0, since }) as const
      })
      const changes = new TreeChanges()
      const told: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const tell = (change: TreeChange) => {
        told.push(change.type === "Gone" ? `-${change.path}` : change.type)
        return Deferred.await(gate)
      }
      const stream = changes.stream(() => ({ ...node("root").node(), children: [] }))
      yield* Effect.forkScoped(Stream.runForEach(stream, tell), { startImmediately: true })
      for (let nth = 0; nth < 5000; nth++) changes.remove(node(`root/${nth}`))
      for (let nth = 0; nth < 5000; nth++) changes.touch(node(`root/${nth}`))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      changes.remove(node("root/1"))
      yield* settle
      assert.deepStrictEqual(told, ["Tree", "Tree", "-root/1"])
    })
  )

  test(
    "see everything stop when the root's Scope closes, and what was made inside go",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const supervisor = yield* Scope.provide(staged, scope)
      const seen = yield* watching(supervisor, Effect.void)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.deepStrictEqual(
        Array.from(seen.nodes.values(), ({ path, state }) => [path, state]),
        ["root", "root/a", "root/b", "root/inner"].map((path) => [path, "stopped"])
      )
    })
  )

  test(
    "say no more of a child that is gone when what was left behind of it ends",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const supervisor = yield* Supervisor.make({ ...rules, name: "root" })
      const children = [child("x", { release: () => Deferred.await(gate), shutdown: "infinity" })]
      yield* supervisor.startChild(Supervisor.child({ ...rules, name: "inner", shutdown: "brutal", children }))
      const seen = yield* watching(supervisor, Effect.void)
      yield* supervisor.stopChild("inner")
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual([...seen.nodes.keys()], ["root"])
    })
  )

  const Action = Schema.Struct({
    act: Schema.Literals(["crash", "stop", "pause", "resume", "restart", "kill", "delete", "add", "look"]),
    id: Schema.Literals(["a", "b", "inner", "x", "y", "later"]),
    kind: Schema.Literals(["resident", "actor"])
  })

  it.effect.prop(
    "lead from the first snapshot to the real one, whatever happens and however seldom one looks",
    [Schema.Array(Action), Schema.Boolean],
    ([actions, isSlow]) =>
      Effect.gen(function* () {
        const { cast, crash } = yield* Troupe
        const supervisor = yield* staged
        const seen = yield* watching(supervisor, isSlow ? Effect.sleep("1 hour") : Effect.void)
        for (const { act, id, kind } of actions) {
          const control = supervisor.locate(`root/${id}`) ?? supervisor.locate(`root/inner/${id}`)
          if (act === "crash") yield* crash(id)
          else if (act === "add") yield* Effect.ignore(supervisor.startChild(cast(kind, id)))
          else if (act === "delete") yield* Effect.ignore(supervisor.deleteChild(id))
          else if (act === "look") yield* TestClock.adjust("1 hour")
          else yield* Effect.ignore(control?.[act] ?? Effect.void)
          yield* settle
        }
        yield* Effect.repeat(TestClock.adjust("1 hour"), { times: 60 })
        const tree = yield* supervisor.snapshot
        assert.deepStrictEqual(byPath(seen.nodes), byPath(flat(tree)))
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 200 } }
  )
})

const byPath = (nodes: Nodes) => [...nodes.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1))
