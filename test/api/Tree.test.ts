import { mkdirSync, rmSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Logger, Option, Queue, Redacted, Schema, Stream } from "effect"
import { HttpServer } from "effect/http"
import * as App from "../../src/app/App.ts"
import * as DataFolder from "../../src/app/DataFolder.ts"
import { known } from "../../src/app/Known.ts"
import { load } from "../../src/config/ConfigLoader.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import { TreeChange } from "../../src/kernel/Tree.ts"
import { formatEntry } from "../../src/telemetry/Logging.ts"
import { at, minimal, RunningApp, start, writeFiles } from "../support/RunningApp.ts"

const main = "fiberclaw/tenants/default/agents/main"
const session = (name: string) => `fiberclaw/tenants/default/sessions/${name}`

const decodeChange = Schema.decodeUnknownSync(Schema.fromJsonString(TreeChange))

const act = Effect.fnUntraced(function* (action: string, path: string, token?: string) {
  const { call } = yield* RunningApp
  return yield* call("POST", `/api/v1/tree/${action}`, { body: { path }, ...(token === undefined ? {} : { token }) })
})

/** What is told of the tree from now on, beginning with the whole. */
const watching = Effect.fnUntraced(function* (token?: string) {
  const { open } = yield* RunningApp
  const headers = { accept: "text/event-stream" }
  const opened = yield* open("GET", "/api/v1/tree", { headers, ...(token === undefined ? {} : { token }) })
  const changes = yield* Queue.unbounded<TreeChange>()
  const reading = Stream.runForEach(opened.entries, ({ data, event }) =>
    Effect.suspend(() => {
      const change = decodeChange(data)
      assert.strictEqual(event, change.type)
      return Queue.offer(changes, change)
    })
  )
  yield* Effect.forkScoped(reading)
  return { ...opened, changes, first: yield* Queue.take(changes) }
})

/** The changes up to the first that is as wanted. */
const until = (changes: Queue.Queue<TreeChange>, wanted: (change: TreeChange) => boolean) =>
  Stream.runCollect(Stream.takeUntil(Stream.fromQueue(changes), wanted))

const pathOf = (change: TreeChange) =>
  change.type === "Tree" ? change.tree.path : change.type === "Changed" ? change.node.path : change.path

const isUp = (path: string) => (change: TreeChange) =>
  change.type === "Changed" && change.node.path === path && change.node.state === "running"

