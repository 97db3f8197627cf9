/** What a benchmark measures and what it reports: a figure is one module here, and gives one row or a few. */
import type { Pair } from "./Statistics.ts"

/** What the service is compared with. Ratios are of the service to the baseline. */
export interface Comparison extends Pair {
  readonly against: string
}

/** One line of the report. */
export interface Row extends Comparison {
  readonly name: string
  readonly unit: "ms" | "µs" | "MiB" | "B" | "/s" | "×"
  /** Further baselines from the same rounds, each a line below. */
  readonly also?: ReadonlyArray<Comparison>
  /** What is asked of it, in words, and whether it is so. Without one the row is for information. */
  readonly goal?: { readonly text: string; readonly met: boolean }
  /** What a reader has to know to judge the row. */
  readonly note?: string
}

/** Where figures work and what they are told. */
export interface Bench {
  /** An empty folder on a real disk. */
  readonly folder: string
  /** Says how it gets on. */
  readonly progress: (text: string) => void
}

export interface Figure {
  readonly name: string
  /** One line for `--help`. */
  readonly about: string
  readonly run: (bench: Bench) => Promise<ReadonlyArray<Row>>
}

/** What is measured may be at most this much. */
export const atMost = (value: number, limit: number, unit: string) => ({
  text: `≤ ${limit} ${unit}`,
  met: value <= limit
})

export const atLeast = (value: number, limit: number, unit: string) => ({
  text: `≥ ${limit}${unit}`,
  met: value >= limit
})
