/**
 * Somebody who asks for the stop more than once.
 *
 * The first SIGINT or SIGTERM stops in order. The second one stops at once, still in order: running turns are parked
 * and taken up by the next start. The third, or 5 seconds in which that does not come to an end, ends the process
 * with exit code 1. (130 and 143 would say that the signal killed it; 1 says that the stop was not orderly.)
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { Duration } from "effect"
import { Drain } from "../kernel/Drain.ts"

/** What a supervised effect is given to stop when nothing else is said (`ChildSpec.ts`); who asked twice waits no longer. */
const patience: Duration.Input = "5 seconds"

const signals = ["SIGINT", "SIGTERM"] as const

/** Every signal that comes. */
const arriving = Effect.gen(function* () {
  const arrived = yield* Queue.unbounded<void>()
  const arrive = () => void Queue.offerUnsafe(arrived, undefined)
  yield* Effect.acquireRelease(
    Effect.sync(() => signals.forEach((signal) => process.on(signal, arrive))),
    () => Effect.sync(() => signals.forEach((signal) => process.off(signal, arrive)))
  )
  return Queue.take(arrived)
})

/** Listens until everything it is provided to has stopped. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const drain = yield* Drain
    const next = yield* arriving
    const insist = Effect.gen(function* () {
      yield* next
      yield* next
      yield* Effect.logWarning("service stops at once")
      yield* drain.hurry
      yield* Effect.timeoutOption(next, patience)
      yield* Effect.logError("service did not stop in order")
      return yield* Effect.sync(() => process.exit(1))
    })
    yield* Effect.forkScoped(insist)
  })
)
