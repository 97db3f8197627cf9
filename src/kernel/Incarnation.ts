/**
 * One life of a Layer child, seen from inside.
 *
 * A Layer that has been built lives until it is stopped. What it keeps doing meanwhile it forks here: such a fiber
 * is owned by the child's Scope, and when it fails the whole child counts as ended with that cause, so that its
 * supervisor decides. Effect itself reports the failure of a forked fiber to nobody.
 */
import type { Effect as EffectType, Fiber } from "effect"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Scope } from "effect"
import type { Vitals } from "./ChildOptions.ts"

/** A fiber that was to run as long as its child has ended. */
export class FiberEnded extends Schema.TaggedError<FiberEnded>()("FiberEnded", { fiber: Schema.String }) {
  override get message(): string {
    return `${this.fiber} ended although its child lives on`
  }
}

export interface ForkOptions {
  /** The fiber's name in `FiberEnded`; set for fibers that must run as long as their child. */
  readonly mustNotEnd?: string
}

export class Incarnation extends Context.Service<
  Incarnation,
  {
    /** Starts a fiber at once. Its failure, and its end if `mustNotEnd`, is the child's. */
    fork<A, E, R>(
      effect: EffectType.Effect<A, E, R>,
      options?: ForkOptions
    ): EffectType.Effect<Fiber.Fiber<A, E>, never, R>
    /** Ends the child with this cause. */
    fail(cause: Cause.Cause<unknown>): EffectType.Effect<void>
    /** Says how to learn how much work waits for the child and how much it has done. */
    reportVitals(vitals: () => Vitals): EffectType.Effect<void>
  }
>()("fiberclaw/kernel/Incarnation") {
  /** For what has no supervisor, such as a program without a tree: the first failure is logged, and ends nothing. */
  static readonly layerAlone = Layer.effect(
    Incarnation,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const { ended, service } = incarnate(scope, () => undefined)
      const log = (cause: Cause.Cause<unknown>) =>
        scope.state._tag === "Closed" ? Effect.void : Effect.logError("fiber failed", cause)
      yield* Effect.forkScoped(Effect.catchCause(ended, log))
      return service
    })
  )
}

/** What the supervisor's side holds of one incarnation. */
export interface Lifeline {
  readonly service: Incarnation["Service"]
  /** Fails when the child is to end by its own fault; never succeeds. */
  readonly ended: EffectType.Effect<never, unknown>
  readonly failUnsafe: (cause: Cause.Cause<unknown>) => void
}

/** The incarnation that lives in `scope`; `setVitals` is told how it can be asked how it fares. */
export const incarnate = (scope: Scope.Scope, setVitals: (vitals: () => Vitals) => void): Lifeline => {
  const deferred = Deferred.makeUnsafe<never, unknown>()
  const failUnsafe = (cause: Cause.Cause<unknown>): void => {
    Deferred.doneUnsafe(deferred, Exit.failCause(cause))
  }

  const fork = Effect.fnUntraced(function* <A, E, R>(effect: EffectType.Effect<A, E, R>, options?: ForkOptions) {
    const fiber = yield* Effect.forkIn(effect, scope, { startImmediately: true })
    fiber.addObserver((exit) => {
      const cause = faultOf(exit, options?.mustNotEnd)
      if (cause !== undefined) failUnsafe(cause)
    })
    return fiber
  })

  const fail = (cause: Cause.Cause<unknown>) => Effect.sync(() => failUnsafe(cause))
  const reportVitals = (vitals: () => Vitals) => Effect.sync(() => setVitals(vitals))
  return { service: Incarnation.of({ fork, fail, reportVitals }), ended: Deferred.await(deferred), failUnsafe }
}

/** Whoever holds the fiber may interrupt it, so an interruption is an end and not a fault. */
const faultOf = (
  exit: Exit.Exit<unknown, unknown>,
  mustNotEnd: string | undefined
): Cause.Cause<unknown> | undefined => {
  if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) return exit.cause
  return mustNotEnd === undefined ? undefined : Cause.fail(new FiberEnded({ fiber: mustNotEnd }))
}
