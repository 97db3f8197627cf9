import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  ageText,
  changeLine,
  coloured,
  colourless,
  draw,
  type Drawing,
  type Status
} from "../../src/cli/StatusDrawing.ts"
import { applied, none, treeOf } from "../../src/cli/StatusTree.ts"
import { version } from "../../src/domain/Version.ts"
import type { NodeSnapshot, TreeChange } from "../../src/kernel/Tree.ts"
import { run, start } from "../support/Command.ts"
import { at, RunningApp } from "../support/RunningApp.ts"

const noon = Date.parse("2026-01-01T12:00:00.000Z")
const since = "2026-01-01T11:59:48.000Z"

const node = (path: string, more: Partial<NodeSnapshot> = {}): NodeSnapshot => ({
  path,
  kind: "worker",
  state: "running",
  restarts: 0,
  since,
  children: [],
  ...more
})

const statusOf = (tree: NodeSnapshot, more: Partial<Status> = {}): Status => ({
  version: "1.2.3",
  uptimeSeconds: 3700,
  ready: true,
  reasons: [],
  tenants: [{ id: "a", state: "running", use: { agents: 1, sessions: 20, activeSessions: 3 } }],
  tree,
  ...more
})

const plain: Drawing = { now: noon, paint: colourless }

const failing = node("top/b/agent", {
  state: "backing off",
  restarts: 3,
  mailbox: 2,
  lastExit: { reason: "Error: \u001b[2Jgone", at: "2026-01-01T11:59:58.000Z" }
})

