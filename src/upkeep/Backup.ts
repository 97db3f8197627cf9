/**
 * Makes a backup of a data folder, while the service uses it or while nobody does.
 *
 * Each database is copied as it is at one moment; files are taken as they are found. It is built under another name and
 * gets its own when all of it is on disk, so that whatever has a backup's name is one, whole. Whoever makes one has the
 * data folder to himself, or is the service.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type { PlatformError } from "effect/PlatformError"
import { version } from "../domain/Version.ts"
import { Threads } from "../threads/Threads.ts"
import * as Jobs from "./ArchiveJobs.ts"
import { sync } from "./Copying.ts"
import { Databases } from "./Databases.ts"
import * as Layout from "./Layout.ts"
import { nameOf, partial } from "./Manifest.ts"
import { ServiceDatabase } from "./ServiceDatabase.ts"

/** No backup was made, and nothing is left of it; `reason` is one sentence. */
export class BackupFailed extends Schema.TaggedError<BackupFailed>()("BackupFailed", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export interface BackupOptions {
  /** The data folder. */
  readonly data: string
  /** The folder in which the backup gets a folder of its own. */
  readonly into: string
  /** ISO 8601; also its name. */
  readonly createdAt: string
  /** Told what is copied next. */
  readonly progress: (what: string) => Effect.Effect<void>
}

export interface MadeBackup {
  readonly name: string
  readonly folder: string
  readonly createdAt: string
  readonly version: string
  readonly files: number
  readonly bytes: number
  readonly skipped: number
}

/** Copying is as fast as the disk; this only ends what hangs. */
const patience = { timeout: "6 hours" } as const

/** The instant a backup that begins now is named after. */
export const instant = Effect.map(DateTime.now, DateTime.formatIso)

/** Makes the backup, or leaves nothing. */
export const make = Effect.fn("Backup.make")(function* (options: BackupOptions) {
  const name = nameOf(options.createdAt)
  const total = yield* building(options.into, name, (staging) => fill(staging, options))
  const made: MadeBackup = { name, folder: `${options.into}/${name}`, createdAt: options.createdAt, version, ...total }
  return made
})

/** Copies a backup as it is into a folder of its own in `into`, and makes sure that it arrives whole. */
export const copyTo = Effect.fn("Backup.copyTo")(function* (made: MadeBackup, into: string) {
  const threads = yield* Threads
  yield* building(into, made.name, (staging) =>
    Effect.mapError(
      threads.run(Jobs.unpack, { from: made.folder, target: { folder: staging, as: "backup" } }, patience),
      failed(`${made.folder} cannot be copied`)
    )
  )
  const copied: MadeBackup = { ...made, folder: `${into}/${made.name}` }
  return copied
})

/** Gives what is built its name when it is there as a whole; otherwise takes it away. */
const building = Effect.fnUntraced(
  function* <A, R>(
    into: string,
    name: string,
    fill: (staging: string) => Effect.Effect<A, BackupFailed | PlatformError, R>
  ) {
    const fs = yield* FileSystem.FileSystem
    const staging = `${into}/${name}${partial}`
    const finish = Effect.andThen(
      fs.rename(staging, `${into}/${name}`),
      Effect.try({ try: () => sync(into), catch: failed("the backup's name is not on disk") })
    )
    yield* fs.makeDirectory(into, { recursive: true, mode: 0o700 })
    return yield* Effect.acquireUseRelease(
      fs.makeDirectory(staging, { mode: 0o700 }),
      () => Effect.tap(fill(staging), () => finish),
      (_, exit) =>
        Exit.isSuccess(exit) ? Effect.void : Effect.ignore(fs.remove(staging, { recursive: true, force: true }))
    )
  },
  Effect.mapError((error) => (error._tag === "PlatformError" ? failed("the backup cannot be written")(error) : error))
)

const failed = (what: string) => (error: unknown) =>
  new BackupFailed({ reason: `${what}: ${error instanceof Error ? error.message : String(error)}` })

const fill = Effect.fnUntraced(function* (into: string, { createdAt, data, progress }: BackupOptions) {
  const fs = yield* FileSystem.FileSystem
  const threads = yield* Threads
  const own = yield* ServiceDatabase
  yield* progress("the service's own database")
  yield* Effect.mapError(
    own.copyTo(`${into}/${Layout.serviceDatabase}`),
    failed("the service's database cannot be copied")
  )
  const collect = (present: ReadonlyArray<string>, from: string, to: string, except: ReadonlyArray<string>) => {
    const collection = { into, present, copies: [{ from, to, except }] }
    return Effect.mapError(threads.run(Jobs.collect, collection, patience), failed(`${to} cannot be copied`))
  }
  let total = yield* collect([Layout.serviceDatabase], `${data}/${Layout.tokenFile}`, Layout.tokenFile, [])
  const folders = `${data}/${Layout.tenants}`
  const tenants = (yield* fs.exists(folders)) ? yield* fs.readDirectoryEntries(folders) : []
  for (const { name: tenant } of tenants.filter(({ type }) => type === "Directory" || type === "SymbolicLink")) {
    yield* progress(`tenant ${tenant}`)
    const path = `${Layout.tenants}/${tenant}`
    const present = yield* snapshotTenant(data, into, path)
    const except = Layout.databaseFiles(Layout.tenantDatabase)
    const taken = yield* collect(present, `${data}/${path}`, path, except)
    total = {
      files: total.files + taken.files,
      bytes: total.bytes + taken.bytes,
      skipped: total.skipped + taken.skipped
    }
  }
  yield* Effect.mapError(
    threads.run(Jobs.seal, { into, version, createdAt, ...total }, patience),
    failed("the backup cannot be finished")
  )
  return total
})

/** A tenant that was never started has no database yet. */
const snapshotTenant = Effect.fnUntraced(function* (data: string, into: string, path: string) {
  const fs = yield* FileSystem.FileSystem
  const databases = yield* Databases
  const file = `${path}/${Layout.tenantDatabase}`
  yield* fs.makeDirectory(`${into}/${path}`, { recursive: true, mode: 0o700 })
  if (!(yield* fs.exists(`${data}/${file}`))) return []
  yield* Effect.mapError(databases.snapshot(`${data}/${file}`, `${into}/${file}`), failed(`${file} cannot be copied`))
  return [file]
})
