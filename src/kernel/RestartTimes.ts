/**
 * When restarts were made on one budget: the last few, in a ring, so that it costs the same to ask and to add however
 * many are allowed.
 */
export class RestartTimes {
  readonly #times: Array<number> = []
  #oldest = 0

  /** The time of the restart that was `limit` restarts ago; undefined while there were fewer. */
  earliest(limit: number): number | undefined {
    return this.#times.length < limit ? undefined : this.#times[this.#oldest]
  }

  /** Notes a restart; only the last `limit` are kept. */
  add(time: number, limit: number): void {
    if (this.#times.length < limit) {
      this.#times.push(time)
      return
    }
    this.#times[this.#oldest] = time
    this.#oldest = (this.#oldest + 1) % Math.max(1, limit)
  }
}