layer(RunningApp.layer, { excludeTestServices: true })("the tree over HTTP", (it) => {
  it.effect("shows the whole, or what is below a path", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const viewer = yield* token("viewer")
      const whole = yield* call("GET", "/api/v1/tree", { token: viewer })
      assert.deepStrictEqual([at(whole.json, "path"), at(whole.json, "state")], ["fiberclaw", "running"])
      const agents = yield* call("GET", `/api/v1/tree?path=${main.replace("/main", "")}`, { token: viewer })
      assert.deepStrictEqual(
        [at(agents.json, "strategy"), at(agents.json, "children", 0, "path"), at(agents.json, "children", 2)],
        ["one_for_one", main, undefined]
      )
      const missing = yield* call("GET", "/api/v1/tree?path=fiberclaw/nobody", { token: viewer })
      assert.deepStrictEqual([missing.status, at(missing.json, "detail")], [404, "there is no node fiberclaw/nobody"])
    })
  )

  it.effect("streams an agent's crash and restart, and sessions as they come and go", () =>
    Effect.gen(function* () {
      const { say } = yield* RunningApp
      const { changes, first, headers, status } = yield* watching()
      assert.deepStrictEqual([status, headers["content-type"]], [200, "text/event-stream"])
      assert.strictEqual(first.type === "Tree" && first.tree.path, "fiberclaw")

      const killed = yield* act("kill", main)
      assert.strictEqual(killed.status, 200)
      assert.match(String(at(killed.json, "lastExit", "reason")), /^ChildKilled: .* was killed$/)
      const lives = yield* until(changes, isUp(main))
      const own = lives.filter((change) => pathOf(change) === main)
      assert.isTrue(own.some((change) => change.type === "Changed" && change.node.state === "backing off"))
      const last = own.at(-1)
      assert.deepInclude(last?.type === "Changed" && last.node, { path: main, state: "running", restarts: 1 })

      yield* say("visitor", "say: hello")
      const stay = yield* until(changes, (change) => change.type === "Gone")
      assert.deepStrictEqual(stay.at(-1), { type: "Gone", path: session("visitor") })
      assert.isTrue(stay.some((change) => change.type === "Changed" && change.node.path === session("visitor")))
    })
  )

  it.effect("pauses an agent, whose turns wait until it is resumed", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      const paused = yield* act("pause", main)
      assert.deepStrictEqual([paused.status, at(paused.json, "state")], [200, "paused"])
      assert.isUndefined(at(paused.json, "children"))
      yield* say("patient", "say: at last")
      yield* logUntil("patient", "MessageAccepted")
      const agent = yield* call("GET", "/api/v1/tenants/default/agents/main")
      assert.strictEqual(at(agent.json, "status"), "restarting")

      const resumed = yield* act("resume", main)
      assert.deepStrictEqual([resumed.status, at(resumed.json, "state")], [200, "running"])
      const log = yield* logUntil("patient", "TurnEnded")
      assert.strictEqual(
        at(
          log.find(({ type }) => type === "TurnEnded"),
          "outcome"
        ),
        "completed"
      )
      const again = yield* act("resume", main)
      assert.deepStrictEqual(again.json, resumed.json)
    })
  )

  it.effect("stops and restarts an agent", () =>
    Effect.gen(function* () {
      const second = main.replace("main", "second")
      const stopped = yield* act("stop", second)
      assert.deepStrictEqual([stopped.status, at(stopped.json, "state")], [200, "stopped"])
      const restarted = yield* act("restart", second)
      assert.deepStrictEqual(
        [restarted.status, at(restarted.json, "state"), at(restarted.json, "restarts")],
        [200, "running", 1]
      )
      assert.strictEqual(at((yield* act("restart", second)).json, "restarts"), 2)
    })
  )

  it.effect("answers with a session that is gone as stopped", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const { changes } = yield* watching()
      yield* say("endless", "slow: 100000")
      yield* until(changes, isUp(session("endless")))
      const stopped = yield* act("stop", session("endless"))
      assert.deepInclude(stopped.json, { path: session("endless"), state: "stopped" })
      assert.strictEqual((yield* call("GET", `/api/v1/tree?path=${session("endless")}`)).status, 404)
      assert.strictEqual((yield* act("stop", session("endless"))).status, 404)
    })
  )

  it.effect("says why a start failed, and starts it once that is mended", () =>
    Effect.gen(function* () {
      const { data } = yield* RunningApp
      const store = "fiberclaw/tenants/other/store"
      const file = `${data}/tenants/other/sessions.sqlite`
      assert.strictEqual((yield* act("stop", store)).status, 200)
      for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name, { force: true })
      mkdirSync(file)
      const refused = yield* act("resume", store)
      assert.deepStrictEqual([refused.status, at(refused.json, "title")], [409, "Conflict"])
      assert.match(String(at(refused.json, "detail")), /^Child "store" of fiberclaw\/tenants\/other failed to start: ./)
      rmSync(file, { recursive: true })
      const { changes } = yield* watching()
      const mended = yield* act("restart", store)
      assert.deepStrictEqual([mended.status, at(mended.json, "state")], [200, "running"])
      yield* until(changes, isUp("fiberclaw/tenants/other/approvals"))
    })
  )

  it.effect("refuses what would leave nobody to undo it", () =>
    Effect.gen(function* () {
      for (const [action, path] of [
        ["restart", "fiberclaw"],
        ["stop", "fiberclaw/store"],
        ["pause", "fiberclaw/api"],
        ["stop", "fiberclaw/reaper"]
      ] as const) {
        const { json, status } = yield* act(action, path)
        assert.deepStrictEqual([status, at(json, "title")], [409, "Conflict"], `${action} ${path}`)
        assert.include(String(at(json, "detail")), path)
      }
      assert.strictEqual((yield* act("resume", "fiberclaw/api")).status, 200)
    })
  )

  it.effect("takes an operator, and a path", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      for (const role of ["viewer", "user"]) {
        assert.strictEqual((yield* act("restart", main, yield* token(role))).status, 403)
      }
      assert.strictEqual((yield* act("resume", main, yield* token("operator"))).status, 200)
      assert.strictEqual((yield* act("restart", `${main}/nobody`)).status, 404)
      assert.strictEqual((yield* call("POST", "/api/v1/tree/stop", { body: {} })).status, 400)
      assert.strictEqual((yield* call("POST", "/api/v1/tree/stop", { body: { path: main }, token: null })).status, 401)
      assert.strictEqual((yield* call("GET", "/api/v1/tree", { token: null })).status, 401)
    })
  )

  it.effect("ends for a token of one tenant at that tenant", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const operator = yield* token("operator", "other")
      const own = "fiberclaw/tenants/other/agents/main"
      const { json, text } = yield* call("GET", "/api/v1/tree", { token: operator })
      assert.strictEqual(at(json, "path"), "fiberclaw/tenants/other")
      assert.notInclude(text, "default")
      for (const path of ["fiberclaw", "fiberclaw/store", "fiberclaw/tenants", "fiberclaw/tenants/default", main]) {
        const hidden = yield* call("GET", `/api/v1/tree?path=${path}`, { token: operator })
        const untouched = yield* act("kill", path, operator)
        for (const answer of [hidden, untouched]) {
          assert.deepStrictEqual([answer.status, at(answer.json, "detail")], [404, `there is no node ${path}`])
        }
      }
      assert.strictEqual((yield* act("stop", "fiberclaw/tenants/other", operator)).status, 403)
      assert.strictEqual((yield* act("restart", own, yield* token("viewer", "other"))).status, 403)

      const { changes, first } = yield* watching(operator)
      assert.strictEqual(pathOf(first), "fiberclaw/tenants/other")
      yield* act("restart", main)
      assert.strictEqual((yield* act("restart", own, operator)).status, 200)
      const told = yield* until(changes, isUp(own))
      assert.deepStrictEqual([...new Set(told.map(pathOf))], [own])
    })
  )
})

