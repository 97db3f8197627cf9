/**
 * The folder in which the service keeps everything, private to its owner, and used by one service at a time.
 *
 * The lock is SQLite's own on the service's database, held as long as it is open: it ends with the process,
 * however that ends, so nothing stale can be left behind.
 */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as SqliteClient from "../sessions/sql/SqliteClient.ts"

/** The data folder cannot be used; `reason` is one sentence that says what to do. */
export class DataFolderUnusable extends Schema.TaggedError<DataFolderUnusable>()("DataFolderUnusable", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

/** Makes sure that the folder is there and writable, and private if nothing else lives in it. */
export const prepare = Effect.fn("DataFolder.prepare")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(
    Effect.andThen(fs.readDirectory(folder)),
    Effect.flatMap((entries) => (isOurs(entries) ? fs.chmod(folder, 0o700) : Effect.void)),
    Effect.andThen(fs.access(folder, { writable: true, readable: true })),
    Effect.mapError(
      (error) => new DataFolderUnusable({ reason: `the data folder ${folder} cannot be written: ${error.message}` })
    )
  )
})

/** A folder of somebody else's keeps its mode: what we put in it is private by itself. */
const isOurs = (entries: ReadonlyArray<string>) => entries.length === 0 || entries.includes(database)

const database = "fiberclaw.sqlite"

/** The service's own database, and with it the folder for this process alone. */
export const layer = (folder: string) =>
  Layer.effectDiscard(lock).pipe(
    Layer.provideMerge(SqliteClient.layer({ filename: `${folder}/${database}` })),
    Layer.catchTag("SqlError", (error) => Layer.effect(SqlClient.SqlClient, Effect.fail(unusable(folder, error))))
  )

/** From the first write on, SQLite keeps an exclusive lock (https://sqlite.org/pragma.html#pragma_locking_mode). */
const lock = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`PRAGMA locking_mode = EXCLUSIVE`
  yield* sql`CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL)`
  yield* sql`DELETE FROM holder`
  yield* sql`INSERT INTO holder VALUES (${process.pid})`
})

const unusable = (folder: string, { message, reason }: SqlError) =>
  new DataFolderUnusable({
    reason:
      reason._tag === "LockTimeoutError"
        ? `the data folder ${folder} is in use by another fiberclaw: stop that one, or choose another with --data`
        : `the data folder ${folder} cannot be used: ${message}`
  })

/**
 * The administrator's token: the one that is set, else the one in the folder, else a new one. Wants the folder to
 * itself: of two that made one at a time, one would not know the other's.
 */
export const adminToken = Effect.fn("DataFolder.adminToken")(function* (
  folder: string,
  set: Option.Option<Redacted.Redacted>
) {
  if (Option.isSome(set)) return set.value
  const fs = yield* FileSystem.FileSystem
  const file = tokenFile(folder)
  const known = yield* Effect.option(fs.readFileString(file))
  if (Option.isSome(known) && known.value.trim() !== "") return Redacted.make(known.value.trim())
  const fresh = `fc_admin_${randomBytes(32).toString("base64url")}`
  yield* fs
    .writeFileString(file, `${fresh}\n`, { mode: 0o600 })
    .pipe(Effect.mapError((error) => new DataFolderUnusable({ reason: `${file} cannot be written: ${error.message}` })))
  return Redacted.make(fresh)
})

/** Where the administrator's token is, unless one is set. */
export const tokenFile = (folder: string) => `${folder}/admin.token`
