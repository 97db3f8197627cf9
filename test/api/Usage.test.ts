import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { Spending } from "../../src/tenants/Spending.ts"
import { accepted, ended, session } from "../contracts/SessionStoreEvents.ts"
import { counted, used } from "../contracts/SessionUsageContract.ts"
import { at, RunningApp } from "../support/RunningApp.ts"

const other = "/api/v1/tenants/other"

/** Puts a log of these events into the tenant `other`. */
const put = Effect.fnUntraced(function* (id: string, ...events: ReadonlyArray<NewSessionEvent>) {
  const { within } = yield* RunningApp
  yield* within(
    "other",
    SessionStore.use((store) => store.append(session(id), 0, [accepted("t"), ...events, ended("t")]))
  )
})

const get = (path: string) => RunningApp.use(({ call }) => call("GET", path))

layer(RunningApp.layer, { excludeTestServices: true })("Usage", (it) => {
  it.effect("is told by what was asked for, with a total and the models without a price", () =>
    Effect.gen(function* () {
      yield* put("a", used("t", "x/m", 10, 0.5), used("t", "x/n", 20))
      yield* put("b", used("t", "x/m", 2, 0.25))
      const byModel = (yield* get(`${other}/usage?by=model`)).json
      assert.deepInclude(byModel as object, {
        usage: [
          { model: "x/m", ...counted(2, 12, 0.75) },
          { model: "x/n", ...counted(1, 20, 0, 1) }
        ],
        total: counted(3, 32, 0.75, 1),
        unpriced: ["x/n"]
      })
      const byDay = (yield* get(`${other}/usage`)).json
      const today = String(at(byDay, "usage", 0, "day"))
      assert.deepStrictEqual(at(byDay, "usage"), [{ day: today, ...counted(3, 32, 0.75, 1) }])
      const bySession = (yield* get(`${other}/usage?by=session,agent&from=${today}&to=${today}`)).json
      assert.deepStrictEqual(at(bySession, "usage"), [
        { session: "a", agent: "main", ...counted(2, 30, 0.5, 1) },
        { session: "b", agent: "main", ...counted(1, 2, 0.25) }
      ])
      const before = (yield* get(`${other}/usage?from=2020-01-01&to=2020-01-31`)).json
      assert.deepStrictEqual([at(before, "usage"), at(before, "total", "calls"), at(before, "unpriced")], [[], 0, []])
    })
  )

  it.effect("of a session is told turn by turn, and not to be had of one that is not there", () =>
    Effect.gen(function* () {
      yield* put("turns", used("t", "x/m", 10, 0.5), used("t", "x/n", 20))
      const { json } = yield* get(`${other}/sessions/turns/usage`)
      assert.deepInclude(json as object, { total: counted(2, 30, 0.5, 1), unpriced: ["x/n"] })
      assert.deepInclude(at(json, "turns", 0) as object, {
        turn: "t",
        models: ["x/m", "x/n"],
        ...counted(2, 30, 0.5, 1)
      })
      assert.strictEqual((yield* get(`${other}/sessions/nobody/usage`)).status, 404)
    })
  )

  it.effect("of a turn with the demo model costs nothing, which is known", () =>
    Effect.gen(function* () {
      const { logUntil, say } = yield* RunningApp
      yield* say("demo", "say: hello")
      yield* logUntil("demo", "TurnEnded")
      const { json } = yield* get("/api/v1/tenants/default/sessions/demo/usage")
      assert.deepInclude(at(json, "total") as object, { calls: 1, costUsd: 0, unpricedCalls: 0 })
      assert.deepStrictEqual(at(json, "turns", 0, "models"), ["demo/demo"])
    })
  )

  it.effect("is refused with the reason where a question makes no sense", () =>
    Effect.gen(function* () {
      const cases = [
        ["from=2026-02-30", /2026-02-30 is no day of the calendar/],
        ["from=yesterday", /a day like 2026-01-31/],
        ["from=2026-02-02&to=2026-02-01", /2026-02-02 is after 2026-02-01/],
        ["by=day,tenant", /"model"/]
      ] as const
      for (const [query, reason] of cases) {
        const { json, status } = yield* get(`${other}/usage?${query}`)
        assert.strictEqual(status, 400, query)
        assert.match(String(at(json, "detail")), reason)
      }
    })
  )

  it.effect("is a tenant's own: others do not exist to its tokens", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const viewer = yield* token("viewer", "default")
      for (const path of ["usage", "sessions/a/usage"]) {
        assert.strictEqual((yield* call("GET", `${other}/${path}`, { token: viewer })).status, 404)
        assert.strictEqual((yield* call("GET", `${other}/${path}`, { token: null })).status, 401)
      }
      assert.strictEqual((yield* call("GET", "/api/v1/tenants/default/usage", { token: viewer })).status, 200)
    })
  )

  it.effect("of today stands in the tenant's answer, with what is left", () =>
    Effect.gen(function* () {
      const { within } = yield* RunningApp
      const left = Effect.map(get(other), ({ json }) => [
        at(json, "today", "tokens"),
        at(json, "today", "costUsd", "left")
      ])
      yield* within(
        "other",
        Spending.use((spending) =>
          Effect.gen(function* () {
            const reservation = yield* spending.reserve({ tokens: 1_000, cost: 2 })
            const whole = { used: 0, reserved: 1_000, limit: 5_000_000, left: 4_999_000 }
            assert.deepStrictEqual(yield* Effect.provideService(left, RunningApp, yield* RunningApp), [whole, 18])
            yield* spending.settle(reservation, { tokens: 0 })
          })
        )
      )
      assert.deepStrictEqual(yield* left, [{ used: 0, reserved: 0, limit: 5_000_000, left: 5_000_000 }, 20])
    })
  )
})
