/**
 * Puts a backup in the place of a data folder that nobody uses. Everything is verified before anything is changed; then
 * the steps of `RestorePlan` are taken, each of them on disk before the next.
 */
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Threads } from "../threads/Threads.ts"
import * as Jobs from "./ArchiveJobs.ts"
import { sync } from "./Copying.ts"
import { Databases, type Kind, type Survey } from "./Databases.ts"
import * as Layout from "./Layout.ts"
import { type Step, readyFolder, settle } from "./RestorePlan.ts"

/** The restore stopped, with the old data or the new in place; `reason` is one sentence. */
export class RestoreFailed extends Schema.TaggedError<RestoreFailed>()("RestoreFailed", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

const patience = { timeout: "6 hours" } as const

const failed = (what: string) => (error: { readonly message: string; readonly reason?: unknown }) =>
  new RestoreFailed({ reason: `${what}: ${typeof error.reason === "string" ? error.reason : error.message}` })

/** Reads the whole backup and compares it with its manifest, then has SQLite check every database in it. */
export const verify = Effect.fn("Restore.verify")(function* (backup: string) {
  const threads = yield* Threads
  const manifest = yield* Effect.mapError(
    threads.run(Jobs.unpack, { from: backup, target: null }, patience),
    failed(`${backup} is no backup that can be used`)
  )
  for (const { file, kind } of yield* databasesIn(backup)) {
    const databases = yield* Databases
    const survey = yield* Effect.mapError(databases.survey(`${backup}/${file}`, kind, true), failed(file))
    const fault = faultOf(survey)
    if (fault !== undefined) return yield* new RestoreFailed({ reason: `in ${backup}, ${file} ${fault}` })
  }
  return manifest
})

/** Why a database cannot be used here. */
export const faultOf = ({ damage, detail, known, state, version }: Survey): string | undefined => {
  if (state !== "open") return `cannot be opened: ${detail || state}`
  if (damage.length > 0) return `is damaged: ${damage[0]}`
  return version > known ? `is of version ${version}, and this fiberclaw knows versions up to ${known}` : undefined
}

const databasesIn = Effect.fnUntraced(
  function* (backup: string) {
    const fs = yield* FileSystem.FileSystem
    const found: Array<{ readonly file: string; readonly kind: Kind }> = [
      { file: Layout.serviceDatabase, kind: "service" }
    ]
    const folder = `${backup}/${Layout.tenants}`
    const tenants = (yield* fs.exists(folder)) ? yield* fs.readDirectory(folder) : []
    for (const tenant of tenants) {
      const file = `${Layout.tenants}/${tenant}/${Layout.tenantDatabase}`
      if (yield* fs.exists(`${backup}/${file}`)) found.push({ file, kind: "sessions" })
    }
    return found
  },
  Effect.mapError(failed("the backup cannot be read"))
)

/** Takes one step, and has it on disk. */
export const perform = Effect.fn("Restore.perform")(function* (step: Step) {
  const fs = yield* FileSystem.FileSystem
  if (step._tag === "Stage") {
    const threads = yield* Threads
    const cleared = Effect.ignore(fs.remove(step.to, { recursive: true, force: true }))
    yield* fs.makeDirectory(step.to, { mode: 0o700 }).pipe(
      Effect.mapError(failed(`${step.to} cannot be made`)),
      Effect.andThen(
        Effect.mapError(
          threads.run(Jobs.unpack, { from: step.from, target: { folder: step.to, as: "data" } }, patience),
          failed(`${step.from} cannot be copied`)
        )
      ),
      Effect.onError(() => cleared)
    )
    return
  }
  yield* rename(step.from, step.to, step.ifThere)
})

const rename = Effect.fnUntraced(function* (from: string, to: string, ifThere: boolean) {
  const fs = yield* FileSystem.FileSystem
  if (ifThere && !(yield* Effect.orElseSucceed(fs.exists(from), () => false))) return
  yield* Effect.mapError(fs.rename(from, to), failed(`${from} cannot be renamed to ${to} (a mount point cannot be)`))
  yield* Effect.try({
    try: () => {
      sync(dirname(from))
      sync(dirname(to))
    },
    catch: (error) => new RestoreFailed({ reason: `the renaming to ${to} is not on disk: ${String(error)}` })
  })
})

/** Ends an earlier restore that was cut off before its last rename; true if it was. Does nothing else. */
export const finish = Effect.fn("Restore.finish")(function* (data: string) {
  if ((yield* left(data)) !== "finish") return false
  yield* rename(readyFolder(data), data, true)
  return true
})

/** The same, and removes the copy that a restore made which was cut off earlier still. For whoever has `data` to himself. */
export const clear = Effect.fn("Restore.clear")(function* (data: string) {
  yield* finish(data)
  if ((yield* left(data)) !== "discard") return
  const fs = yield* FileSystem.FileSystem
  const ready = readyFolder(data)
  yield* Effect.mapError(fs.remove(ready, { recursive: true }), failed(`${ready} cannot be removed`))
})

const left = Effect.fnUntraced(function* (data: string) {
  const fs = yield* FileSystem.FileSystem
  const there = (path: string) => Effect.orElseSucceed(fs.exists(path), () => false)
  return settle({ data: yield* there(data), ready: yield* there(readyFolder(data)) })
})
