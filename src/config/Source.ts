/**
 * A file's values together with where each of them stands.
 *
 * The values are plain data with every placeholder filled in, secrets included: a Source lives only while the
 * configuration is loaded and is never logged or kept.
 */
import type { Path, Position } from "./Fault.ts"
import { ConfigFault, renderPath, shorten, show } from "./Fault.ts"

/** The place of one value. */
export interface Mark {
  /** Where its key stands, in a mapping. */
  readonly key?: Position
  readonly value: Position
  /** The scalar as it is written in the file, if it held placeholders. */
  readonly written?: string
  /** The variables it asked for. */
  readonly names?: ReadonlyArray<string>
  /** A fault was already found here. */
  readonly faulty?: boolean
}

export interface Source {
  readonly file: string
  readonly value: unknown
  readonly marks: ReadonlyMap<string, Mark>
}

/** How a path is written as a key of `marks`. */
export const markKey = (path: Path): string => JSON.stringify(path)

/** The mark of the value at `path`. */
export const markAt = (source: Source, path: Path): Mark | undefined => source.marks.get(markKey(path))

/** The value at `path`, or undefined. */
export const valueAt = (source: Source, path: Path): unknown => {
  let value = source.value
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

/** The keys of the mapping at `path`, in the file's order; none if there is no mapping. */
export const keysAt = (source: Source, path: Path): ReadonlyArray<string> => {
  const value = valueAt(source, path)
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : []
}

/** Where the value at `path` stands, or the nearest thing around it that does; undefined if nothing has a place. */
export const placeOf = (source: Source, path: Path, of: "key" | "value" = "value"): Position | undefined => {
  const mark = markAt(source, path)
  if (mark !== undefined) return of === "key" ? (mark.key ?? mark.value) : mark.value
  return path.length === 0 ? undefined : placeOf(source, path.slice(0, -1))
}

/** The value at `path` for people: what came from the environment appears only as it is written in the file. */
export const showAt = (source: Source, path: Path): string => {
  const written = markAt(source, path)?.written
  return written === undefined ? show(valueAt(source, path)) : `the value of ${shorten(written)}`
}

/** Whether a fault was already found at `path` or around it, so that what follows from it is no news. */
export const isFaulty = (source: Source, path: Path): boolean =>
  path.some((_, index) => markAt(source, path.slice(0, index + 1))?.faulty === true)

/** What a fault says besides its place. */
export interface Complaint {
  readonly problem: string
  readonly expected?: string | undefined
  readonly value?: string | undefined
  readonly hint?: string | undefined
  /** Points at the key instead of the value. */
  readonly of?: "key" | "value" | undefined
}

/** A fault at `path`. */
export const faultAt = (source: Source, path: Path, { of, ...complaint }: Complaint): ConfigFault =>
  new ConfigFault({
    file: source.file,
    ...placeOf(source, path, of),
    path: renderPath(path),
    ...complaint
  })

/** A fault at `path`: the value there is not what it should be. */
export const unexpected = (source: Source, path: Path, expected: string, hint?: string): ConfigFault => {
  const value = showAt(source, path)
  const subject = path.length === 0 ? "" : `${renderPath(path)}: `
  return faultAt(source, path, { problem: `${subject}expected ${expected}, got ${value}`, expected, value, hint })
}
