/**
 * How one child is stopped: its fiber is interrupted, its release is awaited for as long as its spec allows, and what
 * is not released by then is reported and left behind, so that a stop always comes to an end unless the spec says
 * `infinity`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { AnyFiber, Child } from "./Child.ts"

/** Tells the child's current incarnation to end and returns its fiber; undefined when there is none. */
export const signal = <R>(child: Child<R>, now: number): AnyFiber | undefined => {
  const { fiber } = child
  if (fiber === undefined || child.stopping) return fiber
  child.stopping = true
  child.enter("stopping", now)
  fiber.interruptUnsafe()
  return fiber
}

/** Waits for the end of an incarnation that was told to end; `abandon` is called when it is left behind. */
export const settled = Effect.fnUntraced(function* <R>(
  child: Child<R>,
  fiber: AnyFiber | undefined,
  abandon: () => void
) {
  if (fiber === undefined || fiber.pollUnsafe() !== undefined) return
  const {
    path,
    spec: { shutdown }
  } = child
  if (shutdown === "infinity") return yield* Effect.asVoid(Fiber.await(fiber))
  if (shutdown === "brutal") return abandon()
  const done = yield* Effect.timeoutOption(Fiber.await(fiber), shutdown)
  if (Option.isSome(done)) return
  abandon()
  yield* Effect.logWarning("shutdown timed out").pipe(
    Effect.annotateLogs({ child: path, waited: Duration.format(shutdown) })
  )
})
