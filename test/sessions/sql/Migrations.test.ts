import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ApprovalId } from "../../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { sessionsVersion } from "../../../src/sessions/sql/SchemaVersion.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import { accepted, called, ended, said, session } from "../../contracts/SessionStoreEvents.ts"
import { filename } from "./Database.ts"

const [a, b] = [session("a"), session("b")]
const at = (second: number) => `2025-01-01T00:00:0${second}.000Z`

/** The tables as the first version made them. */
const firstVersion = `
  CREATE TABLE sessions_migrations (migration_id integer PRIMARY KEY NOT NULL,
    created_at datetime NOT NULL DEFAULT current_timestamp, name VARCHAR(255) NOT NULL);
  INSERT INTO sessions_migrations (migration_id, name) VALUES (1, 'create');
  CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, agent TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, seq INTEGER NOT NULL);
  CREATE TABLE events (session TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (session, seq));
  CREATE TABLE messages (channel TEXT NOT NULL, external_id TEXT NOT NULL, session TEXT NOT NULL, turn TEXT NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (external_id, channel));
  CREATE TABLE turns (session TEXT NOT NULL, turn TEXT NOT NULL, ended INTEGER NOT NULL, PRIMARY KEY (session, turn));
  CREATE INDEX turns_unfinished ON turns (session) WHERE ended = 0;
  CREATE TABLE approvals (id TEXT NOT NULL PRIMARY KEY, session TEXT NOT NULL, agent TEXT NOT NULL, turn TEXT NOT NULL,
    call TEXT NOT NULL, tool TEXT NOT NULL, summary TEXT NOT NULL, asked_at TEXT NOT NULL, expires_at TEXT NOT NULL,
    settled TEXT);
  CREATE INDEX approvals_open ON approvals (asked_at, id) WHERE settled IS NULL;
  INSERT INTO sessions VALUES ('b', 'main', '${at(1)}', '${at(2)}', 2), ('a', 'main', '${at(3)}', '${at(3)}', 2);
  INSERT INTO messages VALUES ('discord', 'x', 'a', 't', 1);
  INSERT INTO turns VALUES ('a', 't', 0), ('b', 't', 1);
  INSERT INTO approvals VALUES ('p', 'a', 'main', 't', 'call', 'exec', 'ls', '${at(3)}', '2030-01-01T00:00:00.000Z', NULL);
`

const logs: ReadonlyArray<readonly [string, number, string, NewSessionEvent]> = [
  ["b", 1, at(1), said("t", "an old question")],
  ["b", 2, at(2), ended("t")],
  ["a", 1, at(3), accepted("t", "x")],
  ["a", 2, at(3), called("t", 1)]
]

const makeFirst = (path: string) => {
  mkdirSync(dirname(path))
  const database = new DatabaseSync(path)
  database.exec(firstVersion)
  const insert = database.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?)")
  for (const [session, seq, at, event] of logs) insert.run(session, seq, at, event.type, JSON.stringify(event))
  database.close()
}

describe("Migrations", () => {
  it.effect("carry over everything that the first version kept", () =>
    Effect.gen(function* () {
      const path = yield* filename
      makeFirst(path)
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        for (const id of [a, b]) {
          const expected = logs.filter(([name]) => name === id).map(([_, seq, at, event]) => ({ ...event, seq, at }))
          assert.deepStrictEqual(yield* store.read(id, { limit: 9 }), expected)
        }
        assert.deepInclude(
          { ...Option.getOrThrow(yield* store.session(b)) },
          { createdAt: at(1), updatedAt: at(2), seq: 2, unfinished: 0, compacted: 0, settings: {} }
        )
        assert.deepStrictEqual(yield* store.unfinished, [a])
        assert.deepStrictEqual(
          (yield* store.approvals).map(({ id }) => id),
          [ApprovalId.make("p")]
        )
        assert.deepInclude(Option.getOrThrow(yield* store.accepted("discord", "x")), { session: a, seq: 1 })
        assert.deepStrictEqual(
          (yield* store.search({ text: "question", limit: 9 })).map(({ session }) => session),
          [b]
        )
        yield* store.append(a, 2, [ended("t")])
        yield* store.append(session("c"), 0, [accepted("t")])
        assert.deepStrictEqual(yield* store.unfinished, [session("c")])
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
      const again = Effect.flatMap(SessionStore, (store) => store.read(a, { limit: 9 }))
      assert.lengthOf(yield* Effect.provide(again, layerSqlite({ filename: path })), 3)
    })
  )

  it.effect("refuse tables of a later version and leave them as they are", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.provide(
        SessionStore.use((store) => store.append(a, 0, [accepted("t")])),
        layerSqlite({ filename: path })
      )
      const change = (sql: string) => {
        const database = new DatabaseSync(path)
        database.exec(sql)
        database.close()
      }
      change("INSERT INTO sessions_migrations (migration_id, name) VALUES (9, 'later')")
      const error = yield* Effect.flip(Effect.provide(SessionStore, layerSqlite({ filename: path })))
      assert.strictEqual(
        error.message,
        `the database is of version 9, written by a newer fiberclaw, and this one knows versions up to ${sessionsVersion}: start the newer one, or restore a backup from before it`
      )
      change("DELETE FROM sessions_migrations WHERE migration_id = 9")
      const count = Effect.flatMap(SessionStore, (store) => store.count)
      assert.strictEqual(yield* Effect.provide(count, layerSqlite({ filename: path })), 1)
    })
  )
})
