import { existsSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { examine, snapshot, survey } from "../../../src/sessions/sql/Inspection.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import type { Law } from "../../../src/upkeep/Databases.ts"
import { accepted, asked, bringing, called, dot, ended, session } from "../../contracts/SessionStoreEvents.ts"
import { filename, storeIn } from "./Database.ts"

const deep = { after: null, budget: 1_000_000, deep: true }

/** A database with sessions `a` (at rest), `b` (a turn under way, an approval open) and `c`. */
const lived = Effect.gen(function* () {
  const file = yield* filename
  yield* Effect.gen(function* () {
    const store = yield* SessionStore
    yield* Effect.scoped(
      Effect.andThen(
        store.keep([dot]),
        store.append(session("a"), 0, [bringing("t1", dot), called("t1", 1), ended("t1")])
      )
    )
    yield* store.append(session("b"), 0, [accepted("t2"), called("t2", 1), asked("t2", "p1")])
    yield* store.append(session("c"), 0, [accepted("t3"), ended("t3")])
  }).pipe(Effect.provide(storeIn(file)))
  return file
})

const write = (file: string, sql: string) =>
  Effect.sync(() => {
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
  })

const logOf = (id: string) => `(SELECT log FROM sessions WHERE id = '${id}')`

const faults: ReadonlyArray<readonly [Law, string, boolean]> = [
  ["sequence", `DELETE FROM events WHERE log = ${logOf("a")} AND seq = 2`, true],
  ["sequence", `DELETE FROM events WHERE log = ${logOf("a")}`, true],
  ["row", `DELETE FROM events WHERE log = ${logOf("a")} AND seq = 3`, true],
  ["row", "UPDATE sessions SET updated_at = '2001-01-01T00:00:00.000Z' WHERE id = 'a'", true],
  ["body", `UPDATE events SET body = '{}' WHERE log = ${logOf("c")} AND seq = 2`, true],
  ["body", `UPDATE events SET body = 'no JSON' WHERE log = ${logOf("c")} AND seq = 1`, false],
  ["unfinished", `INSERT INTO turns VALUES (${logOf("a")}, 't9')`, true],
  ["unfinished", `INSERT INTO turns VALUES (${logOf("a")}, 't1')`, true],
  ["unfinished", `DELETE FROM turns WHERE log = ${logOf("b")}`, false],
  ["approval", "UPDATE approvals SET id = 'p9'", true],
  ["approval", "UPDATE approvals SET settled = 'allow'", true],
  ["file", "DELETE FROM files", true],
  ["orphan", "INSERT INTO files VALUES ('77', x'00')", true],
  ["orphan", "INSERT INTO orphans VALUES (77)", true],
  ["stray", "INSERT INTO events (log, seq, at, type, body) VALUES (77, 1, '', '', '')", true],
  ["stray", "INSERT INTO turns VALUES (77, 't1')", true],
  ["stray", "UPDATE brought SET log = 77", true],
  ["stray", "UPDATE approvals SET session = 'nobody'", true]
]

describe("Inspection", () => {
  it.effect("finds nothing wrong in what the store writes, and knows its version", () =>
    Effect.gen(function* () {
      const file = yield* lived
      const seen = survey(file, "sessions", true)
      assert.deepInclude(seen, { state: "open", damage: [], sessions: 3, events: 8 })
      assert.strictEqual(seen.version, seen.known)
      for (const all of [true, false]) {
        const stretch = examine({ ...deep, file, deep: all })
        assert.deepStrictEqual(stretch, { next: null, sessions: 3, events: 8, breaches: [], more: 0 })
      }
    })
  )

  it.effect.each(faults)("tells a breach of %s: %s", ([law, sql, shallow]) =>
    Effect.gen(function* () {
      const file = yield* lived
      yield* write(file, sql)
      assert.include(
        examine({ ...deep, file }).breaches.map((breach) => breach.law),
        law
      )
      const quick = examine({ ...deep, file, deep: false }).breaches.map((breach) => breach.law)
      if (shallow) assert.include(quick, law)
      else assert.notInclude(quick, law)
    })
  )

  it.effect("goes on where it stopped, session by session", () =>
    Effect.gen(function* () {
      const file = yield* lived
      const first = examine({ ...deep, file, budget: 1 })
      const second = examine({ ...deep, file, budget: 1, after: first.next })
      const third = examine({ ...deep, file, budget: 1, after: second.next })
      assert.deepStrictEqual([first.next, second.next, third.next], ["a", "b", null])
    })
  )

  it.effect("says what is no database, what is cut off, and what is not there", () =>
    Effect.gen(function* () {
      const file = yield* lived
      assert.strictEqual(survey(`${file}.none`, "sessions", false).state, "missing")
      writeFileSync(`${file}.text`, "no database ".repeat(1000))
      assert.strictEqual(survey(`${file}.text`, "sessions", false).state, "foreign")
      truncateSync(file, 4096 * 3)
      const cut = survey(file, "sessions", false)
      assert.isTrue(cut.state === "damaged" || cut.damage.length > 0)
    })
  )

  it.effect("says that somebody has it locked", () =>
    Effect.gen(function* () {
      const file = yield* lived
      const holder = new DatabaseSync(file)
      holder.exec("PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE mine (x)")
      assert.strictEqual(survey(file, "sessions", false).state, "locked")
      holder.close()
      assert.strictEqual(survey(file, "sessions", false).state, "open")
    })
  )

  it.effect("changes nothing, and copies what an open store has committed", () =>
    Effect.gen(function* () {
      const file = yield* filename
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(session("a"), 0, [accepted("t1"), ended("t1")])
        const before = readdirSync(dirname(file)).map((name) => [name, statSync(`${dirname(file)}/${name}`).size])
        survey(file, "sessions", true)
        assert.deepStrictEqual(examine({ ...deep, file }).breaches, [])
        const after = readdirSync(dirname(file)).map((name) => [name, statSync(`${dirname(file)}/${name}`).size])
        assert.deepStrictEqual(after, before)
        snapshot(file, `${file}.copy`)
        yield* store.append(session("a"), 2, [accepted("t2"), ended("t2")])
      }).pipe(Effect.provide(storeIn(file)))
      assert.strictEqual(examine({ ...deep, file: `${file}.copy` }).events, 2)
      assert.strictEqual(examine({ ...deep, file }).events, 4)
      assert.strictEqual(statSync(`${file}.copy`).mode & 0o777, 0o600)
      assert.isFalse(existsSync(`${file}.copy-wal`))
    })
  )
})