describe("drawing a status", () => {
  it("shows what needs attention, tenants and the tree", () => {
    const tree = node("top", {
      strategy: "rest_for_one",
      children: [node("top/a%2Fb"), node("top/b", { children: [failing, node("top/b/other")] }), node("top/c")]
    })
    assert.deepStrictEqual(draw(statusOf(tree), plain), [
      "fiberclaw 1.2.3: ready, up 1h 1m",
      "",
      "needs attention",
      "             state        age  restarts  mailbox  last exit",
      "top/b/agent  backing off  12s  3         2        Error: ·[2Jgone (2s ago)",
      "",
      "tenant  state    agents  sessions  active",
      "a       running  1       20        3",
      "",
      "                    state        age  restarts  mailbox  last exit",
      "top (rest_for_one)  running      12s",
      "├─ a/b              running      12s",
      "├─ b                running      12s",
      "│  ├─ agent         backing off  12s  3         2        Error: ·[2Jgone (2s ago)",
      "│  └─ other         running      12s",
      "└─ c                running      12s"
    ])
  })

  it("shows which models are left alone and how many calls wait for room, if there are any", () => {
    const waiting = [1, 2].map((second) => ({
      session: "s",
      since: `2026-01-01T11:59:3${second}.000Z`,
      until: "2026-01-01T12:05:00.000Z",
      reason: "requests" as const
    }))
    const until = "2026-01-01T12:00:08.000Z"
    const providers: NonNullable<Status["tenants"][number]["providers"]> = [
      { name: "quiet", health: [{ key: "key 1", model: "m", state: "closed" }], paused: [], waiting: [] },
      {
        name: "claude",
        health: [
          { key: "key 1", model: "m", state: "open", until, reason: "overloaded" },
          { key: "key 2", model: "m", state: "half-open", reason: "connection" }
        ],
        paused: [{ key: "key 3", until }],
        waiting
      }
    ]
    const lines = draw(statusOf(node("top"), { tenants: [{ id: "a", state: "running", providers }] }), plain)
    assert.deepStrictEqual(lines.slice(4, 9), [
      "",
      "a/claude: key 3 is at its limit for another 8s",
      "a/claude: m failed with key 1 (overloaded), left alone for 8s",
      "a/claude: m failed with key 2 (connection), tried with the next call",
      "a/claude: 2 calls wait for room (requests), the longest for 29s, at most 5m more"
    ])
  })

  it("says why the service is not ready, and that a tenant is down", () => {
    const reasons = ["tenant a is parked"]
    const lines = draw(statusOf(node("top"), { ready: false, reasons, tenants: [{ id: "a", state: "parked" }] }), plain)
    assert.deepStrictEqual(lines.slice(0, 5), [
      "fiberclaw 1.2.3: not ready, up 1h 1m",
      "  tenant a is parked",
      "",
      "tenant  state   agents  sessions  active",
      "a       parked  -       -         -"
    ])
  })

  it("folds many quiet children and never one that needs attention", () => {
    const quiet = Array.from({ length: 1000 }, (_, index) => node(`top/${index}`))
    const parked = node("top/last", { children: [node("top/last/child", { state: "parked" })] })
    const lines = draw(statusOf(node("top", { children: [...quiet, parked], omitted: 7 })), plain)
    assert.include(lines, "top/last/child  parked  12s")
    assert.deepStrictEqual(
      lines.slice(-4).map((line) => line.replace(/ {2}.*/, "")),
      ["├─ 19", "├─ last", "│", "└─ … and 980 more running, 7 more not listed"]
    )
    assert.isTrue(lines.some((line) => /^│ {2}└─ child +parked/.test(line)))
  })

  it("lists the worst first, and no stop as the reason of a stop", () => {
    const lastExit = { reason: "stopped", at: since }
    const children = [
      node("top/a", { state: "paused", lastExit }),
      node("top/b", { state: "stopped", lastExit }),
      node("top/c", { state: "parked" })
    ]
    const lines = draw(statusOf(node("top", { children })), plain)
    assert.deepStrictEqual(lines.slice(4, 7), ["top/c  parked   12s", "top/b  stopped  12s", "top/a  paused   12s"])
  })

  it("cuts lines to the width there is, and colours only what says how a node is", () => {
    const tree = node("top", { children: [failing] })
    assert.isTrue(draw(statusOf(tree), { ...plain, width: 40 }).every((line) => line.length <= 40))
    const painted = draw(statusOf(tree), { ...plain, paint: coloured }).join("\n")
    assert.include(painted, "\u001b[31mbacking off\u001b[0m  12s")
    assert.strictEqual(painted.replaceAll(/\p{Cc}\[\d+m/gu, ""), draw(statusOf(tree), plain).join("\n"))
  })

  const ages: ReadonlyArray<readonly [number, string]> = [
    [-5, "0s"],
    [999, "0s"],
    [12_000, "12s"],
    [200_000, "3m 20s"],
    [180_000, "3m"],
    [18_120_000, "5h 2m"],
    [3_567_600_000, "41d 7h"]
  ]
  it.each(ages)("says %i ms as %s", (millis, text) => {
    assert.strictEqual(ageText(millis), text)
  })

  it("says a change in one line", () => {
    assert.strictEqual(changeLine(failing), `${since} top/b/agent backing off (restarts 3, last exit Error: ·[2Jgone)`)
    assert.strictEqual(changeLine(node("top")), `${since} top running`)
  })
})

describe("following a tree", () => {
  const tree = node("top", { children: [node("top/a", { children: [node("top/a/x")], omitted: 4 }), node("top/ab")] })
  const treeAfter = (...changes: ReadonlyArray<TreeChange>) => treeOf(changes.reduce(applied, none))
  const whole: TreeChange = { type: "Tree", tree }
  const { children: _, ...x } = node("top/a/x", { state: "paused" })

  it("keeps the whole as it was told", () => {
    assert.isUndefined(treeOf(none))
    assert.deepStrictEqual(treeAfter(whole), tree)
  })

  it("changes and adds nodes in their place, whoever comes first", () => {
    assert.strictEqual(
      at(treeAfter(whole, { type: "Changed", node: x }), "children", 0, "children", 0, "state"),
      "paused"
    )
    const early = treeAfter({ type: "Changed", node: x }, { type: "Changed", node: { ...x, path: "top" } })
    assert.strictEqual(early?.path, "top")
    const { children: __, ...added } = node("top/ab/new")
    assert.strictEqual(
      at(treeAfter(whole, { type: "Changed", node: added }), "children", 1, "children", 0, "path"),
      "top/ab/new"
    )
  })

  it("forgets what is gone with all below it", () => {
    assert.deepStrictEqual(
      treeAfter(whole, { type: "Gone", path: "top/a" }),
      node("top", { children: [node("top/ab")] })
    )
  })
})

const command = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const { admin, url } = yield* RunningApp
  return yield* run([...args, "--url", url, "--token", admin])
})

const main = "fiberclaw/tenants/default/agents/main"

