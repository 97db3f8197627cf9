/** What a session's fiber waits on: anybody puts things in, and one fiber takes out whatever is there. */
import * as Effect from "effect/Effect"

export class Inbox<A> {
  #items: Array<A> = []
  #wake: (() => void) | undefined = undefined

  /** How many things nobody has taken yet. */
  get size(): number {
    return this.#items.length
  }

  put(item: A): void {
    this.#items.push(item)
    this.#wake?.()
  }

  /** Takes out what is there, which may be nothing. */
  clear(): ReadonlyArray<A> {
    const items = this.#items
    this.#items = []
    return items
  }

  /**
   * Waits until there is something, and takes out all that has come by the time its turn comes. Whoever is interrupted
   * has taken nothing.
   */
  get take(): Effect.Effect<ReadonlyArray<A>> {
    return Effect.suspend(() => {
      const taken = Effect.sync(() => this.clear())
      return this.size > 0 ? taken : Effect.andThen(Effect.andThen(this.#something, Effect.yieldNow), taken)
    })
  }

  get #something(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#wake = () => {
        this.#wake = undefined
        resume(Effect.void)
      }
      return Effect.sync(() => {
        this.#wake = undefined
      })
    })
  }
}
