import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Result, Scope } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { NewSessionEvent } from "../../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { Incarnation } from "../../../src/kernel/Incarnation.ts"
import { layer } from "../../../src/sessions/sql/SqlSessionStore.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import * as SqliteClient from "../../../src/sessions/sql/SqliteClient.ts"
import { accepted, asked, called, ended, session } from "../../contracts/SessionStoreEvents.ts"
import { filename, storeIn } from "./Database.ts"

const [a, b] = [session("a"), session("b")]
const big = (inTurn: string): NewSessionEvent => ({ ...accepted(inTurn), ...{ text: "x".repeat(1_000_000) } })

const withStore = (body: Effect.Effect<void, unknown, SessionStore | SqlClient.SqlClient>) =>
  Effect.flatMap(filename, (filename) => Effect.provide(body, storeIn(filename)))

const withClient = (body: Effect.Effect<void, unknown, SqlClient.SqlClient | Incarnation>) =>
  Effect.flatMap(filename, (filename) =>
    Effect.provide(body, Layer.merge(SqliteClient.layer({ filename }), Incarnation.layerAlone))
  )

/** Appends to both sessions at once, so that they share a transaction. */
const appendBoth = (events: readonly [NewSessionEvent, ...Array<NewSessionEvent>], afters = [0, 0]) =>
  Effect.flatMap(SessionStore, (store) =>
    Effect.forEach([a, b], (id, index) => Effect.result(store.append(id, afters[index] ?? 0, events)), {
      concurrency: "unbounded"
    })
  )

const reasons = (results: ReadonlyArray<Result.Result<unknown, { readonly message: string }>>) =>
  results.map((result) => (Result.isFailure(result) ? result.failure.message : "stored"))

