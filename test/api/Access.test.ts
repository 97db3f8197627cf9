import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { at, type CallOptions, RunningApp } from "../support/RunningApp.ts"

const tenant = "/api/v1/tenants/default"

/** Every call that needs a token: what it needs, and what it answers whoever may. */
const calls: ReadonlyArray<readonly [role: string, method: string, path: string, ok: number, body?: unknown]> = [
  ["viewer", "GET", "/openapi.json", 200],
  ["viewer", "GET", "/docs", 200],
  ["viewer", "GET", "/v1/models", 200],
  ["viewer", "GET", "/api/v1/tenants", 200],
  ["viewer", "GET", tenant, 200],
  ["viewer", "GET", `${tenant}/agents`, 200],
  ["viewer", "GET", `${tenant}/agents/main`, 200],
  ["viewer", "GET", `${tenant}/approvals`, 200],
  ["viewer", "GET", `${tenant}/sessions`, 200],
  ["viewer", "GET", `${tenant}/sessions/access`, 200],
  ["viewer", "GET", `${tenant}/sessions/access/events`, 200],
  ["user", "POST", `${tenant}/sessions/access/messages`, 202, { text: "Hi" }],
  ["user", "POST", `${tenant}/sessions/access/cancel`, 200],
  ["user", "POST", "/v1/chat/completions", 200, { model: "main", messages: [{ role: "user", content: "Hi" }] }],
  ["operator", "POST", `${tenant}/approvals/none`, 404, { verdict: "deny" }],
  ["admin", "GET", "/api/v1/tokens", 200],
  ["admin", "POST", "/api/v1/tokens", 201, { name: "a token", role: "viewer" }],
  ["admin", "DELETE", "/api/v1/tokens/none", 404]
]

const roles = ["viewer", "user", "operator", "admin"]

