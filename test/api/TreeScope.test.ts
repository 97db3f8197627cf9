import { assert, describe, it } from "@effect/vitest"
import { changeWithin, isWithin, mannerOf, subtree, topOf } from "../../src/api/TreeScope.ts"
import { TenantId } from "../../src/domain/Ids.ts"
import type { NodeSnapshot, TreeChange } from "../../src/kernel/Tree.ts"

const node = (path: string, children: ReadonlyArray<NodeSnapshot> = []): NodeSnapshot => ({
  path,
  kind: "worker",
  state: "running",
  restarts: 0,
  since: "2026-01-01T00:00:00.000Z",
  children
})

const own = node("fiberclaw/tenants/a", [node("fiberclaw/tenants/a/agents", [node("fiberclaw/tenants/a/agents/main")])])
const whole = node("fiberclaw", [
  node("fiberclaw/store"),
  node("fiberclaw/tenants", [node("fiberclaw/tenants/ab"), own])
])
const everywhere = {}
const bound = { tenant: TenantId.make("a") }

describe("TreeScope", () => {
  it("lets the tree begin at the tenant a token is bound to", () => {
    assert.deepStrictEqual([topOf(everywhere), topOf(bound)], ["fiberclaw", "fiberclaw/tenants/a"])
  })

  it("does not take a longer name for a node below", () => {
    assert.isTrue(isWithin("fiberclaw/tenants/a/agents", "fiberclaw/tenants/a"))
    assert.isFalse(isWithin("fiberclaw/tenants/ab", "fiberclaw/tenants/a"))
  })

  it("finds a node with all below it", () => {
    assert.strictEqual(subtree(whole, "fiberclaw"), whole)
    assert.strictEqual(subtree(whole, own.path), own)
    assert.strictEqual(subtree(whole, "fiberclaw/tenants/a/agents/main")?.children.length, 0)
    assert.isUndefined(subtree(whole, "fiberclaw/tenants/abc"))
    assert.isUndefined(subtree(whole, "elsewhere"))
  })

  const gone = (path: string): TreeChange => ({ type: "Gone", path })
  const changed = (path: string): TreeChange => ({ type: "Changed", node: node(path) })
  const told: ReadonlyArray<readonly [string, TreeChange, TreeChange | undefined]> = [
    ["its part of the whole", { type: "Tree", tree: whole }, { type: "Tree", tree: own }],
    [
      "that it is gone from a whole without it",
      { type: "Tree", tree: node("fiberclaw") },
      { type: "Gone", path: "fiberclaw/tenants/a" }
    ],
    ["its own node", changed("fiberclaw/tenants/a"), changed("fiberclaw/tenants/a")],
    ["nothing of a neighbour", changed("fiberclaw/tenants/ab/agents"), undefined],
    ["nothing of what is above", changed("fiberclaw/tenants"), undefined],
    ["what is gone below", gone("fiberclaw/tenants/a/sessions/s"), gone("fiberclaw/tenants/a/sessions/s")],
    ["nothing of a neighbour that is gone", gone("fiberclaw/tenants/ab"), undefined],
    ["that it is gone with what is above", gone("fiberclaw/tenants"), gone("fiberclaw/tenants/a")]
  ]
  it.each(told)("tells a watcher of one tenant %s", (_, change, expected) => {
    assert.deepStrictEqual(changeWithin(change, own.path), expected)
  })

  const judged = [
    [everywhere, "restart", "fiberclaw", "Refuse"],
    [everywhere, "restart", "fiberclaw/api", "Afterwards"],
    [everywhere, "kill", "fiberclaw/store", "Afterwards"],
    [everywhere, "stop", "fiberclaw/api", "Refuse"],
    [everywhere, "pause", "fiberclaw/reaper", "Refuse"],
    [everywhere, "resume", "fiberclaw/tenants", "Now"],
    [everywhere, "stop", "fiberclaw/tenants/a", "Now"],
    [bound, "stop", "fiberclaw/tenants/a", "Refuse"],
    [bound, "stop", "fiberclaw/tenants/a/agents/main", "Now"]
  ] as const
  it.each(judged)("to %o: %s %s is %s", (caller, action, path, expected) => {
    assert.strictEqual(mannerOf(caller, action, path)._tag, expected)
  })
})
