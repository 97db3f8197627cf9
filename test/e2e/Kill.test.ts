/** What is killed in a running service comes back, and what was under way goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule, Stream } from "effect"
import { Tolerance } from "../../src/kernel/Supervisor.ts"
import type { TreeChange } from "../../src/kernel/Tree.ts"
import { RunningApp } from "../support/RunningApp.ts"

const main = "fiberclaw/tenants/default/agents/main"

const kill = Effect.fnUntraced(function* (path: string) {
  const { root } = yield* RunningApp
  yield* root.locate(path)?.kill ?? Effect.die(new Error(`there is no node ${path}`))
})

/** Waits until the node at this path is up and has been started again so often. */
const up = Effect.fnUntraced(function* (path: string, restarts: number) {
  const { root } = yield* RunningApp
  const isUp = (change: TreeChange) =>
    change.type === "Changed" &&
    change.node.path === path &&
    change.node.state === "running" &&
    change.node.restarts === restarts
  yield* Stream.runHead(Stream.filter(root.changes, isUp))
})

const ready = Effect.gen(function* () {
  const { call } = yield* RunningApp
  const wait = Effect.filterOrFail(call("GET", "/ready"), ({ status }) => status === 200)
  yield* Effect.retry(wait, Schedule.spaced("20 millis"))
})

/** No supervisor restarts anything. */
const unforgiving = Layer.provide(RunningApp.layer, Layer.succeed(Tolerance, 0))

describe("killing", () => {
  it.live("an agent in the middle of a turn: the turn is resumed, and the conversation goes on", () =>
    Effect.gen(function* () {
      const { logUntil, open, say } = yield* RunningApp
      const headers = { accept: "text/event-stream" }
      const { entries } = yield* open("GET", "/api/v1/tenants/default/sessions/s/events", { headers })
      yield* say("s", "slow: 5")
      yield* Stream.runHead(Stream.filter(entries, ({ event }) => event === "TextDelta"))
      const restarted = yield* Effect.forkScoped(up(main, 1), { startImmediately: true })
      yield* kill(main)
      yield* Fiber.join(restarted)
      const log = yield* logUntil("s", "TurnEnded")
      assert.deepStrictEqual(
        log.map(({ type }) => type),
        ["MessageAccepted", "TurnStarted", "ModelCalled", "TurnResumed", "ModelCalled", "ModelReplied", "TurnEnded"]
      )
      assert.deepInclude(log.at(-1), { outcome: "completed" })
      yield* say("other", "say: still here")
      assert.deepInclude((yield* logUntil("other", "TurnEnded")).at(-1), { outcome: "completed" })
    }).pipe(Effect.scoped, Effect.provide(RunningApp.layer))
  )

  it.live("a tenant that has used up its restarts: it is parked, the others go on, and it can be revived", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const path = "fiberclaw/tenants/default"
      yield* kill(path)
      const parked = yield* call("GET", `/api/v1/tree?path=${path}`)
      assert.deepInclude(parked.json, { state: "parked", children: [] })
      const message = { body: { agent: "main", text: "say: hello" } }
      const refused = yield* call("POST", "/api/v1/tenants/default/sessions/s/messages", message)
      assert.strictEqual(refused.status, 503)
      const elsewhere = yield* call("POST", "/api/v1/tenants/other/sessions/s/messages", message)
      assert.strictEqual(elsewhere.status, 202)
      const revived = yield* call("POST", "/api/v1/tree/resume", { body: { path } })
      assert.deepInclude(revived.json, { state: "running", restarts: 1 })
      const accepted = yield* call("POST", "/api/v1/tenants/default/sessions/s/messages", message)
      assert.strictEqual(accepted.status, 202)
    }).pipe(Effect.scoped, Effect.provide(unforgiving))
  )

  it.live("what the service rests on, once too often: the service ends, and says of what", () =>
    Effect.gen(function* () {
      const { exit } = yield* RunningApp
      const ended = yield* Effect.forkScoped(Effect.flip(exit), { startImmediately: true })
      yield* kill("fiberclaw/telemetry")
      const { message } = yield* Fiber.join(ended)
      assert.match(message, /^fiberclaw gave up: child "telemetry" ended too often, last with ChildKilled/)
    }).pipe(Effect.scoped, Effect.provide(unforgiving))
  )

  for (const part of ["telemetry", "threads", "tenants"]) {
    it.live(`${part}: what rests on it is started anew, and the service takes messages again`, () =>
      Effect.gen(function* () {
        const { logUntil, root, say } = yield* RunningApp
        const path = `fiberclaw/${part}`
        const restarted = yield* Effect.forkScoped(up("fiberclaw/reaper", 1), { startImmediately: true })
        yield* kill(path)
        yield* Fiber.join(restarted)
        const { children } = yield* root.snapshot
        assert.strictEqual(children.find((child) => child.path === path)?.restarts, 1)
        yield* ready
        yield* say("s", "say: still here")
        assert.deepInclude((yield* logUntil("s", "TurnEnded")).at(-1), { outcome: "completed" })
      }).pipe(Effect.scoped, Effect.provide(RunningApp.layer))
    )
  }
})
