/** What is killed in a running service comes back, and what was under way goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
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
