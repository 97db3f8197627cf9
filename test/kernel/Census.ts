/** Counts the fibers that whatever is made with it has started and that have not ended. */
import { Effect, Metric } from "effect"

export class Census {
  #alive = 0

  get alive(): number {
    return this.#alive
  }

  readonly of = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => void this.#alive++,
      recordFiberEnd: () => void this.#alive--
    })
}
