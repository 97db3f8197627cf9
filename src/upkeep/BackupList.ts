/** The backups in a folder. What has no manifest, or one that cannot be read, is none and is left out. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { MadeBackup } from "./Backup.ts"
import { format, manifestFile, ManifestText, namePattern, partial } from "./Manifest.ts"

const decode = Schema.decodeUnknownEffect(ManifestText)

/** The manifest in a folder, if it is a backup in the format of this program. */
export const read = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(`${folder}/${manifestFile}`))
  if (Option.isNone(text)) return Option.none()
  return Option.filter(yield* Effect.option(decode(text.value)), (manifest) => manifest.format === format)
})

/** All backups in `into`, the oldest first; none if there is no such folder. */
export const list = Effect.fn("BackupList.list")(function* (into: string) {
  const found: Array<MadeBackup> = []
  for (const name of yield* namesIn(into)) {
    if (!namePattern.test(name)) continue
    const folder = `${into}/${name}`
    const manifest = yield* read(folder)
    if (Option.isNone(manifest)) continue
    const { bytes, createdAt, files, skipped, version } = manifest.value
    found.push({ name, folder, createdAt, version, files, bytes, skipped })
  }
  return found
})

/** What was begun in `into` and never became a backup: its maker was killed, unless it is at it. */
export const unfinished = (into: string) =>
  Effect.map(namesIn(into), (names) => names.filter((name) => name.endsWith(partial)))

const namesIn = Effect.fnUntraced(function* (into: string) {
  const fs = yield* FileSystem.FileSystem
  return (yield* Effect.orElseSucceed(fs.readDirectory(into), (): Array<string> => [])).toSorted()
})
