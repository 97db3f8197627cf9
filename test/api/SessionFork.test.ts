import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SessionId } from "../../src/domain/Ids.ts"
import { empty, foldAll } from "../../src/sessions/SessionLog.ts"
import { at, RunningApp } from "../support/RunningApp.ts"
import { allowing, assertProblem, ended, event, eventsOf, sessions, talk, told, typesOf } from "./SessionCalls.ts"

const files = {
  "tenants/default/agents/main.yaml": "model: demo/demo\ninstructions: Be kind.\ntools: [exec]\n",
  "tenants/default/agents/small.yaml": `${allowing}maxTokens: 100\ncontext: { window: 1500, compactAt: 0.5, keepTurns: 1 }\n`,
  "tenants/other/tenant.yaml": "name: O\nlimits: { sessions: 2 }\nproviders:\n  demo: { kind: scripted }\n"
}

/** Turns with tools, approvals given and refused, a steered message, a cancelled turn, settings and pins. */
const eventful = Effect.fnUntraced(function* (session: string) {
  const { call, say } = yield* RunningApp
  const path = `${sessions}/${session}`
  yield* talk(session, "say: hello")
  const asking = yield* say(session, "run: echo one\nrun: echo two")
  for (const [nth, verdict] of ["allow", "deny"].entries()) {
    const asked = yield* event(session, "ApprovalAsked", ({ approval }) => approval.endsWith(`.1.${nth + 1}`))
    if (nth === 0) yield* say(session, "say: and more")
    yield* call("POST", `/api/v1/tenants/default/approvals/${asked.approval}`, { body: { verdict } })
  }
  yield* ended(session, asking.turn)
  yield* call("PATCH", path, { body: { name: "eventful", midTurn: "queue" } })
  yield* call("POST", `${path}/pins`, { body: { event: 1 } })
  const slow = yield* say(session, "slow: 10000")
  yield* event(session, "ModelCalled", ({ turn }) => turn === slow.turn)
  const next = yield* say(session, "run: echo never")
  yield* call("POST", `${path}/cancel`)
  yield* ended(session, slow.turn)
  yield* event(session, "ApprovalAsked", ({ turn }) => turn === next.turn)
  yield* say(session, "say: waiting")
  return yield* eventsOf(session)
})

layer(RunningApp.layerWith({ files }), { excludeTestServices: true })("A session is forked", (it) => {
  it.effect("at every event, at rest, and goes on from there while the original is where it was", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const log = yield* eventful("rich")
      for (const { seq } of log) {
        const copy = `rich-${seq}`
        const forked = yield* call("POST", `${sessions}/rich/fork`, { body: { at: seq, session: copy } })
        assert.strictEqual(forked.status, 201, forked.text)
        const copied = yield* eventsOf(copy)
        assert.deepInclude(forked.json as object, {
          id: copy,
          agent: "main",
          seq: copied.length,
          unfinished: 0,
          forkedFrom: { session: "rich", through: seq }
        })
        assert.deepStrictEqual(copied.slice(0, seq), log.slice(0, seq))
        assert.deepStrictEqual(told(copied.slice(-1)), [
          { type: "SessionForked", from: SessionId.make("rich"), through: seq }
        ])
        const state = foldAll(empty, copied)
        assert.deepStrictEqual([state.turn, state.waiting], [undefined, []])
        const said = yield* talk(copy, "say: from here")
        assert.deepStrictEqual(typesOf(said.slice(copied.length)), [
          "MessageAccepted",
          "TurnStarted",
          "ModelCalled",
          "ModelReplied",
          "TurnEnded"
        ])
        assert.strictEqual(at(said.at(-1), "outcome"), "completed")
      }
      assert.deepStrictEqual(yield* eventsOf("rich"), log)
    })
  )

  it.effect("while it waits for a person, whose answer is then its own", () =>
    Effect.gen(function* () {
      const { call, say } = yield* RunningApp
      const { turn } = yield* say("asking", "run: echo for me")
      const { approval, seq } = yield* event("asking", "ApprovalAsked")
      const { json } = yield* call("POST", `${sessions}/asking/fork`, { body: { at: seq } })
      const copy = String(at(json, "id"))
      assert.match(copy, /^asking-fork-[0-9a-f]{8}$/)
      const settled = { approval, verdict: "cancelled" }
      assert.deepInclude((yield* eventsOf(copy)).find(({ type }) => type === "ApprovalSettled") ?? {}, settled)
      const open = yield* call("GET", "/api/v1/tenants/default/approvals")
      const own = (at(open.json, "approvals") as ReadonlyArray<{ session: string }>).filter(
        ({ session }) => session === "asking" || session === copy
      )
      assert.lengthOf(own, 1)
      const answer = yield* call("POST", `/api/v1/tenants/default/approvals/${approval}`, {
        body: { verdict: "allow" }
      })
      assert.strictEqual(answer.status, 200, answer.text)
      assert.strictEqual((yield* ended("asking", turn)).outcome, "completed")
    })
  )

  it.effect("after it was compacted, with what was noted", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      let log = yield* talk("long", "say: my name is Ada", "small")
      for (let turn = 0; turn < 40 && !log.some(({ type }) => type === "Compacted"); turn++) {
        log = yield* talk("long", `say: ${`number ${turn} `.repeat(20)}`, "small")
      }
      const compacted = log.find(({ type }) => type === "Compacted")
      assert.isDefined(compacted)
      for (const { seq } of log.slice((compacted?.seq ?? 0) - 2)) {
        const copy = `long-${seq}`
        assert.strictEqual(
          (yield* call("POST", `${sessions}/long/fork`, { body: { at: seq, session: copy } })).status,
          201
        )
        const end = (yield* talk(copy, "say: from here", "small")).at(-1)
        assert.strictEqual(at(end, "outcome"), "completed", JSON.stringify(end))
      }
    })
  )

  it.effect("only where it has an event, under a name that is free", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      yield* talk("short", "say: hello")
      const fork = (body: unknown, session = "short") => call("POST", `${sessions}/${session}/fork`, { body })
      for (const seq of [-1, 0, 6]) {
        assertProblem(yield* fork({ at: seq }), 400, /^session short can be forked at events 1 to 5$/)
      }
      assertProblem(yield* fork({ at: 1.5 }), 400, /^at: /)
      assertProblem(yield* fork({}), 400, /^at: /)
      assertProblem(yield* fork({ at: 1, session: "no/" }), 400, /^session: Expected 1 to 128/)
      assertProblem(yield* fork({ at: 5, session: "short" }), 409, /^there is a session short already$/)
      assertProblem(yield* fork({ at: 1 }, "nobody"), 404, /^there is no session nobody$/)
    })
  )

  it.effect("within the limit on sessions", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const elsewhere = "/api/v1/tenants/other/sessions"
      yield* call("POST", `${elsewhere}/one/messages`, { body: { agent: "main", text: "say: hello" } })
      const fork = call("POST", `${elsewhere}/one/fork`, { body: { at: 1 } })
      const both = yield* Effect.all([fork, fork], { concurrency: "unbounded" })
      assert.deepStrictEqual(both.map(({ status }) => status).sort(), [201, 429])
      assertProblem(yield* fork, 429, /^the tenant has reached its limit of 2 sessions$/)
    })
  )
})
