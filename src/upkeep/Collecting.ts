/**
 * Puts files into a backup that is being built, for worker threads: each is copied, and gets its line in `files.jsonl`.
 *
 * What disappears while it is looked for was not there. Links are remembered by where they lead and never followed.
 */
import { appendFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, realpathSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Schema from "effect/Schema"
import { copy, digest, sync, write } from "./Copying.ts"
import { type Entry, EntryLine, entriesFile, type Manifest, manifestFile } from "./Manifest.ts"

/** What is to be put into the backup at `into`. */
export interface Collection {
  readonly into: string
  /** Files that were put there before, by their paths in it. */
  readonly present: ReadonlyArray<string>
  /** Files and folders, from where to where in it; none of these names is taken, at the top of each. */
  readonly copies: ReadonlyArray<{ readonly from: string; readonly to: string; readonly except: ReadonlyArray<string> }>
}

export interface Collected {
  readonly files: number
  readonly bytes: number
  readonly skipped: number
}

const encode = Schema.encodeSync(EntryLine)

/** Copies and lists everything. */
export const collect = ({ copies, into, present }: Collection): Collected => {
  const total = { files: 0, bytes: 0, skipped: 0 }
  const list = (entry: Entry): void => {
    appendFileSync(join(into, entriesFile), `${encode(entry)}\n`, { mode: 0o600 })
    if (entry._tag === "Skipped") total.skipped += 1
    if (entry._tag !== "File") return
    total.files += 1
    total.bytes += entry.bytes
  }
  for (const path of present) {
    const { bytes, sha256 } = digest(join(into, path))
    sync(join(into, path))
    list({ _tag: "File", path, bytes, sha256 })
  }
  for (const { except, from, to } of copies) {
    if (lstatSync(from, { throwIfNoEntry: false })?.isSymbolicLink() === true) throw new Error(`${from} is a link`)
    take(from, into, to, list, except)
    sync(dirname(join(into, to)))
  }
  return total
}

const take = (
  from: string,
  into: string,
  path: string,
  list: (entry: Entry) => void,
  except: ReadonlyArray<string> = []
): void => {
  const stat = lstatSync(from, { throwIfNoEntry: false })
  if (stat === undefined) return
  try {
    if (stat.isSymbolicLink()) return list({ _tag: "Link", path, target: readlinkSync(from) })
    if (stat.isFile()) return list({ _tag: "File", path, ...takeFile(from, join(into, path)) })
    if (stat.isDirectory()) return takeFolder(from, into, path, list, except)
    list({ _tag: "Skipped", path, reason: "neither a file nor a folder nor a link" })
  } catch (error) {
    if (!gone.has((error as NodeJS.ErrnoException).code ?? "")) throw error
    list({ _tag: "Skipped", path, reason: "it was taken away while it was to be copied" })
  }
}

/** `ELOOP` is what a link gives that was put where the file was (open(2), O_NOFOLLOW). */
const gone = new Set(["ENOENT", "ELOOP"])

const takeFile = (from: string, to: string) => {
  try {
    const { bytes, executable, sha256 } = copy(from, to)
    return { bytes, sha256, ...(executable ? { executable } : {}) }
  } catch (error) {
    rmSync(to, { force: true })
    throw error
  }
}

const takeFolder: typeof take = (from, into, path, list, except = []) => {
  mkdirSync(join(into, path), { recursive: true, mode: 0o700 })
  list({ _tag: "Folder", path })
  const real = realpathSync(from)
  for (const name of readdirSync(from)) {
    if (except.includes(name)) continue
    // Whoever works in there may have put a link in its place meanwhile.
    if (lstatSync(from).isSymbolicLink() || realpathSync(from) !== real)
      throw new Error(`${from} was replaced by a link`)
    take(join(from, name), into, `${path}/${name}`, list)
  }
  sync(join(into, path))
}

/** Writes what makes it a backup. Everything it vouches for is on disk by then. */
export const seal = (into: string, manifest: Omit<Manifest, "entries">): void => {
  const { sha256 } = digest(join(into, entriesFile))
  sync(join(into, entriesFile))
  write(join(into, manifestFile), `${JSON.stringify({ ...manifest, entries: sha256 }, undefined, 2)}\n`)
  sync(into)
}
