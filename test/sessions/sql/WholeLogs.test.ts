import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { SessionEvent } from "../../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { accepted, ended, said, session } from "../../contracts/SessionStoreEvents.ts"
import { filename, storeIn } from "./Database.ts"

const a = session("a")
const program = fileURLToPath(new URL("adoptUntilKilled.ts", import.meta.url))

/** A log of this many events, its turns all ended. */
const logOf = (length: number) =>
  Stream.map(
    Stream.range(1, length),
    (seq): SessionEvent => ({
      ...(seq % 2 === 1 ? said(`t${seq}`, `number ${seq}`) : ended(`t${seq - 1}`)),
      seq,
      at: "2025-01-01T00:00:00.000Z"
    })
  )

const withStore = (body: Effect.Effect<void, unknown, SessionStore | SqlClient.SqlClient>) =>
  Effect.flatMap(filename, (filename) => Effect.provide(body, storeIn(filename)))

const rows = (table: string) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(sql<{ n: number }>`SELECT COUNT(*) AS n FROM ${sql(table)}`, ([row]) => row?.n)
  )

/** Waits until the store has purged all that it is purging. */
const purged = Effect.repeat(rows("orphans"), { until: (left) => left === 0 })

describe("WholeLogs", () => {
  it.effect("leaves nothing of an adoption that was killed half-way, and can adopt the log again", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.callback<void>((resume) => {
        const child = spawn(process.execPath, [program, path], { stdio: ["ignore", "pipe", "inherit"] })
        let output = ""
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          output += text
          if (output.split("\n").length > 3) child.kill("SIGKILL")
        })
        child.on("close", () => resume(Effect.void))
        return Effect.sync(() => child.kill("SIGKILL"))
      })
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        assert.strictEqual(yield* store.count, 0)
        assert.deepStrictEqual(yield* store.read(a, { limit: 9 }), [])
        assert.isTrue(Option.isNone(yield* store.accepted("discord", "x1")))
        assert.deepStrictEqual(yield* store.search({ text: "hello", limit: 9 }), [])
        assert.strictEqual((yield* store.adopt(a, logOf(10))).seq, 10)
        yield* purged
        assert.strictEqual(yield* rows("events"), 10)
        assert.strictEqual(yield* rows("messages"), 0)
      }).pipe(Effect.provide(storeIn(path)))
    })
  )

  it.effect("purges a log whose removal was cut off, when the store starts again", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        yield* store.adopt(a, logOf(600))
        yield* store.append(session("b"), 0, [said("t", "number")])
        assert.lengthOf(yield* store.search({ text: "number", limit: 99 }), 99)
        yield* sql`INSERT INTO orphans SELECT log FROM sessions WHERE id = 'a'`
        yield* sql`DELETE FROM sessions WHERE id = 'a'`
      }).pipe(Effect.provide(storeIn(path)))
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* purged
        assert.strictEqual(yield* rows("events"), 1)
        assert.deepStrictEqual(
          (yield* store.search({ text: "number", limit: 9 })).map(({ session }) => session),
          ["b"]
        )
      }).pipe(Effect.provide(storeIn(path)))
    })
  )

  it.effect("lets others get on while a long log comes and goes", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        let turns = 0
        const count = Effect.sync(() => turns++)
        const counting = Effect.forever(Effect.andThen(count, Effect.yieldNow), { disableYield: true })
        yield* Effect.forkChild(counting, { startImmediately: true })
        yield* store.adopt(a, logOf(2_000))
        assert.isAtLeast(turns, 8)
        turns = 0
        yield* store.append(session("b"), 0, [accepted("t")])
        assert.isTrue(yield* store.remove(a))
        assert.isAtLeast(turns, 8)
        assert.strictEqual(yield* rows("events"), 1)
      })
    )
  )

  it.effect("writes nothing of a log that the disk has no room for, and goes on", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        yield* store.append(session("b"), 0, [accepted("t")])
        yield* sql`PRAGMA max_page_count = 80`
        const error = yield* Effect.flip(store.adopt(a, logOf(10_000)))
        assert.strictEqual(error.message, "the disk is full")
        yield* purged
        assert.strictEqual(yield* rows("events"), 1)
        yield* store.append(session("b"), 1, [ended("t")])
        assert.strictEqual((yield* store.adopt(a, logOf(10))).seq, 10)
      })
    )
  )

  it.effect("leaves every commit of an append synced, also when it failed itself", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        const full = [{ synchronous: 2 }]
        yield* store.adopt(a, logOf(300))
        yield* store.search({ text: "number", limit: 9 })
        assert.deepStrictEqual(yield* sql`PRAGMA synchronous`.unprepared, full)
        yield* sql`PRAGMA max_page_count = 80`
        yield* Effect.flip(store.adopt(session("b"), logOf(10_000)))
        assert.isTrue(yield* store.remove(a))
        assert.deepStrictEqual(yield* sql`PRAGMA synchronous`.unprepared, full)
      })
    )
  )

  it.effect("never gives a log a number under which another is still being purged", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO orphans VALUES (7)`
        yield* store.append(a, 0, [accepted("t")])
        yield* store.append(session("b"), 0, [accepted("t")])
        const logs = yield* sql<{ log: number }>`SELECT log FROM sessions ORDER BY log`
        assert.deepStrictEqual(
          logs.map(({ log }) => log),
          [8, 9]
        )
      })
    )
  )
})
