/** The report for people: one line a row, columns lined up, then what has to be known to judge them. */
import type { Row } from "./Figure.ts"
import type { Spread } from "./Statistics.ts"

const head = ["figure", "service", "baseline", "", "ratio", "added", "goal", ""] as const

export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [head, ...rows.map(cells)]
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

const cells = ({ added, against, baseline, goal, name, ratios, subject, unit }: Row): ReadonlyArray<string> => [
  name,
  spread(subject, unit),
  spread(baseline, unit),
  against,
  spread(ratios, "×"),
  unit === "/s" ? "" : spread(added, unit),
  goal?.text ?? "",
  goal === undefined ? "" : goal.met ? "met" : "MISSED"
]

const spread = ({ max, median, min }: Spread, unit: string): string =>
  `${number(median)} ${unit} (${number(min)}–${number(max)})`

const number = (value: number): string => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}
