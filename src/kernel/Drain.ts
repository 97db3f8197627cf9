/**
 * An orderly stop, as everybody sees it: first nothing new is taken (`refusing`), then what is running ends or
 * is parked, then connections are let go (`closing`). It only goes forward, and it can be told to `hurry`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"

export class Drain extends Context.Service<
  Drain,
  {
    /** Whether new work is refused. */
    refusing(): boolean
    /** Refuse new work from now on. */
    readonly begin: Effect.Effect<void>
    /** What is running need not end: do not wait for it, now or when the stop begins. */
    readonly hurry: Effect.Effect<void>
    /** Waits until `hurry`. */
    readonly hurried: Effect.Effect<void>
    /** Nothing more will happen here: whoever only watches should go. */
    readonly close: Effect.Effect<void>
    /** Waits until `close`. */
    readonly closing: Effect.Effect<void>
  }
>()("fiberclaw/kernel/Drain") {
  static readonly layer = Layer.effect(
    Drain,
    Effect.gen(function* () {
      const closing = yield* Latch.make(false)
      const hurried = yield* Latch.make(false)
      let refusing = false
      return Drain.of({
        refusing: () => refusing,
        begin: Effect.sync(() => {
          refusing = true
        }),
        hurry: Effect.asVoid(hurried.open),
        hurried: hurried.await,
        close: Effect.asVoid(closing.open),
        closing: closing.await
      })
    })
  )
}
