/**
 * How a child is started.
 *
 * A spec is data: the same spec starts every incarnation of a child, each in a Scope of its own that is closed
 * before the next incarnation starts.
 */
import type { Context } from "effect"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Actor } from "./Actor.ts"
import { type ChildOptions, type ShutdownInput, type SpecBase, shutdownFrom, type Vitals } from "./ChildOptions.ts"
import type { Lifeline } from "./Incarnation.ts"
import { incarnate, Incarnation } from "./Incarnation.ts"
import type { Host } from "./Tree.ts"
import { ParentNode } from "./Tree.ts"

/** A child with a fiber of its own from its start to its end. */
export interface ResidentSpec<out R = never> extends SpecBase {
  /**
   * Initialises one incarnation in its own Scope and returns what it then does until it ends. The child counts as
   * started when the outer effect succeeds.
   */
  readonly start: Effect.Effect<Effect.Effect<unknown, unknown, R>, unknown, R | Scope.Scope>
}

/** A resident child, or an actor, which has a fiber only while it works. */
export type ChildSpec<R = never> = ResidentSpec<R> | Actor<never, unknown, unknown, R>

/** A child that is one effect, started at once; a Scope it asks for is its incarnation's. */
export const worker = <R>(
  options: ChildOptions & { readonly id: string; readonly run: Effect.Effect<unknown, unknown, R> }
): ResidentSpec<Exclude<R, Scope.Scope>> => ({
  ...base(options, "5 seconds"),
  start: Effect.map(Effect.scope, (scope) => Scope.provide(options.run, scope))
})

/**
 * A child that is a Layer: every incarnation is built anew, shares no instance with any other, and lives until it is
 * stopped or something it forked through `Incarnation` fails. `publish` is given what was built; what it adds to the
 * Scope is released before the Layer is.
 */
export const fromLayer = <A, E, R>(
  options: ChildOptions & {
    readonly id: string
    readonly layer: Layer.Layer<A, E, R>
    readonly publish?: (built: Context.Context<A>) => Effect.Effect<void, never, Scope.Scope>
  }
): ResidentSpec<Exclude<Exclude<R, Incarnation>, Scope.Scope>> => {
  let vitals: (() => Vitals) | undefined
  const start = Effect.gen(function* () {
    vitals = undefined
    const scope = yield* Effect.scope
    const parent = yield* ParentNode
    const { ended, failUnsafe, service } = incarnate(scope, (own) => {
      vitals = own
    })
    const build = Layer.buildWithMemoMap(options.layer, Layer.makeMemoMapUnsafe(), scope).pipe(
      Effect.provideService(Incarnation, service),
      Effect.provideService(ParentNode, parent && escalating(parent, failUnsafe)),
      Scope.provide(scope)
    )
    const built = yield* Effect.raceFirst(build, ended)
    if (options.publish !== undefined) yield* options.publish(built)
    return ended
  })
  return { ...base(options, "10 seconds"), start, vitals: () => vitals?.() }
}

const base = (options: ChildOptions & { readonly id: string }, patience: ShutdownInput): SpecBase => ({
  id: options.id,
  kind: "worker",
  restart: options.restart ?? "permanent",
  shutdown: shutdownFrom(options.shutdown ?? patience),
  significant: options.significant
})

const escalating = (host: Host, escalate: Lifeline["failUnsafe"]): Host => ({
  path: host.path,
  changes: host.changes,
  attach: (branch) => host.attach(branch),
  touch: () => host.touch(),
  escalate
})
