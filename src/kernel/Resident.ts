/**
 * The life of a resident child: one fiber from its start to the release of its Scope.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect"
import type { Child } from "./Child.ts"
import type { ResidentSpec } from "./ChildSpec.ts"
import { conclude, type Keeper } from "./Release.ts"

/**
 * Lives once in `scope`, after `pause` if there is one. To be run uninterruptibly: it is interruptible where it may be.
 * Not generators, which would hold what they have begun with as long as the child lives: there may be very many.
 */
export const live = <R>(
  child: Child<R>,
  spec: ResidentSpec<R>,
  keeper: Keeper<R>,
  scope: Scope.Closeable,
  pause: Effect.Effect<void> | undefined
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.withFiber((fiber) => {
    child.life = fiber
    const lifetime =
      pause === undefined ? begin(child, spec, keeper) : Effect.andThen(pause, begin(child, spec, keeper))
    return Effect.flatMap(
      Effect.exit(Effect.interruptible(lifetime)),
      (exit) => conclude(child, keeper, fiber, scope, exit) ?? Effect.void
    )
  })

const begin = <R>(child: Child<R>, spec: ResidentSpec<R>, keeper: Keeper<R>) =>
  Effect.suspend(() => {
    keeper.starting(child)
    return Effect.flatMap(spec.start, (run) => {
      keeper.started(child)
      return run
    })
  })
