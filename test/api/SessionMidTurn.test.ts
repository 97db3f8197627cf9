import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { at, RunningApp } from "../support/RunningApp.ts"
import { allowing, ended, event, eventsOf, sessions, typesOf } from "./SessionCalls.ts"

const files = {
  "tenants/default/agents/main.yaml": allowing,
  "tenants/default/agents/queues.yaml": `${allowing}midTurn: queue\n`,
  "tenants/default/agents/interrupts.yaml": `${allowing}midTurn: interrupt\n`
}

/** What of these happened, in their order. */
const course = (log: ReadonlyArray<SessionEvent>, ...kinds: ReadonlyArray<SessionEvent["type"]>) =>
  log.filter(({ type }) => kinds.includes(type)).map(({ type }) => type)

const outcomes = (log: ReadonlyArray<SessionEvent>) =>
  log.flatMap((event) => (event.type === "TurnEnded" ? [event.outcome] : []))

/** A turn whose tool runs until it is told to go on, and one message more; a file says that the tool may end. */
const duringTool = Effect.fnUntraced(function* (session: string, agent: string, midTurn?: string) {
  const { call, say } = yield* RunningApp
  const flag = `${session}.flag`
  const wait = `until [ -e ${flag} ]; do sleep 0.02; done`
  const first = yield* say(session, `run: ${wait}`, { agent })
  yield* event(session, "ToolCalled")
  if (midTurn !== undefined) yield* call("PATCH", `${sessions}/${session}`, { body: { midTurn } })
  const second = yield* say(session, "say: and this", { agent })
  const release = say(`${session}-release`, `run: touch ${flag}`, { agent })
  return { first, second, release }
})

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("A message during a turn", (it) => {
  for (const [agent, midTurn] of [
    ["main", undefined],
    ["queues", "steer"]
  ] as const) {
    it.effect(
      `joins it at the next step, ${midTurn === undefined ? "as its agent has it" : "if its session has it so"}`,
      () =>
        Effect.gen(function* () {
          const session = `steer-${agent}`
          const { first, release, second } = yield* duringTool(session, agent, midTurn)
          assert.strictEqual(second.turn, first.turn)
          yield* release
          yield* ended(session, first.turn)
          const log = yield* eventsOf(session)
          assert.deepStrictEqual(course(log, "ToolReturned", "Steered", "ModelCalled", "TurnEnded"), [
            "ModelCalled",
            "ToolReturned",
            "Steered",
            "ModelCalled",
            "TurnEnded"
          ])
          assert.deepStrictEqual(outcomes(log), ["completed"])
        })
    )
  }

  for (const [agent, midTurn] of [
    ["queues", undefined],
    ["main", "queue"]
  ] as const) {
    it.effect(`waits for its own, ${midTurn === undefined ? "as its agent has it" : "if its session has it so"}`, () =>
      Effect.gen(function* () {
        const session = `queue-${agent}`
        const { first, release, second } = yield* duringTool(session, agent, midTurn)
        assert.notStrictEqual(second.turn, first.turn)
        yield* release
        yield* ended(session, second.turn)
        const log = yield* eventsOf(session)
        assert.deepStrictEqual(course(log, "TurnStarted", "TurnEnded", "Steered"), [
          "TurnStarted",
          "TurnEnded",
          "TurnStarted",
          "TurnEnded"
        ])
        assert.deepStrictEqual(outcomes(log), ["completed", "completed"])
      })
    )
  }

  for (const [agent, midTurn] of [
    ["interrupts", undefined],
    ["main", "interrupt"]
  ] as const) {
    it.effect(`takes its place, ${midTurn === undefined ? "as its agent has it" : "if its session has it so"}`, () =>
      Effect.gen(function* () {
        const session = `interrupt-${agent}`
        const { second } = yield* duringTool(session, agent, midTurn)
        yield* ended(session, second.turn)
        const log = yield* eventsOf(session)
        assert.deepStrictEqual(outcomes(log), ["cancelled", "completed"])
        assert.deepInclude(log.find(({ type }) => type === "CancelRequested") ?? {}, {
          reason: "a newer message took its place"
        })
      })
    )
  }
})

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("A cancelled turn", (it) => {
  it.effect("stops the tool at once, and the log says so", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const { turn } = yield* say("tool", "run: sleep 1000")
      yield* event("tool", "ToolCalled")
      assert.deepStrictEqual((yield* call("POST", `${sessions}/tool/cancel`)).json, { cancelled: turn })
      assert.strictEqual((yield* ended("tool", turn)).outcome, "cancelled")
      const log = yield* eventsOf("tool")
      assert.deepStrictEqual(typesOf(log.slice(-3)), ["CancelRequested", "ToolReturned", "TurnEnded"])
      assert.deepInclude(log.at(-3) ?? {}, { reason: "asked for over the API" })
      assert.include(["unknown", "cancelled"], at(log.at(-2), "outcome"))
      assert.strictEqual((yield* ended("tool", (yield* say("tool", "say: next")).turn)).outcome, "completed")
    })
  )

  it.effect("stops the model at once, and the log says so", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const { turn } = yield* say("model", "slow: 10000")
      yield* event("model", "ModelCalled")
      yield* call("POST", `${sessions}/model/cancel`)
      assert.strictEqual((yield* ended("model", turn)).outcome, "cancelled")
      assert.deepStrictEqual(typesOf((yield* eventsOf("model")).slice(-3)), [
        "ModelCalled",
        "CancelRequested",
        "TurnEnded"
      ])
    })
  )

  it.effect("may be one that only waits, because its agent is paused", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const agent = { path: "fiberclaw/tenants/default/agents/queues" }
      assert.strictEqual((yield* call("POST", "/api/v1/tree/pause", { body: agent })).status, 200)
      const first = yield* say("paused", "say: one", { agent: "queues" })
      const second = yield* say("paused", "say: two", { agent: "queues" })
      const cancel = call("POST", `${sessions}/paused/cancel`)
      assert.deepStrictEqual((yield* cancel).json, { cancelled: first.turn })
      assert.strictEqual((yield* ended("paused", first.turn)).outcome, "cancelled")
      yield* call("POST", "/api/v1/tree/resume", { body: agent })
      assert.strictEqual((yield* ended("paused", second.turn)).outcome, "completed")
      const log = yield* eventsOf("paused")
      assert.deepStrictEqual(course(log, "TurnStarted", "CancelRequested", "TurnEnded"), [
        "CancelRequested",
        "TurnEnded",
        "TurnStarted",
        "TurnEnded"
      ])
      assert.deepStrictEqual((yield* cancel).json, { cancelled: null })
      assert.strictEqual(at((yield* call("GET", `${sessions}/paused`)).json, "unfinished"), 0)
    })
  )

  it.effect("may have been deleted with its session while its agent is paused", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const agent = { path: "fiberclaw/tenants/default/agents/interrupts" }
      yield* call("POST", "/api/v1/tree/pause", { body: agent })
      yield* say("stuck", "say: one", { agent: "interrupts" })
      assert.strictEqual((yield* call("DELETE", `${sessions}/stuck`)).status, 204)
      yield* call("POST", "/api/v1/tree/resume", { body: agent })
      const { turn } = yield* say("stuck", "say: anew", { agent: "interrupts" })
      assert.strictEqual((yield* ended("stuck", turn)).outcome, "completed")
      assert.lengthOf(yield* eventsOf("stuck"), 5)
    })
  )
})