describe("the tree of a service that goes", () => {
  it.live("is followed until the service closes", () =>
    Effect.gen(function* () {
      const { drain, open } = yield* start({})
      const { entries } = yield* open("GET", "/api/v1/tree", { headers: { accept: "text/event-stream" } })
      const seen = yield* Queue.unbounded<unknown>()
      const reading = Stream.runForEach(entries, (entry) => Queue.offer(seen, entry.event))
      yield* Effect.forkScoped(Effect.andThen(reading, Queue.offer(seen, "the end")))
      assert.strictEqual(yield* Queue.take(seen), "Tree")
      yield* drain.close
      assert.strictEqual(yield* Queue.take(seen), "the end")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("answers first when the API itself is restarted, and logs who asked", () => {
    const entries: Array<ReturnType<typeof formatEntry.log>> = []
    const capture = Logger.make<unknown, void>((options) => void entries.push(formatEntry.log(options)))
    return Effect.gen(function* () {
      const data = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
      const config = yield* load(yield* writeFiles(minimal), {}, known)
      yield* DataFolder.prepare(data)
      const service = { ...config.service, http: { ...config.service.http, port: 0 } }
      const admin = Option.some(Redacted.make("secret"))
      const running = yield* App.start({ config, service, folder: data, admin })
      const url = Effect.map(running.services, (services) =>
        HttpServer.formatAddress(Context.get(services, HttpServer.HttpServer).address)
      )
      const back = Stream.filter(
        running.changes,
        (change) =>
          change.type === "Tree" ||
          (isUp("fiberclaw/reaper")(change) && JSON.stringify(change).includes('"restarts":1'))
      )
      const changes = yield* Stream.toQueue(back, { capacity: "unbounded" })
      assert.strictEqual((yield* Queue.take(changes)).type, "Tree")
      const answer = yield* request(`${yield* url}/api/v1/tree/restart`, { path: "fiberclaw/api" })
      assert.strictEqual(answer.status, 202)
      assert.deepInclude(answer.json, { path: "fiberclaw/api", action: "restart" })

      yield* Queue.take(changes)
      const tree = yield* request(`${yield* url}/api/v1/tree?path=fiberclaw/api`)
      assert.deepInclude(tree.json, { state: "running", restarts: 1 })
      assert.deepInclude(entries.find(({ message }) => message === "tree action") ?? {}, {
        level: "info",
        path: "fiberclaw/api",
        action: "restart",
        by: "admin"
      })
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, Drain.layer, Logger.layer([capture])]))
  })
})

const request = (url: string, body?: unknown) =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: "Bearer secret", "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return { status: response.status, json: (await response.json()) as object }
  })
