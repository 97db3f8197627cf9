/**
 * One incarnation of a child from its start to the release of its Scope, in one fiber.
 *
 * The fiber always tells its keeper how it ended, and only when nothing of the incarnation is left; a release that
 * takes longer than the child's shutdown is reported and left behind.
 */
import type { Exit } from "effect"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { AnyFiber, Child } from "./Child.ts"
import type { Shutdown } from "./ChildSpec.ts"
import { reasonOf } from "./ExitReason.ts"

/** Who is told what becomes of an incarnation. */
export interface Keeper<R> {
  starting(child: Child<R>): void
  started(child: Child<R>): void
  releasing(child: Child<R>): void
  ended(child: Child<R>, fiber: AnyFiber, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void>
}

/** Lives once in `scope`, beginning with `pause`. To be run uninterruptibly: it is interruptible where it may be. */
export const live = Effect.fnUntraced(function* <R>(
  child: Child<R>,
  keeper: Keeper<R>,
  scope: Scope.Closeable,
  pause: Effect.Effect<void>
) {
  const fiber = yield* Effect.withFiber((self) => Effect.succeed(self))
  child.fiber = fiber
  const exit = yield* Effect.exit(Effect.interruptible(lifetime(child, keeper, pause)))
  keeper.releasing(child)
  const closing = Scope.closeUnsafe(scope, exit)
  if (closing !== undefined) yield* child.stopping ? logged(child, closing) : bounded(child, closing)
  yield* keeper.ended(child, fiber, exit)
})

const lifetime = Effect.fnUntraced(function* <R>(child: Child<R>, keeper: Keeper<R>, pause: Effect.Effect<void>) {
  yield* pause
  keeper.starting(child)
  const run = yield* child.spec.start
  keeper.started(child)
  yield* run
})

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
