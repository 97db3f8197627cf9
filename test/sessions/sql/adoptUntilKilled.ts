/** Adopts a log without end into session `a` of the database it is told and prints a line for every thousand events. */
import { Effect, Stream } from "effect"
import { writeSync } from "node:fs"
import type { SessionEvent } from "../../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import { accepted, ended, session } from "../../contracts/SessionStoreEvents.ts"

const at = "2025-01-01T00:00:00.000Z"

const log = Stream.map(
  Stream.iterate(1, (seq) => seq + 1),
  (seq): SessionEvent => {
    if (seq % 1000 === 0) writeSync(1, `${seq}\n`)
    return { ...(seq % 2 === 1 ? accepted(`t${seq}`, `x${seq}`) : ended(`t${seq - 1}`)), seq, at }
  }
)

await SessionStore.use((store) => store.adopt(session("a"), log)).pipe(
  Effect.provide(layerSqlite({ filename: process.argv[2] ?? ":memory:" })),
  Effect.runPromise
)
