/**
 * How an incarnation comes to its end: what it acquired is released, and then its keeper is told, so that the next one
 * never overlaps with it. A release that takes longer than the child's shutdown is reported and left behind.
 */
import type { Exit } from "effect"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Child } from "./Child.ts"
import type { Shutdown } from "./ChildOptions.ts"
import { reasonOf } from "./ExitReason.ts"
import type { Life } from "./Life.ts"

/** Who is told what becomes of an incarnation. */
export interface Keeper<R> {
  starting(child: Child<R>): void
  started(child: Child<R>): void
  releasing(child: Child<R>): void
  /** What is left to do about the end, if that cannot be done at once. */
  ended(child: Child<R>, life: Life, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined
}

/** Releases what the incarnation acquired and tells the keeper; returns what of that takes time. */
export const conclude = <R>(
  child: Child<R>,
  keeper: Keeper<R>,
  life: Life,
  scope: Scope.Closeable | undefined,
  exit: Exit.Exit<unknown, unknown>
): Effect.Effect<void> | undefined => {
  if (child.life === life) keeper.releasing(child)
  const closing = scope === undefined ? undefined : Scope.closeUnsafe(scope, exit)
  if (closing === undefined) return keeper.ended(child, life, exit)
  const release = child.stopping ? logged(child, closing) : bounded(child, closing)
  return Effect.flatMap(release, () => keeper.ended(child, life, exit) ?? Effect.void)
}

const logged = <R>(child: Child<R>, closing: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchCause(closing, (cause) =>
    Effect.logWarning("release failed", cause).pipe(Effect.annotateLogs({ child: child.path, reason: reasonOf(cause) }))
  )

/**
 * A stop has its own time limit; a child that ended by itself needs one here. The release has a fiber of its own and
 * no owner, because an owner would wait for it, and it cannot be ended by force.
 */
const bounded = Effect.fnUntraced(function* <R>(child: Child<R>, closing: Effect.Effect<void>) {
  const limit = patience(child.spec.shutdown)
  if (limit === undefined) return yield* logged(child, closing)
  const release = yield* Effect.forkDetach(logged(child, closing), { startImmediately: true, uninterruptible: true })
  if (release.pollUnsafe() !== undefined) return
  const done = yield* Effect.timeoutOption(Fiber.await(release), limit)
  if (Option.isSome(done)) return
  yield* Effect.logWarning("release timed out").pipe(
    Effect.annotateLogs({ child: child.path, waited: Duration.format(limit) })
  )
})

/** `brutal` is about being stopped: an end of its own still gets time to clean up before the next start. */
const patience = (shutdown: Shutdown): Duration.Duration | undefined => {
  if (shutdown === "infinity") return undefined
  return shutdown === "brutal" ? Duration.seconds(5) : shutdown
}
