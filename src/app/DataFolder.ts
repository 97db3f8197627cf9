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
import { isSqlError } from "effect/sql/SqlError"
import * as SqliteClient from "../sessions/sql/SqliteClient.ts"
import { refuseNewer, tokensVersion } from "../sessions/sql/SchemaVersion.ts"
import * as Layout from "../upkeep/Layout.ts"
import * as Restore from "../upkeep/Restore.ts"
import { ServiceDatabase, ServiceDatabaseUncopied } from "../upkeep/ServiceDatabase.ts"

/** The data folder cannot be used; `reason` is one sentence that says what to do. */
export class DataFolderUnusable extends Schema.TaggedError<DataFolderUnusable>()("DataFolderUnusable", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

/**
 * Makes sure that the folder is there and writable, and private if nothing else lives in it. Where a restore was cut off
 * with nothing in the folder's place, its last step is taken first.
 */
export const prepare = Effect.fn("DataFolder.prepare")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const restored = yield* Effect.mapError(Restore.finish(folder), (error) => unwritable(folder, error))
  if (restored) yield* Effect.annotateLogs(Effect.logWarning("a restore that was cut off is complete"), { folder })
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(
    Effect.andThen(fs.readDirectory(folder)),
    Effect.flatMap((entries) => (isOurs(entries) ? fs.chmod(folder, 0o700) : Effect.void)),
    Effect.andThen(fs.access(folder, { writable: true, readable: true })),
    Effect.mapError((error) => unwritable(folder, error))
  )
})

const unwritable = (folder: string, error: Error) =>
  new DataFolderUnusable({ reason: `the data folder ${folder} cannot be written: ${error.message}` })

/** A folder of somebody else's keeps its mode: what we put in it is private by itself. */
const isOurs = (entries: ReadonlyArray<string>) => entries.length === 0 || entries.includes(Layout.serviceDatabase)

const databaseOf = (folder: string) => `${folder}/${Layout.serviceDatabase}`

const client = (folder: string) => SqliteClient.layer({ filename: databaseOf(folder) })

/** The service's own database, and with it the folder for this process alone. */
export const layer = (folder: string) =>
  Layer.effect(ServiceDatabase, open).pipe(
    Layer.provideMerge(client(folder)),
    Layer.catch((error) =>
      Layer.effectContext<ServiceDatabase | SqlClient.SqlClient, DataFolderUnusable, never>(
        Effect.fail(unusable(folder, error))
      )
    )
  )

/** From the first write on, SQLite keeps an exclusive lock (https://sqlite.org/pragma.html#pragma_locking_mode). */
const open = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const fs = yield* FileSystem.FileSystem
  const tables = yield* sql`SELECT 1 FROM sqlite_schema WHERE name = ${tokenTable}`
  if (tables.length > 0) yield* refuseNewer(tokenTable, tokensVersion)
  yield* sql`PRAGMA locking_mode = EXCLUSIVE`
  yield* sql`CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL)`
  yield* sql`DELETE FROM holder`
  yield* sql`INSERT INTO holder VALUES (${process.pid})`
  return ServiceDatabase.of({
    copyTo: (file) =>
      // SQLite takes an empty file for none, and keeps its mode.
      fs.writeFileString(file, "", { flag: "wx", mode: 0o600 }).pipe(
        Effect.andThen(sql`VACUUM INTO ${file}`),
        Effect.mapError(({ message }) => new ServiceDatabaseUncopied({ reason: message })),
        Effect.asVoid
      )
  })
})

/** Where `Tokens` counts its migrations; a database that nobody has used has none yet. */
const tokenTable = "token_migrations"

const unusable = (folder: string, error: Error) =>
  new DataFolderUnusable({
    reason: isLocked(error)
      ? `the data folder ${folder} is in use by another fiberclaw: stop that one, or choose another with --data`
      : `the data folder ${folder} cannot be used: ${naming(databaseOf(folder), error.message)}; \`fiberclaw doctor\` says more`
  })

const naming = (file: string, message: string) => (message.includes(file) ? message : `${file}: ${message}`)

const isLocked = (error: Error) => isSqlError(error) && error.reason._tag === "LockTimeoutError"

/**
 * Keeps everybody else out of the folder while it is renamed, until the Scope closes; fails if somebody is in. A database
 * that is damaged keeps nobody out, and nobody can be in it.
 *
 * The lock is a transaction of the old journal mode: one in WAL mode would, when it ends, delete the files beside the
 * database by their names, which may be those of another database by then.
 */
export const claim = Effect.fn("DataFolder.claim")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* Effect.orElseSucceed(fs.exists(databaseOf(folder)), () => false))) return
  const lock = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`PRAGMA journal_mode = DELETE`
    yield* sql`BEGIN EXCLUSIVE`
  })
  yield* Layer.build(Layer.provide(Layer.effectDiscard(lock), client(folder))).pipe(
    Effect.catch((error) => (isLocked(error) ? Effect.fail(unusable(folder, error)) : Effect.void))
  )
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
export const tokenFile = (folder: string) => `${folder}/${Layout.tokenFile}`
