/** The matrix as docs/crash-matrix.md shows it: one row for each point, one column for each way to be struck. */
import { nameOf, type Point, points, type Way, ways } from "./Matrix.ts"
import type { Result } from "./Results.ts"

export const begins = "<!-- matrix -->"
export const ends = "<!-- end of matrix -->"

const header = ["what", "struck", "variant", ...ways, "found at the next start, killed alone"]

const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

/** What makes a row the row of a point. */
export const keyOf = ({ variant, what, where }: Point): string => row([what, where, variant]).slice(0, -2)

const verdict = (result: Result | undefined) => (result === undefined ? "?" : result.struck ? "✓" : "–")

/** The table of these results; a point without a result is shown as not struck. */
export const render = (results: ReadonlyArray<Result>): string => {
  const resultOf = new Map(results.map((result) => [`${result.way} ${result.point}`, result]))
  const find = (point: Point, way: Way) => resultOf.get(`${way} ${nameOf(point)}`)
  const rows = points.map((point) =>
    row([
      point.what,
      point.where,
      point.variant,
      ...ways.map((way) => verdict(find(point, way))),
      find(point, "alone")?.story ?? "?"
    ])
  )
  return [row(header), row(header.map(() => "---")), ...rows].join("\n")
}

/** The rows of the table in a document. */
export const rowsIn = (text: string): ReadonlyArray<string> =>
  text
    .slice(text.indexOf(begins), text.indexOf(ends))
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