layer(RunningApp.layer, { excludeTestServices: true })("Access", (it) => {
  it.effect.each(calls)("%s may %s %s, and nobody below", ([needed, method, path, ok, body]) =>
    Effect.gen(function* () {
      const { call, say, token } = yield* RunningApp
      yield* say("access", "Hi", { externalId: "first" })
      for (const role of roles) {
        const answer = yield* call(method, path, { token: yield* token(role, "default"), body })
        const expected = roles.indexOf(role) >= roles.indexOf(needed) ? ok : 403
        assert.strictEqual(answer.status, expected, `${role}: ${answer.text}`)
        if (expected === 403)
          assert.strictEqual(at(answer.json, "detail"), `this needs the role ${needed}, and the token has ${role}`)
      }
    })
  )

  it.effect.each(calls)("nobody may %s %s %s without a token or with a wrong one", ([, method, path, , body]) =>
    Effect.gen(function* () {
      const { admin, call } = yield* RunningApp
      const tries: ReadonlyArray<CallOptions> = [
        { token: null },
        { token: "guessed" },
        { token: `${admin}x` },
        { token: admin.slice(0, -1) },
        { token: "fc_0000000000000000_guessed" },
        { token: null, headers: { authorization: admin } },
        { token: null, headers: { authorization: "Bearer " } }
      ]
      for (const options of tries) {
        const answer = yield* call(method, path, { ...options, body })
        assert.strictEqual(answer.status, 401, JSON.stringify(options))
        const scheme = ["/docs", "/openapi.json"].includes(path) ? /^Basic / : /^Bearer/
        assert.match(String(answer.headers["www-authenticate"]), scheme)
        assert.strictEqual(answer.headers["content-type"], "application/problem+json")
        assert.strictEqual(at(answer.json, "detail"), "send a valid token as `Authorization: Bearer TOKEN`")
      }
    })
  )

  it.effect("answers a tenant's token about another tenant as if nothing were there", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const stranger = yield* token("admin", "other")
      for (const [, method, path, , body] of calls.filter(([, , path]) => path.startsWith(tenant))) {
        const refused = yield* call(method, path, { token: stranger, body })
        const nowhere = yield* call(method, path.replace("default", "nowhere"), { token: stranger, body })
        assert.strictEqual(refused.status, 404, path)
        assert.strictEqual(refused.text, nowhere.text.replaceAll("nowhere", "default"))
      }
      const chat = { model: "default/main", messages: [{ role: "user", content: "Hi" }] }
      assert.strictEqual((yield* call("POST", "/v1/chat/completions", { token: stranger, body: chat })).status, 404)
    })
  )

  it.effect("lists to a tenant's token its own tenant, agents and tokens only", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const secret = yield* token("admin", "other")
      yield* token("viewer", "default")
      const list = (path: string) => Effect.map(call("GET", path, { token: secret }), ({ json }) => json)
      const tenants = at(yield* list("/api/v1/tenants"), "tenants") as ReadonlyArray<unknown>
      assert.deepStrictEqual(
        tenants.map((one) => at(one, "id")),
        ["other"]
      )
      const models = at(yield* list("/v1/models"), "data") as ReadonlyArray<unknown>
      assert.deepStrictEqual(
        models.map((one) => at(one, "id")),
        ["other/main"]
      )
      const tokens = at(yield* list("/api/v1/tokens"), "tokens") as ReadonlyArray<unknown>
      assert.isAbove(tokens.length, 0)
      assert.deepStrictEqual(new Set(tokens.map((one) => at(one, "tenant"))), new Set(["other"]))
    })
  )

  it.effect("lets a tenant's administrator make and revoke tokens of that tenant only", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const own = yield* token("admin", "other")
      const make = (body: unknown) => call("POST", "/api/v1/tokens", { token: own, body })
      const made = yield* make({ name: "mine", role: "user" })
      assert.deepStrictEqual([made.status, at(made.json, "token", "tenant")], [201, "other"])
      assert.strictEqual((yield* make({ name: "theirs", role: "user", tenant: "default" })).status, 404)
      const theirs = yield* call("POST", "/api/v1/tokens", {
        body: { name: "theirs", role: "user", tenant: "default" }
      })
      const revoke = (id: unknown, secret: string) => call("DELETE", `/api/v1/tokens/${id}`, { token: secret })
      assert.strictEqual((yield* revoke(at(theirs.json, "token", "id"), own)).status, 404)
      const gone = yield* revoke(at(made.json, "token", "id"), own)
      assert.deepStrictEqual([gone.status, gone.text], [204, ""])
    })
  )

  it.effect("shows a token's secret once, and lets nobody in with a revoked one", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const made = yield* call("POST", "/api/v1/tokens", { body: { name: "brief", role: "viewer" } })
      const secret = String(at(made.json, "secret"))
      const id = at(made.json, "token", "id")
      assert.deepStrictEqual(Object.keys(at(made.json, "token") as object).sort(), ["createdAt", "id", "name", "role"])
      assert.strictEqual((yield* call("GET", "/api/v1/tenants", { token: secret })).status, 200)
      assert.notInclude((yield* call("GET", "/api/v1/tokens")).text, secret)
      assert.strictEqual((yield* call("DELETE", `/api/v1/tokens/${id}`)).status, 204)
      assert.strictEqual((yield* call("GET", "/api/v1/tenants", { token: secret })).status, 401)
      const again = yield* call("DELETE", `/api/v1/tokens/${id}`)
      assert.deepStrictEqual([again.status, at(again.json, "detail")], [404, `there is no token ${id}`])
    })
  )

  it.effect("refuses a token for a tenant that is not there, or with a role that is not", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const nowhere = yield* call("POST", "/api/v1/tokens", { body: { name: "x", role: "user", tenant: "nowhere" } })
      assert.deepStrictEqual([nowhere.status, at(nowhere.json, "detail")], [404, "there is no tenant nowhere"])
      const role = yield* call("POST", "/api/v1/tokens", { body: { name: "x", role: "owner" } })
      assert.strictEqual(role.status, 400)
      assert.match(String(at(role.json, "detail")), /^role: Expected "viewer" \| "user" \| "operator" \| "admin"/)
    })
  )
})
