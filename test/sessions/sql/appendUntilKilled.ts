/** Appends to eight sessions of the database it is told and prints `session seq` for every append that succeeded. */
import { Effect } from "effect"
import { writeSync } from "node:fs"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import { accepted, ended, session } from "../../contracts/SessionStoreEvents.ts"

const appendForever = Effect.fnUntraced(function* (name: string) {
  const store = yield* SessionStore
  for (let seq = 0; ; seq += 2) {
    yield* store.append(session(name), seq, [accepted(`t${seq}`, `${name}-${seq}`), ended(`t${seq}`)])
    writeSync(1, `${name} ${seq + 2}\n`)
  }
})

const names = Array.from({ length: 8 }, (_, index) => `s${index}`)

await Effect.forEach(names, appendForever, { concurrency: "unbounded", discard: true }).pipe(
  Effect.provide(layerSqlite({ filename: process.argv[2] ?? ":memory:" })),
  Effect.runPromise
)
