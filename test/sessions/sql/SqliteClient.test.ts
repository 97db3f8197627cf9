import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { existsSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { layer } from "../../../src/sessions/sql/SqliteClient.ts"
import { filename } from "./Database.ts"

const using = <A, E>(body: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.flatMap(filename, (filename) => Effect.provide(body, layer({ filename })))

const numbers = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE numbers (n INTEGER NOT NULL UNIQUE)`
  const add = (n: number) => sql`INSERT INTO numbers ${sql.insert({ n })}`
  const all = Effect.map(sql<{ n: number }>`SELECT n FROM numbers ORDER BY n`, (rows) => rows.map(({ n }) => n))
  return { sql, add, all }
})

describe("SqliteClient", () => {
  it.effect("creates a private file and leaves nothing but it behind", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.gen(function* () {
        yield* numbers
        assert.strictEqual(statSync(path).mode & 0o777, 0o600)
        assert.strictEqual(statSync(`${path}-wal`).mode & 0o777, 0o600)
        assert.strictEqual(statSync(dirname(path)).mode & 0o777, 0o700)
      }).pipe(Effect.provide(layer({ filename: path })))
      assert.isTrue(existsSync(path))
      assert.isFalse(existsSync(`${path}-wal`))
    })
  )

  it.effect("is durable: WAL, synced at every commit, foreign keys enforced", () =>
    using(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
        assert.deepStrictEqual(yield* sql`PRAGMA synchronous`.valuesUnprepared, [[2]])
        assert.deepStrictEqual(yield* sql`PRAGMA foreign_keys`.values, [[1]])
      })
    )
  )

  it.effect("runs in memory too", () =>
    Effect.gen(function* () {
      const { add, all } = yield* numbers
      yield* add(1)
      assert.deepStrictEqual(yield* all, [1])
      assert.isFalse(existsSync(":memory:"))
    }).pipe(Effect.provide(layer({ filename: ":memory:" })))
  )

  it.effect("answers in rows, streams and raw results", () =>
    using(
      Effect.gen(function* () {
        const { add, sql } = yield* numbers
        assert.include(yield* add(7).raw, { changes: 1 })
        const rows = yield* sql<{ n: number }>`SELECT n FROM numbers`.unprepared
        assert.deepStrictEqual(
          rows.map((row) => ({ ...row })),
          [{ n: 7 }]
        )
        const streamed = yield* Stream.runCollect(sql<{ n: number }>`SELECT n FROM numbers`.stream)
        assert.deepStrictEqual(
          streamed.map(({ n }) => n),
          [7]
        )
      })
    )
  )

  it.effect("prepares more statements than it keeps", () =>
    using(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        for (let n = 0; n < 600; n++) {
          assert.deepStrictEqual(yield* sql`SELECT ${sql.literal(String(n % 300))} AS n`.values, [[n % 300]])
        }
      })
    )
  )

  it.effect("keeps others out of an open transaction, which leaves nothing when it fails", () =>
    using(
      Effect.gen(function* () {
        const { add, all, sql } = yield* numbers
        const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const step = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
        const failing = Effect.andThen(add(1), Effect.andThen(step, Effect.fail("no")))
        const transaction = yield* Effect.forkChild(Effect.exit(sql.withTransaction(failing)))
        yield* Deferred.await(begun)
        const reader = yield* Effect.forkChild(all, { startImmediately: true })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(transaction)
        assert.deepStrictEqual(yield* Fiber.join(reader), [])
      })
    )
  )

  it.effect("undoes a failed inner transaction alone", () =>
    using(
      Effect.gen(function* () {
        const { add, all, sql } = yield* numbers
        const inner = sql.withTransaction(Effect.andThen(add(2), Effect.fail("no")))
        yield* sql.withTransaction(Effect.all([add(1), Effect.ignore(inner), sql.withTransaction(add(3))]))
        assert.deepStrictEqual(yield* all, [1, 3])
      })
    )
  )

  it.effect("works on after a COMMIT that failed", () =>
    using(
      Effect.gen(function* () {
        const { add, all, sql } = yield* numbers
        yield* sql`CREATE TABLE notes (n INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)`
        const orphan = Effect.andThen(add(1), sql`INSERT INTO notes VALUES (2)`)
        const error = yield* Effect.flip(sql.withTransaction(orphan))
        assert.strictEqual(error.reason._tag, "ConstraintError")
        yield* sql.withTransaction(add(3))
        assert.deepStrictEqual(yield* all, [3])
      })
    )
  )

  it.effect("tells violations of primary and other unique keys as such", () =>
    using(
      Effect.gen(function* () {
        const { add, sql } = yield* numbers
        yield* sql`CREATE TABLE names (name TEXT NOT NULL PRIMARY KEY)`
        const name = sql`INSERT INTO names VALUES ('x')`
        for (const insert of [add(1), name]) {
          yield* insert
          assert.strictEqual((yield* Effect.flip(insert)).reason._tag, "UniqueViolation")
        }
      })
    )
  )

  it.effect("says in a sentence what keeps it from working", () =>
    Effect.gen(function* () {
      const path = yield* filename
      const sentences = yield* Effect.gen(function* () {
        const { add, sql } = yield* numbers
        yield* sql`PRAGMA busy_timeout = 0`
        const other = new DatabaseSync(path)
        other.exec("BEGIN IMMEDIATE")
        const locked = yield* Effect.flip(add(1))
        other.close()
        yield* sql`PRAGMA query_only = ON`
        const failures = [locked, yield* Effect.flip(add(1)), yield* Effect.flip(sql`SELECT * FROM nowhere`)]
        const refused = yield* Effect.flip(sql`SELECT ${1}, ${{}}`)
        return [...failures, refused].map(({ message }) => message)
      }).pipe(Effect.provide(layer({ filename: path })))
      assert.deepStrictEqual(sentences.slice(0, 3), [
        "another process holds the database's lock",
        "the database is read-only",
        "the database failed: no such table: nowhere"
      ])
      assert.match(sentences[3] ?? "", /^the database failed: .* cannot be bound/)
      const folder = dirname(path)
      const unopened = yield* Effect.flip(Effect.provide(numbers, layer({ filename: folder })))
      assert.match(unopened.message, /^the database .* cannot be opened: EISDIR/)
    })
  )
})
