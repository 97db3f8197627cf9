/**
 * The backups of a running service: one is made at a time, behind the call that asks for it, and those that are there can
 * be listed. What is being made, and why the last ones failed, is known as long as the service runs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Incarnation } from "../kernel/Incarnation.ts"
import type { Threads } from "../threads/Threads.ts"
import * as Backup from "./Backup.ts"
import type { Databases } from "./Databases.ts"
import { list, unfinished } from "./BackupList.ts"
import { nameOf } from "./Manifest.ts"
import type { ServiceDatabase } from "./ServiceDatabase.ts"

/** A backup that is complete, being made, or could not be made. */
export const BackupStatus = Schema.Struct({
  name: Schema.String,
  createdAt: Schema.String,
  state: Schema.Literals(["running", "complete", "failed"]),
  /** Where it is, on the service's machine. */
  folder: Schema.optionalKey(Schema.String),
  /** The version of the program that made it. */
  version: Schema.optionalKey(Schema.String),
  files: Schema.optionalKey(Schema.Int),
  bytes: Schema.optionalKey(Schema.Int),
  /** Things that could not be kept, such as sockets; the backup's list names them. */
  skipped: Schema.optionalKey(Schema.Int),
  /** What is copied just now, or why it failed. */
  detail: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Backup" })
export type BackupStatus = typeof BackupStatus.Type

/** One is being made already. */
export class BackupUnderWay extends Schema.TaggedError<BackupUnderWay>()("BackupUnderWay", { name: Schema.String }) {
  override get message() {
    return `the backup ${this.name} is being made; one is made at a time`
  }
}

export class Backups extends Context.Service<
  Backups,
  {
    /** Begins to make a backup, which goes on by itself. */
    readonly begin: Effect.Effect<BackupStatus, BackupUnderWay>
    /** All there are, the newest first. */
    readonly all: Effect.Effect<ReadonlyArray<BackupStatus>>
  }
>()("fiberclaw/upkeep/Backups") {
  /** Backups of `data`, kept in `into`. */
  static readonly layer = (options: { readonly data: string; readonly into: string }) =>
    Layer.effect(Backups, make(options))
}

/** How many failures are remembered. */
const remembered = 10

const make = Effect.fnUntraced(function* ({ data, into }: { readonly data: string; readonly into: string }) {
  const around = yield* Effect.context<Databases | FileSystem.FileSystem | ServiceDatabase | Threads>()
  const incarnation = yield* Incarnation
  const fs = yield* FileSystem.FileSystem
  // Nobody else makes backups in there, so their makers are dead.
  for (const name of yield* unfinished(into)) {
    yield* Effect.ignore(fs.remove(`${into}/${name}`, { recursive: true }), { log: "Warn" })
  }
  let running: BackupStatus | undefined
  const failures: Array<BackupStatus> = []

  const end = (status: BackupStatus, exit: Exit.Exit<Backup.MadeBackup, Backup.BackupFailed>) =>
    Effect.suspend(() => {
      running = undefined
      if (Exit.isSuccess(exit)) {
        const { bytes, files, folder, skipped } = exit.value
        return Effect.annotateLogs(Effect.logInfo("backup made"), { folder, files, bytes, skipped })
      }
      const detail = Option.match(Exit.findErrorOption(exit), {
        onNone: () => "it was interrupted",
        onSome: (error) => error.message
      })
      failures.unshift({ ...status, state: "failed", detail })
      failures.splice(remembered)
      return Effect.annotateLogs(Effect.logError("backup failed"), { backup: status.name, reason: detail })
    })

  const report = (status: BackupStatus) =>
    Effect.sync(() => {
      running = status
    })

  const perform = (status: BackupStatus) =>
    Backup.make({
      data,
      into,
      createdAt: status.createdAt,
      progress: (detail) => report({ ...status, detail })
    }).pipe(
      Effect.onExit((exit) => end(status, exit)),
      Effect.exit,
      Effect.provideContext(around)
    )

  const begin = Effect.gen(function* () {
    const createdAt = yield* Backup.instant
    if (running !== undefined) return yield* new BackupUnderWay({ name: running.name })
    const status: BackupStatus = { name: nameOf(createdAt), createdAt, state: "running" }
    running = status
    yield* incarnation.fork(perform(status))
    return status
  }).pipe(Effect.uninterruptible, Effect.withSpan("Backups.begin"))

  const all = Effect.gen(function* () {
    const complete = (yield* list(into)).map(
      ({ createdAt, bytes, files, folder, name, skipped, version }): BackupStatus => ({
        ...{ name, createdAt, state: "complete", folder, version, files, bytes, skipped }
      })
    )
    const others = running === undefined ? failures : [running, ...failures]
    return [...complete, ...others].toSorted((one, other) => (one.name < other.name ? 1 : -1))
  }).pipe(Effect.provideContext(around), Effect.withSpan("Backups.all"))

  return Backups.of({ begin, all })
})
