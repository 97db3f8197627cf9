/** What came of each point, one line for each in a file, where somebody wants to know: see docs/crash-matrix.md. */
import { appendFileSync, readFileSync } from "node:fs"
import { nameOf, type Point, type Way } from "./Matrix.ts"

export interface Result {
  readonly point: string
  readonly way: Way
  /** Whether what was to die was up there. */
  readonly struck: boolean
  readonly story?: string
}

const file = process.env["CRASH_RESULTS"]

export const report = (point: Point, way: Way, struck: boolean, story?: string): void => {
  const result: Result = { point: nameOf(point), way, struck, ...(story === undefined ? {} : { story }) }
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`)
}

/** The results of a run that is over; none where none were kept. */
export const results = (): ReadonlyArray<Result> =>
  file === undefined
    ? []
    : readFileSync(file, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line): Result => JSON.parse(line))
