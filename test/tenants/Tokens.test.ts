import { readdirSync, readFileSync, statSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option, Redacted } from "effect"
import { TenantId } from "../../src/domain/Ids.ts"
import * as SqliteClient from "../../src/sessions/sql/SqliteClient.ts"
import { Tokens } from "../../src/tenants/Tokens.ts"
import { start } from "../support/RunningApp.ts"

const admin = Redacted.make("the administrator's")

const inMemory = Tokens.layerSql({ admin }).pipe(Layer.provide(SqliteClient.layer({ filename: ":memory:" })))

const contentsOf = (folder: string): ReadonlyArray<Buffer> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name}`)
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path))

describe("Tokens", () => {
  it.effect("knows who holds a token", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const tenant = TenantId.make("acme")
      const { secret, token } = yield* tokens.create({ name: "Ada's", role: "operator", tenant })
      assert.deepStrictEqual(
        tokens.authenticate(secret),
        Option.some({ id: token.id, name: "Ada's", role: "operator", tenant })
      )
      assert.deepStrictEqual(tokens.authenticate(admin), Option.some({ id: "admin", name: "admin", role: "admin" }))
      assert.deepStrictEqual(yield* tokens.all, [token])
    }).pipe(Effect.provide(inMemory))
  )

  it.effect("knows nobody by anything that is not a whole token", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const { secret, token } = yield* tokens.create({ name: "Ada's", role: "user" })
      const text = Redacted.value(secret)
      for (const guess of [
        "",
        "_",
        "fc_",
        `fc_${token.id}_`,
        `fc_${token.id}`,
        text.slice(0, -1),
        `${text}x`,
        ` ${text}`
      ]) {
        assert.isTrue(Option.isNone(tokens.authenticate(Redacted.make(guess))), guess)
      }
    }).pipe(Effect.provide(inMemory))
  )

  it.effect("knows nobody by a revoked token, and revokes only what there is", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const { secret, token } = yield* tokens.create({ name: "Ada's", role: "user" })
      yield* tokens.revoke(token.id)
      assert.isTrue(Option.isNone(tokens.authenticate(secret)))
      const error = yield* Effect.flip(tokens.revoke(token.id))
      assert.strictEqual(error.message, `there is no token ${token.id}`)
      assert.deepStrictEqual(yield* tokens.all, [])
    }).pipe(Effect.provide(inMemory))
  )

  it.live("are in no file of the data folder, and still known after a restart", () =>
    Effect.gen(function* () {
      const data = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
      const secret = yield* Effect.scoped(
        Effect.gen(function* () {
          const app = yield* start({ data })
          const revoked = yield* app.token("viewer")
          const made = yield* app.call("GET", "/api/v1/tokens")
          const [{ id }] = (made.json as { tokens: [{ id: string }] }).tokens
          yield* app.call("DELETE", `/api/v1/tokens/${id}`)
          assert.strictEqual((yield* app.call("GET", "/api/v1/tenants", { token: revoked })).status, 401)
          return { kept: yield* app.token("viewer", "other"), revoked, admin: app.admin }
        })
      )
      const files = contentsOf(data)
      assert.isAbove(files.length, 0)
      for (const text of [secret.kept, secret.revoked, secret.kept.split("_")[2] ?? ""]) {
        assert.isFalse(files.some((content) => content.includes(text)))
      }
      const again = yield* start({ data })
      assert.strictEqual(again.admin, secret.admin)
      const status = (token: string) =>
        Effect.map(again.call("GET", "/api/v1/tenants/other", { token }), (answer) => answer.status)
      assert.deepStrictEqual([yield* status(secret.kept), yield* status(secret.revoked)], [200, 401])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