describe("SqlSessionStore", () => {
  it.effect("has everything when the file is opened again", () =>
    Effect.gen(function* () {
      const path = yield* filename
      const look = Effect.gen(function* () {
        const store = yield* SessionStore
        return {
          log: yield* store.read(a, { limit: 10 }),
          sessions: yield* store.sessions({ order: "id", limit: 10 }),
          unfinished: yield* store.unfinished,
          approvals: yield* store.approvals,
          accepted: yield* store.accepted("discord", "x")
        }
      })
      const before = yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t", "x"), called("t", 1), asked("t", "approval")])
        yield* store.append(b, 0, [accepted("t"), ended("t")])
        return yield* look
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
      assert.lengthOf(before.log, 3)
      assert.deepStrictEqual(yield* Effect.provide(look, layerSqlite({ filename: path })), before)
    })
  )

  it.effect("keeps nothing when the disk is full, and works again when there is room", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        yield* store.append(a, 0, [accepted("t")])
        yield* sql`PRAGMA max_page_count = 40`
        const results = yield* appendBoth([big("u"), asked("u", "approval")], [1, 0])
        assert.deepStrictEqual(reasons(results), ["the disk is full", "the disk is full"])
        assert.lengthOf(yield* store.read(a, { limit: 10 }), 1)
        assert.deepStrictEqual(yield* store.approvals, [])
        yield* store.append(a, 1, [called("t", 1)])
        yield* sql`PRAGMA max_page_count = 100000`
        assert.deepStrictEqual(reasons(yield* appendBoth([big("u")], [2, 0])), ["stored", "stored"])
      })
    )
  )

  it.effect("refuses what a read-only database cannot take, and recovers", () =>
    withStore(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`PRAGMA query_only = ON`
        const readOnly = "the database is read-only"
        assert.deepStrictEqual(reasons(yield* appendBoth([accepted("t")])), [readOnly, readOnly])
        yield* sql`PRAGMA query_only = OFF`
        assert.deepStrictEqual(reasons(yield* appendBoth([accepted("t")])), ["stored", "stored"])
      })
    )
  )

  it.effect("goes on when even the ROLLBACK of a failed transaction fails", () =>
    Effect.gen(function* () {
      const path = yield* filename
      let broken = false
      const reason = new SqlError.ConnectionError({ cause: "torn", message: "the connection is torn" })
      const fragile = Layer.effect(
        SqlClient.SqlClient,
        Effect.map(SqlClient.SqlClient, (sql) => {
          const { withTransaction } = sql
          const tear = Effect.suspend(() => (broken ? Effect.die(new SqlError.SqlError({ reason })) : Effect.void))
          return Object.assign(sql, {
            withTransaction: (<R, E, A>(self: Effect.Effect<A, E, R>) =>
              Effect.andThen(tear, withTransaction(self))) satisfies typeof withTransaction
          })
        })
      )
      yield* Effect.gen(function* () {
        broken = true
        const torn = "the connection is torn"
        assert.deepStrictEqual(reasons(yield* appendBoth([accepted("t")])), [torn, torn])
        broken = false
        assert.deepStrictEqual(reasons(yield* appendBoth([accepted("t")])), ["stored", "stored"])
      }).pipe(Effect.provide(layer.pipe(Layer.provide(fragile), Layer.provide(storeIn(path)))))
    })
  )

  it.effect("lets only the append fail that hits a row another process left", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO events ${sql.insert({ log: 2, seq: 1, at: "", type: "TurnResumed", body: "" })}`
        const [first, second] = reasons(yield* appendBoth([accepted("t")]))
        assert.strictEqual(first, "stored")
        assert.strictEqual(second, "the database failed: UNIQUE constraint failed: events.log, events.seq")
        assert.deepStrictEqual(
          (yield* store.sessions({ order: "id", limit: 10 })).map(({ id }) => id),
          [a]
        )
      })
    )
  )

  it.effect("names the event that cannot be read, and skips none", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        yield* store.append(a, 0, [accepted("t"), called("t", 1), ended("t")])
        yield* sql`UPDATE events SET body = '{"type":"ModelCalled"}' WHERE seq = 2`
        const error = yield* Effect.flip(store.read(a, { limit: 10 }))
        assert.strictEqual(error._tag, "StoreUnavailable")
        assert.match(error.message, /^event 2 of session a cannot be read: Missing key at \["turn"\]/)
        assert.lengthOf(yield* store.read(a, { after: 2, limit: 10 }), 1)
        yield* sql`UPDATE sessions SET agent = 'Not An Agent'`
        assert.match((yield* Effect.flip(store.session(a))).message, /^a stored row cannot be read: Expected 1 to 63/)
        yield* sql`DROP TABLE events`
        assert.strictEqual(
          (yield* Effect.flip(store.read(a, { limit: 1 }))).message,
          "the database failed: no such table: events"
        )
      })
    )
  )

  it.effect("lets others get on while a long log is read", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const long = Array.from({ length: 1_099 }, (_, index) => called("t", index))
        yield* store.append(a, 0, [accepted("t"), ...long])
        let turns = 0
        const count = Effect.sync(() => turns++)
        const counting = Effect.forever(Effect.andThen(count, Effect.yieldNow), { disableYield: true })
        yield* Effect.forkChild(counting, { startImmediately: true })
        const read = yield* store.read(a, { after: 50, limit: 1_000 })
        assert.deepStrictEqual(
          read.map(({ seq }) => seq),
          Array.from({ length: 1_000 }, (_, index) => index + 51)
        )
        assert.isAtLeast(turns, 3)
      })
    )
  )

  it.effect("takes more appends and longer ones than one statement or one transaction holds", () =>
    withStore(
      Effect.gen(function* () {
        const store = yield* SessionStore
        const long = Array.from({ length: 300 }, (_, index) => called("t", index))
        yield* store.append(session("long"), 0, [accepted("t"), ...long])
        const ids = Array.from({ length: 700 }, (_, index) => session(`s${index}`))
        yield* Effect.forEach(ids, (id) => store.append(id, 0, [accepted("t", id)]), { concurrency: "unbounded" })
        assert.strictEqual(yield* store.count, 701)
        assert.lengthOf(yield* store.unfinished, 701)
        assert.lengthOf(yield* store.read(session("long"), { limit: 1000 }), 301)
        assert.lengthOf(yield* store.sessions({ order: "recent", limit: 1000 }), 701)
        const named = yield* store.sessions({ order: "id", named: "S69", limit: 1000 })
        assert.deepStrictEqual(
          named.map(({ id }) => id),
          ["s69", ...Array.from({ length: 10 }, (_, index) => `s69${index}`)]
        )
        assert.isTrue(Option.isSome(yield* store.accepted("discord", "s699")))
      })
    )
  )

  it.effect("refuses appends once it is closed", () =>
    Effect.gen(function* () {
      const path = yield* filename
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerSqlite({ filename: path }), scope)
      const append = Effect.provide(
        SessionStore.use((store) => store.append(a, 0, [accepted("t")])),
        context
      )
      const waiting = yield* Effect.forkChild(Effect.result(append), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const late = yield* Effect.result(append)
      assert.deepStrictEqual(reasons([yield* Fiber.join(waiting), late]), [
        "the session store is closed",
        "the session store is closed"
      ])
    })
  )

  it.effect("says why it cannot start", () =>
    Effect.gen(function* () {
      const path = yield* filename
      mkdirSync(dirname(path))
      writeFileSync(path, "this is not a database, but it is long enough to be taken for one".repeat(100))
      const error = yield* Effect.flip(Effect.provide(SessionStore, layerSqlite({ filename: path })))
      assert.strictEqual(error._tag, "StoreUnavailable")
      assert.match(error.message, /^the database .* cannot be opened: file is not a database/)
    })
  )

  it.effect("does not take over tables that are somebody else's", () =>
    withClient(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE sessions (mine TEXT)`
        const error = yield* Effect.flip(Effect.provide(SessionStore, Layer.fresh(layer)))
        assert.match(error.message, /^the session tables cannot be brought up to date: Migration "1_create" failed/)
      })
    )
  )
})

/** A disk of two megabytes, where the tests may mount one. */
const mountSmallDisk = () => {
  const folder = mkdtempSync(join(tmpdir(), "fiberclaw-disk-"))
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "ignore" })
  return folder
}

const unmount = (folder: string) => {
  execFileSync("umount", [folder])
  rmdirSync(folder)
}

const canMount = Exit.isSuccess(Effect.runSyncExit(Effect.sync(() => unmount(mountSmallDisk()))))

describe("SqlSessionStore on a small disk", () => {
  it.effect.runIf(canMount)("survives that it fills up", () =>
    Effect.gen(function* () {
      const disk = yield* Effect.acquireRelease(Effect.sync(mountSmallDisk), (folder) =>
        Effect.sync(() => unmount(folder))
      )
      const path = join(disk, "sessions.db")
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t")])
        const results = yield* appendBoth([big("u"), big("u"), big("u")], [1, 0])
        assert.deepStrictEqual(reasons(results), ["the disk is full", "the disk is full"])
        yield* store.append(a, 1, [ended("t")])
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
      const log = yield* Effect.provide(
        SessionStore.use((store) => store.read(a, { limit: 9 })),
        layerSqlite({ filename: path })
      )
      assert.deepStrictEqual(
        log.map(({ type }) => type),
        ["MessageAccepted", "TurnEnded"]
      )
    })
  )
})
