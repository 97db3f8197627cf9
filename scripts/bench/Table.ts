/** The report for people: one line a row, columns lined up, then what has to be known to judge them. */
import type { Comparison, Row } from "./Figure.ts"
import type { Spread } from "./Statistics.ts"

const head = ["figure", "service", "baseline", "", "ratio", "added", "goal", ""] as const

export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [head, ...rows.flatMap(linesOf)]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)))
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
  const rule = "─".repeat(Math.max(...text.map((line) => line.length)))
  const notes = rows.flatMap(({ name, note }) => (note === undefined ? [] : [`${name}: ${note}`]))
  return [text[0], rule, ...text.slice(1), "", ...notes].join("\n").trimEnd()
}

const linesOf = (row: Row): ReadonlyArray<ReadonlyArray<string>> => {
  const { also = [], goal, name, subject, unit } = row
  const asked = [goal?.text ?? "", goal === undefined ? "" : goal.met ? "met" : "MISSED"]
  const first = [name, spread(subject, unit), ...compared(row, unit), ...asked]
  return [first, ...also.map((comparison) => ["", "", ...compared(comparison, unit)])]
}

const compared = ({ added, against, baseline, ratios }: Comparison, unit: Row["unit"]): ReadonlyArray<string> => [
  spread(baseline, unit),
  against,
  spread(ratios, "×"),
  unit === "/s" || unit === "×" ? "" : spread(added, unit)
]

const spread = ({ max, median, min }: Spread, unit: string): string =>
  `${number(median)} ${unit} (${number(min)}–${number(max)})`

const number = (value: number): string => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}