layer(RunningApp.layer, { excludeTestServices: true })("fiberclaw status", (it) => {
  it.effect("draws a service that is ready, without colours on a pipe", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* command("status")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, new RegExp(`^fiberclaw ${version}: ready, up \\d+s\n\ntenant `))
      assert.match(stdout, /^default +running +2 +0 +0$/m)
      assert.match(stdout, /^│ {2}│ {2}│ {2}├─ main +running +\d+s$/m)
      assert.notInclude(stdout, "\u001b")
    })
  )

  it.effect("prints one JSON document, also for a token of one tenant", () =>
    Effect.gen(function* () {
      const { token, url } = yield* RunningApp
      const { stdout } = yield* command("status", "--json")
      const status = JSON.parse(stdout)
      assert.deepInclude(status, { version, ready: true, reasons: [] })
      assert.strictEqual(at(status, "tree", "path"), "fiberclaw")
      assert.deepStrictEqual(at(status, "tenants", 1), {
        id: "other",
        state: "running",
        use: { agents: 1, sessions: 0, activeSessions: 0 },
        providers: [{ name: "demo", health: [], paused: [], waiting: [] }]
      })
      const viewer = yield* token("viewer", "other")
      const own = JSON.parse((yield* run(["status", "--json", "--url", url, "--token", viewer])).stdout)
      assert.deepStrictEqual([at(own, "tree", "path"), own.tenants.length], ["fiberclaw/tenants/other", 1])
    })
  )

  it.effect("follows changes line by line on a pipe, as text and as JSON", () =>
    Effect.gen(function* () {
      const { admin, url } = yield* RunningApp
      const where = ["--url", url, "--token", admin]
      const text = yield* start(["status", "--watch", ...where])
      const json = yield* start(["status", "--watch", "--json", ...where])
      yield* text.logged("fiberclaw watched")
      assert.strictEqual(JSON.parse((yield* json.logged('"Tree"'))[0] ?? "").type, "Tree")
      const restarted = yield* command("tree", "restart", main)
      assert.deepStrictEqual([restarted.code, restarted.stderr], [0, ""])
      assert.match(restarted.stdout, new RegExp(`^\\S+Z ${main} running \\(restarts 1, last exit stopped\\)\n$`))
      const lines = yield* text.logged(`${main} running (restarts 1`)
      assert.isTrue(lines.every((line) => line.includes(` ${main} `)))
      const documents = yield* json.logged('"restarts":1')
      assert.strictEqual(at(JSON.parse(documents.at(-1) ?? ""), "node", "path"), main)
      yield* text.signal("SIGINT")
      const { code, stderr } = yield* text.ending
      assert.deepStrictEqual([code, stderr], [0, ""])
    })
  )

  it.effect("acts on a node, and says why not", () =>
    Effect.gen(function* () {
      const paused = yield* command("tree", "pause", main, "--json")
      assert.deepInclude(JSON.parse(paused.stdout), { path: main, state: "paused" })
      const shown = yield* command("status")
      assert.match(shown.stdout, new RegExp(`needs attention\n.*\n${main} +paused`))
      assert.strictEqual((yield* command("tree", "resume", main)).code, 0)
      const refused = yield* command("tree", "stop", "fiberclaw")
      assert.deepStrictEqual([refused.code, refused.stdout], [1, ""])
      assert.match(refused.stderr, /the root is stopped by a signal\n$/)
      const missing = yield* command("tree", "kill", "fiberclaw/nobody")
      assert.deepStrictEqual([missing.code, missing.stderr], [1, "there is no node fiberclaw/nobody\n"])
      assert.strictEqual((yield* run(["tree", "destroy", main])).code, 2)
    })
  )
})

layer(RunningApp.layer, { excludeTestServices: true })("fiberclaw status of a service that is not well", (it) => {
  it.effect("fails with the reasons, and without a service", () =>
    Effect.gen(function* () {
      const { admin, drain, url } = yield* RunningApp
      const watcher = yield* start(["status", "--watch", "--url", url, "--token", admin])
      yield* watcher.logged("fiberclaw watched")
      yield* drain.begin
      const stopping = yield* command("status")
      assert.strictEqual(stopping.code, 1)
      assert.match(stopping.stdout, /: not ready, up .*\n {2}the service is stopping\n/)
      yield* drain.close
      const lost = yield* watcher.ending
      assert.deepStrictEqual([lost.code, lost.stderr], [1, "the connection to the service was lost\n"])
      const nowhere = yield* run(["status", "--url", "http://127.0.0.1:9", "--token", "t"])
      assert.strictEqual(nowhere.code, 1)
      assert.match(nowhere.stderr, /^no service answers at http:\/\/127\.0\.0\.1:9/)
    })
  )
})
