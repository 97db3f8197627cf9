/** What a measured program finds, said on its standard output as lines of a name and a number. */
import { setImmediate as turn } from "node:timers/promises"

export type Readings = Readonly<Record<string, number>>

export const say = (readings: Readings): void => {
  for (const [name, value] of Object.entries(readings)) console.log(`${name} ${value}`)
}

/** The readings among a program's lines. */
export const heard = (output: string): Readings =>
  Object.fromEntries(
    output
      .split("\n")
      .map((line) => line.split(" "))
      .filter((words) => words.length === 2 && words[0] !== "")
      .map(([name = "", value]) => [name, Number(value)])
  )

/** The value that this share of the values does not exceed (nearest rank). */
export const percentile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Number.NaN

/** How often a second something happened that took so many milliseconds for all. */
export const perSecond = (times: number, millis: number): number => (times * 1000) / millis

/** Watches for pauses; what is returned ends that and says the longest time between two ticks of 1 ms, in ms. */
export const watchPauses = (): (() => number) => {
  let longest = 0
  let last = performance.now()
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const timer = setInterval(tick, 1)
  return () => {
    tick()
    clearInterval(timer)
    return longest
  }
}

/** How long the answers took and the process paused, for some time. */
export interface Phase {
  readonly micros: ReadonlyArray<number>
  readonly pause: number
}

/** The neighbours' answers in peace, and while others crash. */
export const compared = (calm: ReadonlyArray<Phase>, stormy: ReadonlyArray<Phase>): Readings => {
  const sum = (phases: ReadonlyArray<Phase>) => ({
    p99: percentile(
      phases.flatMap(({ micros }) => micros),
      0.99
    ),
    pause: Math.max(...phases.map(({ pause }) => pause))
  })
  const [before, during] = [sum(calm), sum(stormy)]
  return { factor: during.p99 / before.p99, stormy: during.p99, calmPause: before.pause, pause: during.pause }
}

/** Bytes in use once what is no longer needed is collected, outside of any step under way. Needs `--expose-gc`. */
export const heapInUse = async (): Promise<number> => {
  for (let round = 0; round < 3; round++) {
    await turn()
    globalThis.gc?.()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** The workload and its sizes, as every contestant is given them. */
export const asked = (): readonly [workload: string, ...sizes: ReadonlyArray<number>] => {
  const [workload = "", ...sizes] = process.argv.slice(2)
  return [workload, ...sizes.map(Number)]
}
