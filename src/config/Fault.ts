/**
 * What is wrong with the configuration, and where.
 *
 * A fault points at a line and column of a file, says what was expected there and, when it can, what to do.
 * No fault holds a secret: neither what stands in a secret field nor what came from the environment is in it.
 */
import * as Schema from "effect/Schema"

/** Where a value or a key stands in its file; both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** The way to a value: keys of mappings and indices of lists. */
export type Path = ReadonlyArray<PropertyKey>

export class ConfigFault extends Schema.Class<ConfigFault>("ConfigFault")({
  /** The file or folder, or the flag or environment variable, that is at fault. */
  file: Schema.String,
  /** Counted from 1; absent when the fault has no place in a file's text. */
  line: Schema.optional(Schema.Int),
  column: Schema.optional(Schema.Int),
  /** Such as `limits.agents`; empty for the file as a whole. */
  path: Schema.String,
  /** One clause for people, without the place and the hint. */
  problem: Schema.String,
  /** What should stand there. */
  expected: Schema.optional(Schema.String),
  /** What stands there, shortened; `<redacted>` in a secret field. */
  value: Schema.optional(Schema.String),
  /** What to do about it. */
  hint: Schema.optional(Schema.String)
}) {}

/** The configuration was refused as a whole; `faults` are all there are, by file, line and column. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  directory: Schema.String,
  faults: Schema.NonEmptyArray(ConfigFault)
}) {
  override get message() {
    const count = this.faults.length === 1 ? "a fault" : `${this.faults.length} faults, the first`
    return `the configuration in ${this.directory} has ${count}: ${render(this.faults[0])}`
  }
}

/** One line, such as: config/fiberclaw.yaml:7:1: unknown key `htttp`, did you mean `http`? */
export const render = (fault: ConfigFault): string => {
  const place = fault.line === undefined ? fault.file : `${fault.file}:${fault.line}:${fault.column ?? 1}`
  if (fault.hint === undefined) return `${place}: ${fault.problem}`
  return `${place}: ${fault.problem}${fault.hint.endsWith("?") ? "," : ";"} ${fault.hint}`
}

/** `fallbacks[0]`, `providers.demo.kind`. */
export const renderPath = (path: Path): string =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    ""
  )

const longest = 60

/** Cuts what is too long for a line. */
export const shorten = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`)

/** A value of a file as a fault shows it: scalars shortened, everything else by its kind only. */
export const show = (value: unknown): string => {
  if (value === null || value === undefined) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a mapping"
  return typeof value === "string" ? JSON.stringify(shorten(value)) : String(value)
}

/** By file, then by line and column. */
export const inOrder = (faults: ReadonlyArray<ConfigFault>): ReadonlyArray<ConfigFault> =>
  faults.toSorted((left, right) =>
    left.file < right.file
      ? -1
      : left.file > right.file
        ? 1
        : (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0)
  )
