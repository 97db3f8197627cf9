/** Tenants of one service, as their own tokens and their own files see them. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { filesOf } from "../support/Configuration.ts"
import { call, conversation, nodeAt, saidIn, tokenFor } from "../support/Conversation.ts"
import { makePlace, type Service, start, writeFiles } from "../support/Service.ts"

const tenants = ["anna", "bert"]
const secret = "the pass phrase is heliotrope"

class Two extends Context.Service<Two, Service>()("test/Two") {
  static readonly layer = Layer.effect(Two, Effect.flatMap(makePlace(filesOf({ tenants })), start))
}

const databaseOf = ({ place }: Service, tenant: string) => join(place.data, "tenants", tenant, "sessions.sqlite")

/** Everything that is kept for a tenant, byte for byte. */
const kept = ({ place }: Service, tenant: string): string => {
  const folder = join(place.data, "tenants", tenant)
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n")
}

describe("Two tenants", () => {
  layer(Two.layer, { excludeTestServices: true })((it) => {
    it.effect("keep what they are told in databases of their own", () =>
      Effect.gen(function* () {
        const service = yield* Two
        yield* conversation(service, "diary", { tenant: "anna" }).talk(`say: ${secret}`)
        yield* conversation(service, "diary", { tenant: "bert" }).talk("say: nothing")
        for (const tenant of tenants) assert.isTrue(existsSync(databaseOf(service, tenant)))
        assert.include(kept(service, "anna"), secret)
        assert.notInclude(kept(service, "bert"), secret)
      })
    )

    it.effect("do not exist for each other's tokens", () =>
      Effect.gen(function* () {
        const service = yield* Two
        yield* conversation(service, "hidden", { tenant: "anna" }).talk(`say: ${secret}`)
        const token = yield* tokenFor(service, "bert")
        const anna = "/api/v1/tenants/anna"
        const nowhere = "/api/v1/tenants/nobody"
        for (const path of [
          "",
          "/agents",
          "/agents/main",
          "/sessions",
          "/sessions/hidden",
          "/sessions/hidden/events",
          "/approvals"
        ]) {
          const hidden = yield* call(service, `${anna}${path}`, { token })
          const missing = yield* call(service, `${nowhere}${path}`, { token })
          assert.strictEqual(hidden.status, 404, path)
          assert.strictEqual(JSON.stringify(hidden.body).replaceAll("anna", "nobody"), JSON.stringify(missing.body))
        }
        assert.strictEqual((yield* conversation(service, "hidden", { tenant: "anna", token }).send("help")).status, 404)
        assert.strictEqual(
          (yield* call(service, `${anna}/sessions/hidden/cancel`, { token, method: "POST" })).status,
          404
        )
        const messages = [{ role: "user", content: "help" }]
        const chat = yield* call(service, "/v1/chat/completions", { token, body: { model: "anna/main", messages } })
        assert.strictEqual(chat.status, 404)
        for (const path of ["/api/v1/tenants", "/v1/models", "/api/v1/tokens"]) {
          const listed = yield* call(service, path, { token })
          assert.strictEqual(listed.status, 200, path)
          assert.include(JSON.stringify(listed.body), "bert")
          assert.notInclude(JSON.stringify(listed.body), "anna")
        }
      })
    )

    it.effect("may use the same names for their sessions and messages", () =>
      Effect.gen(function* () {
        const service = yield* Two
        for (const tenant of tenants) {
          const talk = conversation(service, "same", { tenant, token: yield* tokenFor(service, tenant) })
          assert.deepStrictEqual(saidIn(yield* talk.talk(`say: I am ${tenant}`, "message-1")), [`I am ${tenant}`])
        }
      })
    )
  })

  it.live("are started and answered each on its own when the other's database is damaged", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({ tenants }))
      writeFiles(place.data, { "tenants/bert/sessions.sqlite": "this is not a database ".repeat(500) })
      const service = yield* start(place)
      const events = yield* conversation(service, "diary", { tenant: "anna" }).talk("say: All is well.")
      assert.deepStrictEqual(saidIn(events), ["All is well."])
      const ready = yield* call(service, "/ready")
      assert.strictEqual(ready.status, 503)
      assert.include(JSON.stringify(ready.body), "tenant bert")
      assert.notInclude(JSON.stringify(ready.body), "anna")
      const refused = yield* conversation(service, "diary", { tenant: "bert" }).send("help")
      assert.strictEqual(refused.status, 503)
      const node = yield* nodeAt(service, "fiberclaw/tenants/bert")
      assert.include(["backing off", "starting", "parked"], node?.state)
      assert.include(node?.lastExit?.reason, "not a database")
      assert.strictEqual((yield* nodeAt(service, "fiberclaw/tenants/anna"))?.state, "running")
      assert.strictEqual((yield* nodeAt(service, "fiberclaw/tenants/anna"))?.restarts, 0)
    })
  )
})
