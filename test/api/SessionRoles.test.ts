import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { type CallOptions, at, RunningApp } from "../support/RunningApp.ts"
import { assertProblem, sessions, talk } from "./SessionCalls.ts"

const jsonl = { headers: { "content-type": "application/x-ndjson" }, body: "{}" }

/** Every call on sessions, and the least role that may make it. */
const calls: ReadonlyArray<readonly [role: string, method: string, path: string, options?: CallOptions]> = [
  ["viewer", "GET", ""],
  ["viewer", "GET", "/-/search?q=hello"],
  ["viewer", "GET", "/s"],
  ["viewer", "GET", "/s/events"],
  ["viewer", "GET", "/s/events", { headers: { accept: "text/event-stream" } }],
  ["viewer", "GET", "/s/export"],
  ["user", "POST", "/s/messages", { body: { text: "say: hello" } }],
  ["user", "POST", "/s/cancel"],
  ["user", "PATCH", "/s", { body: { name: "S" } }],
  ["user", "POST", "/s/fork", { body: { at: 1 } }],
  ["user", "POST", "/s/pins", { body: { event: 1 } }],
  ["user", "DELETE", "/s/pins", { body: { event: 1 } }],
  ["operator", "POST", "/new/import", jsonl],
  ["operator", "DELETE", "/s"]
]

const roles = ["viewer", "user", "operator"]

layer(RunningApp.layer, { excludeTestServices: true })("Calls on sessions", (it) => {
  it.effect("need the role that is written down for them, and no more", () =>
    Effect.gen(function* () {
      const { open, token } = yield* RunningApp
      yield* talk("s", "say: hello")
      for (const role of roles) {
        const own = yield* token(role, "default")
        for (const [needed, method, path, options] of calls) {
          const { status } = yield* Effect.scoped(open(method, `${sessions}${path}`, { ...options, token: own }))
          const may = roles.indexOf(role) >= roles.indexOf(needed)
          if (may) assert.notStrictEqual(status, 403, `${role}: ${method} ${path}`)
          else assert.strictEqual(status, 403, `${role}: ${method} ${path}`)
        }
      }
    })
  )

  it.effect("are answered as if nothing were there to a token of another tenant", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      yield* talk("s", "say: hello")
      const stranger = yield* token("admin", "other")
      for (const [, method, path, options] of calls) {
        const answer = yield* call(method, `${sessions}${path}`, { ...options, token: stranger })
        assertProblem(answer, 404, /^there is no tenant default$/)
      }
      assert.strictEqual((yield* call("GET", `${sessions}/s`)).status, 200)
    })
  )

  it.effect("are described, all of them", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const { json } = yield* call("GET", "/openapi.json")
      for (const [, method, path] of calls) {
        const named = path.replace(/\?.*/, "").replace(/^\/(s|new)\b/, "/{session}")
        const described = at(json, "paths", `/api/v1/tenants/{tenant}/sessions${named}`, method.toLowerCase())
        assert.isDefined(described, `${method} ${named}`)
      }
    })
  )
})
