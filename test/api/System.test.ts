import { mkdirSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { OpenApi } from "effect/http-api"
import { Api } from "../../src/api/Api.ts"
import { version } from "../../src/domain/Version.ts"
import { at, RunningApp, start } from "../support/RunningApp.ts"

const public_ = { token: null }

layer(RunningApp.layer, { excludeTestServices: true })("the service itself", (it) => {
  it.effect("says to anybody that it lives", () =>
    Effect.gen(function* () {
      const { call } = yield* RunningApp
      const { json, status } = yield* call("GET", "/health", public_)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Object.keys(json as object), ["status", "timestamp", "version", "uptimeSeconds"])
      assert.strictEqual(at(json, "status"), "ok")
      assert.strictEqual(at(json, "version"), version)
      assert.match(String(at(json, "timestamp")), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.isNumber(at(json, "uptimeSeconds"))
    })
  )

  it.effect("says to anybody that it is well", () =>
    Effect.gen(function* () {
      const { json, status } = yield* (yield* RunningApp).call("GET", "/ready", public_)
      assert.deepStrictEqual([status, json], [200, { status: "ready" }])
    })
  )

  it.effect("describes every call it answers", () =>
    Effect.gen(function* () {
      const { json, status } = yield* (yield* RunningApp).call("GET", "/openapi.json")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(json, JSON.parse(JSON.stringify(OpenApi.fromApi(Api))))
      const calls = Object.entries(at(json, "paths") as object).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
      )
      assert.includeMembers(calls, [
        "GET /health",
        "GET /ready",
        "GET /v1/models",
        "POST /v1/chat/completions",
        "GET /api/v1/tree",
        "POST /api/v1/tree/restart",
        "POST /api/v1/tree/stop",
        "POST /api/v1/tree/pause",
        "POST /api/v1/tree/resume",
        "POST /api/v1/tree/kill",
        "GET /api/v1/tenants",
        "GET /api/v1/tenants/{tenant}",
        "GET /api/v1/tenants/{tenant}/agents",
        "GET /api/v1/tenants/{tenant}/agents/{agent}",
        "GET /api/v1/tenants/{tenant}/sessions/{session}/events",
        "POST /api/v1/tenants/{tenant}/sessions/{session}/messages",
        "POST /api/v1/tenants/{tenant}/sessions/{session}/cancel",
        "GET /api/v1/tenants/{tenant}/approvals",
        "POST /api/v1/tenants/{tenant}/approvals/{approval}"
      ])
    })
  )

  it.effect("documents itself on a page that loads nothing from elsewhere", () =>
    Effect.gen(function* () {
      const { headers, status, text } = yield* (yield* RunningApp).call("GET", "/docs")
      assert.strictEqual(status, 200)
      assert.match(headers["content-type"] ?? "", /^text\/html/)
      assert.match(String(headers["content-security-policy"]), /default-src 'none'.*connect-src 'self'/)
      assert.notMatch(text.replace(/<script>[\s\S]*?<\/script>/g, ""), /(src|href)="?https?:/)
      assert.include(text, `"withDefaultFonts":false`)
    })
  )

  it.effect("takes a token as the password of the browser's own dialogue for its documentation, and nowhere else", () =>
    Effect.gen(function* () {
      const { admin, call } = yield* RunningApp
      const basic = (password: string) => ({
        token: null,
        headers: { authorization: `Basic ${Buffer.from(`anybody:${password}`).toString("base64")}` }
      })
      assert.strictEqual((yield* call("GET", "/docs", basic(admin))).status, 200)
      const refused = yield* call("GET", "/docs", basic("guessed"))
      assert.strictEqual(refused.status, 401)
      assert.match(String(refused.headers["www-authenticate"]), /^Basic realm=/)
      assert.strictEqual((yield* call("GET", "/openapi.json", public_)).status, 401)
      assert.strictEqual((yield* call("GET", "/api/v1/tenants", basic(admin))).status, 401)
    })
  )

  it.effect("shows the tree of supervisors", () =>
    Effect.gen(function* () {
      const { call, token } = yield* RunningApp
      const { json } = yield* call("GET", "/api/v1/tree", { token: yield* token("viewer") })
      assert.strictEqual(at(json, "path"), "fiberclaw")
      const names = (at(json, "children") as ReadonlyArray<unknown>).map((child) => at(child, "path"))
      const parts = ["store", "telemetry", "tenants", "api", "reaper"]
      assert.includeMembers(
        names,
        parts.map((name) => `fiberclaw/${name}`)
      )
    })
  )
})

describe("a service that cannot do its work", () => {
  it.live("is not ready, with the reasons, while it is stopping and while a tenant is down", () =>
    Effect.gen(function* () {
      const data = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
      mkdirSync(`${data}/tenants/other/sessions.sqlite`, { recursive: true })
      const { call, drain } = yield* start({ data })
      const down = yield* call("GET", "/ready", public_)
      assert.deepStrictEqual([down.status, down.headers["content-type"]], [503, "application/problem+json"])
      assert.match(String(at(down.json, "reasons", 0)), /^tenant other is /)
      assert.strictEqual(at(down.json, "detail"), at(down.json, "reasons", 0))
      const refused = yield* call("GET", "/api/v1/tenants/other/agents")
      assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
      const { json } = yield* call("GET", "/api/v1/tenants")
      assert.deepStrictEqual([at(json, "tenants", 1, "id"), at(json, "tenants", 1, "use")], ["other", undefined])
      const models = yield* call("GET", "/v1/models")
      assert.deepStrictEqual(
        [at(models.json, "data", 1, "id"), at(models.json, "data", 2)],
        ["default/second", undefined]
      )

      yield* drain.begin
      const stopping = yield* call("GET", "/ready", public_)
      assert.include(at(stopping.json, "reasons") as ReadonlyArray<string>, "the service is stopping")
      const late = yield* call("POST", "/api/v1/tenants/default/sessions/s/messages", {
        body: { agent: "main", text: "Hi" }
      })
      assert.deepStrictEqual([late.status, late.headers["retry-after"]], [503, "1"])
      assert.strictEqual(at(late.json, "detail"), "the service is stopping; send it again in a moment")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
