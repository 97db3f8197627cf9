import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { DatabaseSync } from "node:sqlite"
import type { NewSessionEvent, SessionEvent } from "../../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { sessionsVersion } from "../../../src/sessions/sql/SchemaVersion.ts"
import { accepted, called, ended, session } from "../../contracts/SessionStoreEvents.ts"
import { counted, noted, used } from "../../contracts/SessionUsageContract.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import { filename, storeIn } from "./Database.ts"

const [a, b] = [session("a"), session("b")]

/** A log that ends like a fork's or an import's. */
const copied = (mark: NewSessionEvent) =>
  Stream.fromIterable(
    [accepted("t"), used("t", "x/m", 100, 1), ended("t"), mark].map(
      (event, index): SessionEvent => ({ ...event, seq: index + 1, at: "2025-01-01T00:00:00.000Z" })
    )
  )

/** Takes the table away, as if no version had known it yet. */
const forget = (path: string) => {
  const database = new DatabaseSync(path)
  database.exec(`DROP TABLE usage; DELETE FROM sessions_migrations WHERE migration_id = ${sessionsVersion}`)
  database.close()
}

describe("UsageTable", () => {
  it.effect("is filled from the logs of earlier versions, with the same as was counted at the time", () =>
    Effect.gen(function* () {
      const path = yield* filename
      const before = yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), used("t", "x/m", 10, 0.5), used("t", "x/n", 20), ended("t")])
        yield* store.append(a, 4, [accepted("u"), noted("u", "x/m", 4, 0.25), ended("u")])
        yield* store.adopt(b, copied({ type: "SessionForked", from: a, through: 3 }))
        yield* store.append(b, 4, [accepted("u"), used("u", "x/m", 2, 1)])
        yield* store.adopt(session("c"), copied({ type: "SessionImported", from: a }))
        return yield* store.usage({ by: ["day", "agent", "session", "model"] })
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
      assert.strictEqual(before.length, 3)
      forget(path)
      const after = SessionStore.use((store) => store.usage({ by: ["day", "agent", "session", "model"] }))
      assert.deepStrictEqual(yield* Effect.provide(after, layerSqlite({ filename: path })), before)
    })
  )

  it.effect(
    "takes the model that was called last where a reply does not name its own, and says what has no price",
    () =>
      Effect.gen(function* () {
        const path = yield* filename
        yield* Effect.provide(
          SessionStore.use((store) =>
            store.append(a, 0, [accepted("t"), called("t", 1), used("t", undefined, 10), ended("t")])
          ),
          layerSqlite({ filename: path })
        )
        forget(path)
        const after = SessionStore.use((store) => store.usage({ by: ["model"] }))
        assert.deepStrictEqual(yield* Effect.provide(after, layerSqlite({ filename: path })), [
          { model: "demo/demo", ...counted(1, 10, 0, 1) }
        ])
      })
  )

  it.effect("keeps nothing of a batch that could not be written", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TRIGGER full BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'full'); END`
      yield* Effect.flip(store.append(a, 0, [accepted("t"), used("t", "x/m", 2, 1)]))
      yield* sql`DROP TRIGGER full`
      assert.deepStrictEqual(yield* store.read(a, { limit: 9 }), [])
      yield* store.append(a, 0, [accepted("t"), used("t", "x/m", 2, 1)])
      assert.deepStrictEqual(yield* store.usage({ by: [] }), [counted(1, 2, 1)])
    }).pipe((body) => Effect.flatMap(filename, (filename) => Effect.provide(body, storeIn(filename))))
  )
})
