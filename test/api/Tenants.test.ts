import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { at, RunningApp } from "../support/RunningApp.ts"

const tenant = "/api/v1/tenants/default"

/** Whatever the rules on commands are, this one needs a person's consent. */
const dangerous = "run: rm -rf ./nothing-here"

layer(RunningApp.layer, { excludeTestServices: true })("Tenants", (it) => {
  it.effect("are listed with their limits and their use", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      yield* say("use", "Hi")
      yield* logUntil("use", "TurnEnded")
      const { json } = yield* call("GET", "/api/v1/tenants")
      const list = at(json, "tenants") as ReadonlyArray<unknown>
      assert.deepStrictEqual(
        list.map((one) => at(one, "id")),
        ["default", "other"]
      )
      assert.include(list[0] as object, { name: "Somebody", state: "running", generation: 1 })
      assert.deepStrictEqual(at(list[0], "limits"), {
        agents: 20,
        sessions: 10_000,
        concurrentTurns: 16,
        tokensPerDay: 5_000_000,
        costPerDayUsd: 20
      })
      assert.include(at(list[0], "use") as object, { agents: 2, sessions: 1 })
      assert.deepStrictEqual((yield* call("GET", tenant)).json, list[0])
    })
  )

  it.effect("show their agents with definition and status", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const { json } = yield* call("GET", `${tenant}/agents`)
      const list = at(json, "agents") as ReadonlyArray<unknown>
      assert.deepStrictEqual(
        list.map((one) => at(one, "id")),
        ["main", "second"]
      )
      const one = yield* call("GET", `${tenant}/agents/second`)
      assert.deepStrictEqual(one.json, list[1])
      assert.include(one.json as object, { status: "idle", generation: 1, restarts: 0, running: 0 })
      assert.deepInclude(at(one.json, "definition") as object, {
        model: "demo/demo",
        instructions: "Be kind.",
        tools: ["exec"],
        midTurn: "steer",
        approvals: { dangerous: "ask", patienceSeconds: 600 }
      })
    })
  )

  it.effect("list what waits for a person, and take the first verdict only", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      yield* say("asking", dangerous)
      yield* logUntil("asking", "ApprovalAsked")
      const waiting = at((yield* call("GET", `${tenant}/approvals`)).json, "approvals", 0)
      assert.sameMembers(Object.keys(waiting as object), [
        "id",
        "session",
        "agent",
        "tool",
        "summary",
        "askedAt",
        "expiresAt"
      ])
      assert.include(waiting as object, { session: "asking", agent: "main", tool: "exec" })
      assert.include(String(at(waiting, "summary")), "rm -rf ./nothing-here")

      const path = `${tenant}/approvals/${at(waiting, "id")}`
      const body = { verdict: "allow", reason: "it is gone anyway" }
      const settled = yield* call("POST", path, { body })
      assert.deepStrictEqual([settled.status, settled.json], [200, { id: at(waiting, "id"), verdict: "allow" }])
      const second = yield* call("POST", path, { body: { verdict: "deny" } })
      assert.strictEqual(second.status, 409)
      assert.strictEqual(at(second.json, "detail"), `approval ${at(waiting, "id")} is already settled: allow`)

      const log = yield* logUntil("asking", "TurnEnded")
      const verdict = log.find(({ type }) => type === "ApprovalSettled")
      assert.include(verdict as object, { verdict: "allow", by: "admin", reason: "it is gone anyway" })
      assert.deepStrictEqual(at((yield* call("GET", `${tenant}/approvals`)).json, "approvals"), [])
    })
  )

  it.effect("let exactly one of many verdicts win", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      yield* say("contested", dangerous)
      const asked = (yield* logUntil("contested", "ApprovalAsked")).at(-1)
      const path = `${tenant}/approvals/${at(asked, "approval")}`
      const verdicts = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? "deny" : "allow"))
      const answers = yield* Effect.forEach(verdicts, (verdict) => call("POST", path, { body: { verdict } }), {
        concurrency: "unbounded"
      })
      const statuses = answers.map(({ status }) => status).sort()
      assert.deepStrictEqual(statuses, [200, ...Array.from({ length: 9 }, () => 409)])
    })
  )

  it.effect("know nothing of an approval that nobody asked for", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const answer = yield* call("POST", `${tenant}/approvals/approval_1`, { body: { verdict: "allow" } })
      assert.deepStrictEqual([answer.status, at(answer.json, "detail")], [404, "there is no approval approval_1"])
    })
  )
})
