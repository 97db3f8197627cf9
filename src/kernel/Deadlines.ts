/**
 * Who must have been answered by when: one list for all who wait in a supervisor, and at most one sleeping fiber for
 * each length of patience, however many wait.
 *
 * A fiber and a timer of its own would cost each asker 10 µs (`Effect.timeout` on Node.js 24), most of them for an
 * answer that comes in time. Those who wait equally long expire in the order they came, so each list is only ever
 * looked at from its front.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Fiber } from "effect"
import { Chain, Link } from "./Chain.ts"
import { uptime } from "./Uptime.ts"

/** One who waits; `expire` is called once, unless it is removed before. */
export class Deadline extends Link {
  /** In uptime. */
  readonly at: number
  readonly expire: () => void

  constructor(at: number, expire: () => void) {
    super()
    this.at = at
    this.expire = expire
  }
}

interface Line {
  readonly patience: number
  readonly waiting: Chain<Deadline>
  /** A fiber sleeps until the first is due, or was due before it was answered. */
  isWatched: boolean
  watch: Fiber.Fiber<void> | undefined
}

export class Deadlines {
  readonly #clock: Clock.Clock
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly #lines = new Map<number, Line>()

  /** `fork` starts a fiber at once; it lives until it is done or `close` ends it. */
  constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>) {
    this.#clock = clock
    this.#fork = fork
  }

  /** Calls `expire` in `patience` milliseconds. */
  add(patience: number, expire: () => void): Deadline {
    const line = this.#lineOf(patience)
    const deadline = new Deadline(uptime(this.#clock) + patience, expire)
    line.waiting.append(deadline)
    if (!line.isWatched) {
      line.isWatched = true
      line.watch = this.#fork(this.#watch(line))
    }
    return deadline
  }

  remove(deadline: Deadline): void {
    deadline.unlink()
  }

  /** Nobody waits any more. */
  close(): void {
    for (const { watch } of this.#lines.values()) watch?.interruptUnsafe()
    this.#lines.clear()
  }

  #lineOf(patience: number): Line {
    const present = this.#lines.get(patience)
    if (present !== undefined) return present
    const line: Line = { patience, waiting: new Chain(), isWatched: false, watch: undefined }
    this.#lines.set(patience, line)
    return line
  }

  #watch(line: Line): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { first } = line.waiting
      if (first === undefined) {
        this.#lines.delete(line.patience)
        return Effect.void
      }
      const left = first.at - uptime(this.#clock)
      if (left > 0) return Effect.andThen(Effect.sleep(left), this.#watch(line))
      line.waiting.shift()
      first.expire()
      return this.#watch(line)
    })
  }
}

/** Deadlines that nobody waits for any more once the Scope closes. */
export const make = Effect.gen(function* () {
  const context = yield* Effect.context<never>()
  const fork = (effect: Effect.Effect<void>) => Effect.runForkWith(context)(effect)
  return yield* Effect.acquireRelease(
    Effect.sync(() => new Deadlines(Context.get(context, Clock.Clock), fork)),
    (deadlines) => Effect.sync(() => deadlines.close())
  )
})
