/**
 * The life of a resident child: one fiber from its start to the release of its Scope.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect"
import type { Child } from "./Child.ts"
import type { ResidentSpec } from "./ChildSpec.ts"
import { conclude, type Keeper } from "./Release.ts"

/** Lives once in `scope`, beginning with `pause`. To be run uninterruptibly: it is interruptible where it may be. */
export const live = Effect.fnUntraced(function* <R>(
  child: Child<R>,
  spec: ResidentSpec<R>,
  keeper: Keeper<R>,
  scope: Scope.Closeable,
  pause: Effect.Effect<void>
) {
  const fiber = yield* Effect.withFiber((self) => Effect.succeed(self))
  child.life = fiber
  const exit = yield* Effect.exit(Effect.interruptible(lifetime(child, spec, keeper, pause)))
  const rest = conclude(child, keeper, fiber, scope, exit)
  if (rest !== undefined) yield* rest
})

const lifetime = Effect.fnUntraced(function* <R>(
  child: Child<R>,
  spec: ResidentSpec<R>,
  keeper: Keeper<R>,
  pause: Effect.Effect<void>
) {
  yield* pause
  keeper.starting(child)
  const run = yield* spec.start
  keeper.started(child)
  yield* run
})
