/** Puts a backup in the place of the data folder of a stopped service. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Prompt from "effect/cli/Prompt"
import * as DataFolder from "../app/DataFolder.ts"
import * as ThreadedDatabases from "../sessions/sql/ThreadedDatabases.ts"
import { Threads } from "../threads/Threads.ts"
import * as Backup from "../upkeep/Backup.ts"
import { megabytes } from "../upkeep/DatabaseFindings.ts"
import { counted } from "../upkeep/Finding.ts"
import * as Layout from "../upkeep/Layout.ts"
import { nameOf } from "../upkeep/Manifest.ts"
import * as Restore from "../upkeep/Restore.ts"
import { formerFolder, plan } from "../upkeep/RestorePlan.ts"
import { environment, folders } from "./Options.ts"
import { fail, print, say } from "./Output.ts"

/** The argument and the flags of `fiberclaw restore`. */
export interface Given {
  readonly from: string
  readonly data: Option.Option<string>
  readonly json: boolean
  readonly yes: boolean
}

/** Succeeds when the backup is in place. */
export const run = Effect.fnUntraced(
  function* (given: Given) {
    const fs = yield* FileSystem.FileSystem
    const data = resolve(folders(given, yield* environment).data)
    const backup = resolve(given.from)
    if (!given.yes && !process.stdin.isTTY) {
      return yield* fail("nothing was restored: say --yes where nobody can be asked")
    }
    const link = yield* Effect.option(fs.readLink(data))
    if (Option.isSome(link)) return yield* fail(`${data} is a link: name the folder it leads to, ${link.value}`)
    yield* DataFolder.claim(data)
    yield* Restore.clear(data)
    yield* say(`verifying ${backup}`)
    const { bytes, createdAt, files } = yield* Restore.verify(backup)
    const there = (path: string) => Effect.orElseSucceed(fs.exists(path), () => false)
    const replaces = yield* there(data)
    const content = `${counted(files, "file")}, ${megabytes(bytes)}, of ${createdAt}`
    if (!given.yes) yield* confirmed(`Put this backup (${content}) in the place of ${data}?`)
    const stamp = nameOf(yield* Backup.instant)
    const hasBackups = yield* there(`${data}/${Layout.backups}`)
    const [stage, ...renames] = plan({ backup, data, replaces, hasBackups, stamp })
    yield* say(`copying ${backup}`)
    if (stage !== undefined) yield* Restore.perform(stage)
    yield* Effect.uninterruptible(Effect.forEach(renames, Restore.perform, { discard: true }))
    const former = replaces ? formerFolder(data, stamp) : null
    const kept = former === null ? "" : `; what was there is in ${former}`
    yield* print(given.json ? JSON.stringify({ data, backup, createdAt, former }) : `${data} is restored${kept}`)
  },
  Effect.scoped,
  Effect.catchTags({
    DataFolderUnusable: (error) => fail(error.message),
    RestoreFailed: (error) => fail(error.message)
  }),
  Effect.provide(Layer.provideMerge(ThreadedDatabases.layer, Threads.layer))
)

const confirmed = Effect.fnUntraced(function* (message: string) {
  const yes = yield* Effect.orElseSucceed(Prompt.run(Prompt.Confirm({ message })), () => false)
  if (!yes) return yield* fail("nothing was restored")
})
