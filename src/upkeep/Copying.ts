/**
 * Files copied with their hash, for worker threads: plain functions that block, and throw with one sentence.
 *
 * No link is ever followed, neither to read through nor to write through; what is written is on disk when the function
 * returns, readable by its owner only.
 */
import { createHash } from "node:crypto"
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import { StringDecoder } from "node:string_decoder"

/** What went through. */
export interface Copied {
  readonly bytes: number
  readonly sha256: string
  readonly executable: boolean
}

const chunk = 1 << 20

/** A pipe that is opened for reading would wait for its writer. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const withFile = <A>(path: string, flags: number | string, mode: number, use: (file: number) => A): A => {
  const file = openSync(path, flags, mode)
  try {
    return use(file)
  } finally {
    closeSync(file)
  }
}

/** Reads a regular file to its end and tells its hash; `each` is given every piece of it. */
export const digest = (path: string, each: (bytes: Uint8Array) => void = () => undefined): Copied =>
  withFile(path, readFlags, 0, (file) => {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new Error(`${path} is no file`)
    const hash = createHash("sha256")
    const buffer = Buffer.allocUnsafe(chunk)
    let bytes = 0
    for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer)) {
      const read = buffer.subarray(0, size)
      hash.update(read)
      each(read)
      bytes += size
    }
    return { bytes, sha256: hash.digest("hex"), executable: (stat.mode & 0o100) !== 0 }
  })

/** Copies a regular file to where nothing is yet. */
export const copy = (from: string, to: string, mode = 0o600): Copied =>
  withFile(to, "wx", mode, (target) => {
    const copied = digest(from, (bytes) => {
      for (let written = 0; written < bytes.length; ) written += writeSync(target, bytes, written)
    })
    fsyncSync(target)
    return copied
  })

/** Writes a file anew, and has it on disk. */
export const write = (path: string, text: string): void =>
  withFile(path, "wx", 0o600, (file) => {
    writeFileSync(file, text)
    fsyncSync(file)
  })

/** A file's content, or what a rename or a new file changed in a folder, is on disk afterwards. */
export const sync = (path: string): void => withFile(path, constants.O_RDONLY, 0, (file) => fsyncSync(file))

/** Makes the folder in which `path` is to be, below `root`; throws where a link stands in its way, and makes nothing there. */
export const makeParent = (root: string, path: string): void => {
  let parent = root
  for (const part of path.split("/").slice(0, -1)) {
    parent = join(parent, part)
    if (lstatSync(parent, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      throw new Error(`${path} would lie behind a link`)
    mkdirSync(parent, { recursive: true, mode: 0o700 })
  }
}

/** The lines of a text file, however long the file is. */
export function* linesOf(path: string): Generator<string> {
  const file = openSync(path, readFlags)
  try {
    const decoder = new StringDecoder("utf8")
    const buffer = Buffer.allocUnsafe(chunk)
    let rest = ""
    for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer)) {
      const lines = (rest + decoder.write(buffer.subarray(0, size))).split("\n")
      rest = lines.pop() ?? ""
      if (rest.length > chunk) throw new Error(`${path} has a line that is too long`)
      yield* lines
    }
    if (rest !== "") yield rest
  } finally {
    closeSync(file)
  }
}
