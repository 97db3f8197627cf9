/** The data folder and what lies in and beside it, as findings. */
import { constants, accessSync, statfsSync } from "node:fs"
import { basename, dirname } from "node:path"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { list, unfinished } from "./BackupList.ts"
import { megabytes } from "./DatabaseFindings.ts"
import { counted, type Finding, ok, problem, warning } from "./Finding.ts"
import * as Layout from "./Layout.ts"

/** Less free room is a problem, and a warning, in bytes: one database grows by a few MiB a day and person. */
const roomNeeded = 64 * 1024 * 1024
const roomWanted = 1024 * 1024 * 1024

/** The folder itself: whose it is, who else may look into it, whether it can be written, how much room there is. */
export const ofFolder = Effect.fn("FolderFindings.ofFolder")(function* (data: string) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.result(fs.stat(data))
  if (Result.isFailure(info)) return [missing(data)]
  if (info.success.type !== "Directory") {
    return [problem(data, "it is no folder", "the service does not start", "name another folder with --data")]
  }
  return [mode(data, info.success.mode & 0o777), ...owner(data, info.success.uid), writable(data), room(data)]
})

const missing = (data: string) =>
  warning(data, "it is not there", "nothing has been kept yet", "start the service, or name its folder with --data")

const mode = (path: string, bits: number): Finding =>
  (bits & 0o077) === 0
    ? ok(path, "private to its owner")
    : problem(
        path,
        `others may look into it (mode ${bits.toString(8)})`,
        "other users of this machine may read what is kept there",
        `chmod go-rwx ${path}`
      )

const owner = (data: string, uid: Option.Option<number>): ReadonlyArray<Finding> => {
  const own = process.getuid?.()
  if (own === undefined || Option.isNone(uid) || uid.value === own) return []
  return [
    warning(
      data,
      `it belongs to user ${uid.value}, and you are ${own}`,
      "a service that you start may not be able to use it, or leaves files there that its owner cannot",
      `start the service as user ${uid.value}`
    )
  ]
}

const writable = (data: string): Finding =>
  Result.isSuccess(Result.try(() => accessSync(data, constants.W_OK | constants.R_OK | constants.X_OK)))
    ? ok(data, "can be written")
    : problem(data, "it cannot be written", "the service does not start", "check its owner, its mode and its mount")

const room = (data: string): Finding => {
  const seen = Result.try(() => statfsSync(data))
  if (Result.isFailure(seen)) return ok(data, "how much room there is cannot be told here")
  const free = seen.success.bavail * seen.success.bsize
  const what = `${megabytes(free)} free on its disk`
  const remedy = "make room; old backups and folders named before-restore are the first to look at"
  if (free < roomNeeded) return problem(data, what, "messages are refused when the disk is full", remedy)
  return free < roomWanted ? warning(data, what, "it will be full before long", remedy) : ok(data, what)
}

/** The administrator's token, which may be given by the environment instead. */
export const ofToken = Effect.fn("FolderFindings.ofToken")(function* (data: string, isSet: boolean) {
  const fs = yield* FileSystem.FileSystem
  const path = `${data}/${Layout.tokenFile}`
  const info = yield* Effect.option(fs.stat(path))
  if (Option.isSome(info)) return [mode(path, info.value.mode & 0o777)]
  return isSet || !(yield* Effect.orElseSucceed(fs.exists(`${data}/${Layout.serviceDatabase}`), () => false))
    ? []
    : [
        warning(
          path,
          "the administrator's token is not there",
          "with the next start there is a new one, and the old one lets nobody in",
          "restore the file from a backup, or set FIBERCLAW_ADMIN_TOKEN"
        )
      ]
})

/** How old the newest backup may be, in days. */
const old = 7

/** Whether there are backups, and of when. */
export const ofBackups = Effect.fn("FolderFindings.ofBackups")(function* (data: string) {
  const into = `${data}/${Layout.backups}`
  const all = yield* list(into)
  const remedy = "make one with `fiberclaw backup --to DIR`, regularly, on another disk"
  const newest = all.at(-1)
  const left = (yield* unfinished(into)).map((name) =>
    warning(
      `${into}/${name}`,
      "a backup that was begun and is not complete",
      "it is being made just now, or its maker was killed; it is no backup",
      "nothing: unless it is being made, the next start removes it"
    )
  )
  if (newest === undefined) return [...left, warning(into, "there are no backups", "what is lost stays lost", remedy)]
  const made = Date.parse(newest.createdAt)
  const days = Math.floor((DateTime.toEpochMillis(yield* DateTime.now) - made) / 86_400_000)
  const what = `${counted(all.length, "backup")}, the newest of ${newest.createdAt} (${megabytes(newest.bytes)})`
  if (days < old) return [...left, ok(into, what)]
  return [...left, warning(into, what, `what was said in the last ${days} days would be lost`, remedy)]
})

/** What restores that were cut off, or succeeded, have left beside the folder. */
export const ofLeftovers = Effect.fn("FolderFindings.ofLeftovers")(function* (data: string) {
  const fs = yield* FileSystem.FileSystem
  const parent = dirname(data)
  const beside = yield* Effect.orElseSucceed(fs.readDirectory(parent), (): Array<string> => [])
  const own = beside.filter((name) => name.startsWith(`${basename(data)}.`)).toSorted()
  return own.flatMap((name) => leftover(`${parent}/${name}`, name.slice(basename(data).length + 1)))
})

const leftover = (path: string, ending: string): ReadonlyArray<Finding> => {
  if (ending === "restored" || ending.startsWith("restoring-")) {
    return [
      warning(path, "a restore was cut off", "this copy of a backup is not in use", "restore again, or delete it")
    ]
  }
  return ending.startsWith("before-restore-")
    ? [warning(path, "what was there before a restore", "it takes room", "delete it once you do not need it any more")]
    : []
}

/** Folders of tenants that the configuration does not name. */
export const ofTenants = Effect.fn("FolderFindings.ofTenants")(function* (
  data: string,
  configured: ReadonlyArray<string>
) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory(`${data}/${Layout.tenants}`), (): Array<string> => [])
  return names
    .filter((name) => !configured.includes(name))
    .map((name) =>
      warning(
        `${data}/${Layout.tenants}/${name}`,
        "the configuration has no such tenant",
        "what is in there is kept, and nobody is served from it",
        "configure the tenant again, or move the folder away"
      )
    )
})
