import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { isCrossSite, isOurHost } from "../../src/api/Guard.ts"
import { at, RunningApp } from "../support/RunningApp.ts"

const hosts: ReadonlyArray<readonly [host: string | undefined, ours: boolean]> = [
  ["127.0.0.1:4000", true],
  ["127.0.0.1", true],
  ["[::1]:4000", true],
  ["[::1]", true],
  ["192.168.1.7:4000", true],
  ["localhost:4000", true],
  ["LOCALHOST:4000", true],
  ["app.localhost", true],
  ["claw.example.org", true],
  ["claw.example.org:443", true],
  ["evil.example", false],
  ["evil.example:4000", false],
  ["127.0.0.1.evil.example", false],
  ["localhost.evil.example", false],
  ["evillocalhost", false],
  ["claw.example.org.evil.example", false],
  ["user@evil.example", false],
  ["", false],
  ["a b", false],
  [undefined, false]
]

const us = "127.0.0.1:4000"

const requests: ReadonlyArray<readonly [crossSite: boolean, method: string, headers: Record<string, string>]> = [
  [false, "POST", {}],
  [false, "POST", { origin: `http://${us}` }],
  [false, "POST", { origin: `http://${us}`, "sec-fetch-site": "same-origin" }],
  [false, "GET", { "sec-fetch-site": "none" }],
  [true, "POST", { origin: "null" }],
  [true, "POST", { origin: "http://evil.example" }],
  [true, "POST", { origin: "http://127.0.0.1:4001" }],
  [true, "GET", { origin: "http://evil.example" }],
  [true, "GET", { "sec-fetch-site": "cross-site" }],
  [true, "GET", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }],
  [true, "POST", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }],
  [true, "GET", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }],
  [false, "GET", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }]
]

describe("Guard", () => {
  it.each(hosts)("knows whether %s is its host: %s", (host, ours) => {
    assert.strictEqual(isOurHost(host, ["127.0.0.1", "Claw.Example.org:443"]), ours)
  })

  it.each(requests)("knows whether a page of another site calls: %s, %s %o", (crossSite, method, headers) => {
    assert.strictEqual(isCrossSite(method, { host: us, ...headers }), crossSite)
  })
})

layer(RunningApp.layer, { excludeTestServices: true })("The guard of a running service", (it) => {
  it.effect("refuses hosts that are not ours, whatever the path", () =>
    Effect.gen(function* () {
      const { call, port } = yield* RunningApp
      for (const path of ["/health", "/api/v1/tenants", "/docs", "/nowhere"]) {
        const { json, status } = yield* call("GET", path, { headers: { host: "evil.example" } })
        assert.deepStrictEqual(
          [status, at(json, "detail")],
          [403, "this service does not answer to the host evil.example"]
        )
      }
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
        assert.strictEqual((yield* call("GET", "/api/v1/tenants", { headers: { host } })).status, 200)
      }
    })
  )

  it.effect("refuses what pages of other sites ask, and answers its own", () =>
    Effect.gen(function* () {
      const { call, url } = yield* RunningApp
      const asked = (headers: Record<string, string>) =>
        Effect.map(call("GET", "/api/v1/tenants", { headers }), ({ status }) => status)
      assert.strictEqual(yield* asked({ origin: "http://evil.example" }), 403)
      assert.strictEqual(yield* asked({ origin: "null" }), 403)
      assert.strictEqual(yield* asked({ "sec-fetch-site": "cross-site" }), 403)
      assert.strictEqual(yield* asked({ origin: url, "sec-fetch-site": "same-origin" }), 200)
    })
  )
})
