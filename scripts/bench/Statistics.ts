/**
 * What many measurements of one thing come to. Medians, because a busy machine only ever adds to a measurement, and
 * adds a lot to a few.
 */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** The spread of at least one value. */
export const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
    count: sorted.length
  }
}

/** Measures the two in turn, so that whatever else the machine does falls on both. */
export const inTurn = async (
  times: number,
  subject: (round: number) => Promise<number>,
  baseline: (round: number) => Promise<number>
): Promise<Pair> => {
  const subjects: Array<number> = []
  const baselines: Array<number> = []
  for (let round = 0; round < times; round++) {
    subjects.push(await subject(round))
    baselines.push(await baseline(round))
  }
  return pairOf(subjects, baselines)
}

/** Two things measured in the same rounds, in the order of these. */
export const pairOf = (subjects: ReadonlyArray<number>, baselines: ReadonlyArray<number>): Pair => ({
  subject: spreadOf(subjects),
  baseline: spreadOf(baselines),
  added: spreadOf(subjects.map((value, index) => value - (baselines[index] ?? 0))),
  ratios: spreadOf(subjects.map((value, index) => value / (baselines[index] ?? 0)))
})

/** Two things measured in turn, and each round's difference and ratio between them. */
export interface Pair {
  readonly subject: Spread
  readonly baseline: Spread
  readonly added: Spread
  readonly ratios: Spread
}

/** Milliseconds that `work` takes. */
export const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}
