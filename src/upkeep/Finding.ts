/** What an examination of an installation found, in words for whoever has to act on it. */
import * as Schema from "effect/Schema"

/** `ok`: as it should be. `warning`: works, and should be looked after. `problem`: something is wrong. */
export const Severity = Schema.Literals(["ok", "warning", "problem"])
export type Severity = typeof Severity.Type

export class Finding extends Schema.Class<Finding>("Finding")({
  severity: Severity,
  /** The file, folder or part of the service it is about. */
  where: Schema.String,
  /** What was found, one sentence. */
  what: Schema.String,
  /** What follows from it; absent when all is well. */
  meaning: Schema.optionalKey(Schema.String),
  /** What to do about it; absent when all is well. */
  remedy: Schema.optionalKey(Schema.String)
}) {}

/** All is well with it. */
export const ok = (where: string, what: string): Finding => new Finding({ severity: "ok", where, what })

/** Something to look after; what it means and what to do are always said. */
export const warning = (where: string, what: string, meaning: string, remedy: string): Finding =>
  new Finding({ severity: "warning", where, what, meaning, remedy })

/** Something that is wrong. */
export const problem = (where: string, what: string, meaning: string, remedy: string): Finding =>
  new Finding({ severity: "problem", where, what, meaning, remedy })

/** Whether nothing is wrong; warnings are no fault. */
export const isSound = (findings: ReadonlyArray<Finding>): boolean =>
  findings.every(({ severity }) => severity !== "problem")

/** How many there are of each kind, as in "12 checks: 1 problem, 2 warnings". */
export const summary = (findings: ReadonlyArray<Finding>): string => {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length
  return `${findings.length} checks: ${counted(count("problem"), "problem")}, ${counted(count("warning"), "warning")}`
}

/** A number with its noun, as in "1 session" and "2 sessions". */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`

/** The finding as lines of text; what is well takes one. */
export const render = ({ meaning, remedy, severity, what, where }: Finding): ReadonlyArray<string> => [
  `${severity.padEnd(7)}  ${where}: ${what}`,
  ...(meaning === undefined ? [] : [`         it means: ${meaning}`]),
  ...(remedy === undefined ? [] : [`         to do:    ${remedy}`])
]
