/**
 * Reads a backup and makes sure that it is what its manifest says, for worker threads; on the way, if wanted, everything
 * is copied to where it is to be used.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Schema from "effect/Schema"
import { copy, digest, linesOf, makeParent, sync } from "./Copying.ts"
import { type Entry, EntryLine, entriesFile, format, type Manifest, manifestFile, ManifestText } from "./Manifest.ts"

const decodeManifest = Schema.decodeUnknownSync(ManifestText)
const decodeEntry = Schema.decodeUnknownSync(EntryLine)

/** The manifest of the backup at `from`; throws when there is none or it is of another format. */
const manifestOf = (from: string): Manifest => {
  if (!existsSync(join(from, manifestFile))) throw new Error(`there is no ${manifestFile} in it`)
  const manifest = decodeManifest(readFileSync(join(from, manifestFile), "utf8"))
  if (manifest.format === format) return manifest
  throw new Error(`its format is ${manifest.format}, and this fiberclaw knows ${format}`)
}

/** Where to copy a backup: as a `backup` again, byte for byte, or as the `data` folder it was made of. */
export interface Target {
  /** A folder that is there and empty. */
  readonly folder: string
  readonly as: "backup" | "data"
}

/**
 * Compares every file with its size and its hash, and throws at the first that is missing or differs. Copies everything
 * to the target, if there is one; nothing that is named in the list can land outside of it.
 */
export const unpack = (from: string, target: Target | null): Manifest => {
  const manifest = manifestOf(from)
  if (digest(join(from, entriesFile)).sha256 !== manifest.entries) throw new Error(`its ${entriesFile} was changed`)
  let files = 0
  const folders = new Set([""])
  for (const line of linesOf(join(from, entriesFile))) {
    const entry = decodeEntry(line)
    if (entry._tag === "File") files += 1
    if (entry._tag === "Folder") folders.add(entry.path)
    for (let parent = dirname(entry.path); parent !== "."; parent = dirname(parent)) folders.add(parent)
    if (target !== null && entry._tag !== "Skipped") makeParent(target.folder, entry.path)
    unpackEntry(from, target, entry)
  }
  if (files !== manifest.files) throw new Error(`it lists ${files} files instead of ${manifest.files}`)
  if (target === null) return manifest
  if (target.as === "backup") {
    for (const file of [entriesFile, manifestFile]) copy(join(from, file), join(target.folder, file))
  }
  for (const folder of folders) sync(join(target.folder, folder))
  return manifest
}

const unpackEntry = (from: string, target: Target | null, entry: Entry): void => {
  const to = target === null ? undefined : join(target.folder, entry.path)
  switch (entry._tag) {
    case "File": {
      const source = join(from, entry.path)
      const found = to === undefined ? digest(source) : copy(source, to)
      if (found.sha256 !== entry.sha256) throw new Error(`its ${entry.path} was changed`)
      if (to !== undefined && target?.as === "data" && entry.executable === true) chmodSync(to, 0o700)
      return
    }
    case "Folder":
      if (to !== undefined) mkdirSync(to, { recursive: true, mode: 0o700 })
      return
    case "Link":
      if (to !== undefined && target?.as === "data") symlinkSync(entry.target, to)
      return
    case "Skipped":
      return
  }
}
