import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { RunningApp } from "../support/RunningApp.ts"
import { allowing, assertProblem, ended, event, sessions, talk } from "./SessionCalls.ts"

const files = { "tenants/default/agents/main.yaml": allowing }

/** What a follower is told from now on, in order, once it is sure to follow. */
const following = Effect.fnUntraced(function* (session: string) {
  const { open } = yield* RunningApp
  const { entries } = yield* open("GET", `${sessions}/${session}/events`, { headers: { accept: "text/event-stream" } })
  const heard = yield* Queue.unbounded<string>()
  const events = Stream.filter(entries, ({ id }) => id !== undefined)
  const fiber = yield* Effect.forkScoped(
    Stream.runFold(
      Stream.tap(events, ({ event = "" }) => Queue.offer(heard, event)),
      (): ReadonlyArray<string> => [],
      (all, { event = "" }) => [...all, event]
    )
  )
  yield* Queue.take(heard)
  return Fiber.join(fiber)
})

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("A session is deleted", (it) => {
  it.effect("with everything in it, and its name is free again", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("gone", "say: a needle in here")
      const removed = yield* call("DELETE", `${sessions}/gone`)
      assert.deepStrictEqual([removed.status, removed.text], [204, ""])
      for (const [method, path] of [
        ["GET", ""],
        ["GET", "/events"],
        ["GET", "/export"],
        ["POST", "/cancel"],
        ["DELETE", ""]
      ] as const) {
        assertProblem(yield* call(method, `${sessions}/gone${path}`), 404, /^there is no session gone$/)
      }
      assert.deepStrictEqual((yield* call("GET", `${sessions}/-/search?q=needle`)).json, { hits: [] })
      const log = yield* talk("gone", "recall")
      assert.lengthOf(log, 5)
      assert.notInclude(JSON.stringify(log), "needle")
    })
  )

  it.effect("when its turn has been cancelled, and whoever follows it is told and let go", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      yield* say("busy", "slow: 10000")
      yield* event("busy", "ModelCalled")
      yield* say("busy", "say: and this")
      const told = yield* following("busy")
      const removed = yield* call("DELETE", `${sessions}/busy`)
      assert.strictEqual(removed.status, 204, removed.text)
      assert.deepStrictEqual(yield* told, [
        "MessageAccepted",
        "TurnStarted",
        "ModelCalled",
        "MessageAccepted",
        "CancelRequested",
        "TurnEnded"
      ])
      assert.strictEqual((yield* call("GET", `${sessions}/busy`)).status, 404)
    })
  )

  it.effect("with the tools that run in it, and the approvals it asked for", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      yield* say("running", "run: sleep 1000")
      yield* event("running", "ToolCalled")
      const told = yield* following("running")
      assert.strictEqual((yield* call("DELETE", `${sessions}/running`)).status, 204)
      assert.deepStrictEqual((yield* told).slice(-3), ["CancelRequested", "ToolReturned", "TurnEnded"])
      yield* say("asking", "run: echo hello", { agent: "second" })
      const { approval } = yield* event("asking", "ApprovalAsked")
      assert.strictEqual((yield* call("DELETE", `${sessions}/asking`)).status, 204)
      assert.deepStrictEqual((yield* call("GET", "/api/v1/tenants/default/approvals")).json, { approvals: [] })
      const late = yield* call("POST", `/api/v1/tenants/default/approvals/${approval}`, { body: { verdict: "allow" } })
      assert.strictEqual(late.status, 404)
    })
  )

  it.effect("once, however many ask for it", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      yield* say("crowd", "slow: 10000")
      yield* event("crowd", "ModelCalled")
      const remove = Effect.map(call("DELETE", `${sessions}/crowd`), ({ status }) => status)
      const statuses = yield* Effect.all([remove, remove, remove], { concurrency: "unbounded" })
      assert.deepStrictEqual(statuses.sort(), [204, 404, 404])
    })
  )

  it.effect("and a message it had accepted is not taken for a new one when it is sent again", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const first = yield* say("redelivered", "say: hello", { externalId: "id-1" })
      yield* ended("redelivered", first.turn)
      yield* call("DELETE", `${sessions}/redelivered`)
      assert.deepStrictEqual(yield* say("redelivered", "say: hello", { externalId: "id-1" }), first)
      assert.strictEqual((yield* call("GET", `${sessions}/redelivered`)).status, 404)
    })
  )
})
