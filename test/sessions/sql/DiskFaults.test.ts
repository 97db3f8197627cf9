import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { copyFileSync, mkdirSync, openSync, closeSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import { accepted, ended, said, session } from "../../contracts/SessionStoreEvents.ts"
import { filename } from "./Database.ts"

const [a, b] = [session("a"), session("b")]

const pageSize = 4096

const scribble = (path: string, position: number, length: number) => {
  const file = openSync(path, "r+")
  writeSync(file, Buffer.alloc(length, 0xa5), 0, length, position)
  closeSync(file)
}

/** Where the page starts that holds the one text and not the other. */
const pageWith = (file: Buffer, text: string, other: string) => {
  for (let start = 0; start < file.length; start += pageSize) {
    const page = file.subarray(start, start + pageSize)
    if (page.includes(text) && !page.includes(other)) return start
  }
  throw new Error("no such page")
}

/** The types of the events that a session has in the database at this path. */
const typesIn = (path: string) =>
  SessionStore.use((store) => store.read(a, { limit: 9 })).pipe(
    Effect.map((log) => log.map(({ type }) => type)),
    Effect.provide(layerSqlite({ filename: path }))
  )

/** What a crash leaves: the files of a store that is still open, after two appends. */
const crashed = Effect.gen(function* () {
  const path = yield* filename
  const copy = join(dirname(path), "crash", "sessions.db")
  yield* Effect.gen(function* () {
    const store = yield* SessionStore
    yield* store.append(a, 0, [accepted("t")])
    yield* store.append(a, 1, [ended("t")])
    mkdirSync(dirname(copy))
    for (const ending of ["", "-wal"]) copyFileSync(`${path}${ending}`, `${copy}${ending}`)
  }).pipe(Effect.provide(layerSqlite({ filename: path })))
  return copy
})

describe("A store whose disk is at fault", () => {
  it.effect("recovers every commit that a crash left in the write-ahead log", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* typesIn(yield* crashed), ["MessageAccepted", "TurnEnded"])
    })
  )

  it.effect.each([
    ["cut short", (wal: string) => truncateSync(wal, statSync(wal).size - 100)],
    ["garbled", (wal: string) => scribble(wal, statSync(wal).size - 100, 100)]
  ] as const)("recovers up to the last whole commit when the last write was %s", ([_, tear]) =>
    Effect.gen(function* () {
      const path = yield* crashed
      tear(`${path}-wal`)
      assert.deepStrictEqual(yield* typesIn(path), ["MessageAccepted"])
      yield* Effect.provide(
        SessionStore.use((store) => store.append(a, 1, [ended("t")])),
        layerSqlite({ filename: path })
      )
      assert.deepStrictEqual(yield* typesIn(path), ["MessageAccepted", "TurnEnded"])
    })
  )

  it.effect("says that a page is damaged, and goes on with what is not", () =>
    Effect.gen(function* () {
      const path = yield* filename
      const big = "needle".repeat(2_000)
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [said("t", big)])
        yield* store.append(b, 0, [accepted("t")])
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
      // A page that holds nothing but the end of the long text: its event is lost, and the tree is whole.
      scribble(path, pageWith(readFileSync(path), "needle".repeat(100), "MessageAccepted"), pageSize)
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        const error = yield* Effect.flip(store.read(a, { limit: 9 }))
        assert.match(error.message, /^(the database file is damaged|event 1 of session a cannot be read)/)
        assert.lengthOf(yield* store.read(b, { limit: 9 }), 1)
        yield* store.append(b, 1, [ended("t")])
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
    })
  )

  it.effect("does not start on a file whose first page is damaged", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.provide(
        SessionStore.use((store) => store.append(a, 0, [accepted("t")])),
        layerSqlite({ filename: path })
      )
      scribble(path, 0, 100)
      const error = yield* Effect.flip(Effect.provide(SessionStore, layerSqlite({ filename: path })))
      assert.match(error.message, /^the database .*sessions\.db cannot be opened: file is not a database/)
    })
  )

  it.effect("keeps the write-ahead log short", () =>
    Effect.gen(function* () {
      const path = yield* filename
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        const text = "x".repeat(100_000)
        for (let seq = 0; seq < 300; seq++) yield* store.append(a, seq, [said("t", text)])
        assert.isBelow(statSync(`${path}-wal`).size, 8 * 1024 * 1024)
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
    })
  )
})
