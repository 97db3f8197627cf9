/**
 * How a child is started, how long its end may take, and when it is started again.
 *
 * A spec is data: the same spec starts every incarnation of a child, each in a Scope of its own that is closed
 * before the next incarnation starts.
 */
import type { Context } from "effect"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Lifeline } from "./Incarnation.ts"
import { incarnate, Incarnation } from "./Incarnation.ts"
import type { Restart } from "./Restart.ts"
import type { Host } from "./Tree.ts"
import { ParentNode } from "./Tree.ts"

/** How long a child may take to end: a time, no time at all (`brutal`), or as long as it needs (`infinity`). */
export type Shutdown = Duration.Duration | "brutal" | "infinity"
export type ShutdownInput = Duration.Input | "brutal" | "infinity"

export interface ChildSpec<out R = never> {
  /** Unique among siblings; becomes a segment of the path. */
  readonly id: string
  readonly kind: "supervisor" | "worker"
  readonly restart: Restart
  readonly shutdown: Shutdown
  /**
   * Initialises one incarnation in its own Scope and returns what it then does until it ends. The child counts as
   * started when the outer effect succeeds.
   */
  readonly start: Effect.Effect<Effect.Effect<unknown, unknown, R>, unknown, R | Scope.Scope>
}

/** When a child is started again and how long its end may take. */
export interface ChildOptions {
  /** `permanent` unless told. */
  readonly restart?: Restart
  /** Unless told: 5 seconds for an effect, 10 seconds for a Layer, `infinity` for a supervisor. */
  readonly shutdown?: ShutdownInput
}

/** A child that is one effect, started at once; a Scope it asks for is its incarnation's. */
export const worker = <R>(
  options: ChildOptions & { readonly id: string; readonly run: Effect.Effect<unknown, unknown, R> }
): ChildSpec<Exclude<R, Scope.Scope>> => ({
  id: options.id,
  kind: "worker",
  restart: options.restart ?? "permanent",
  shutdown: shutdownFrom(options.shutdown ?? "5 seconds"),
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
): ChildSpec<Exclude<Exclude<R, Incarnation>, Scope.Scope>> => ({
  id: options.id,
  kind: "worker",
  restart: options.restart ?? "permanent",
  shutdown: shutdownFrom(options.shutdown ?? "10 seconds"),
  start: Effect.gen(function* () {
    const scope = yield* Effect.scope
    const parent = yield* ParentNode
    const { ended, failUnsafe, service } = incarnate(scope)
    const build = Layer.buildWithMemoMap(options.layer, Layer.makeMemoMapUnsafe(), scope).pipe(
      Effect.provideService(Incarnation, service),
      Effect.provideService(ParentNode, parent && escalating(parent, failUnsafe)),
      Scope.provide(scope)
    )
    const built = yield* Effect.raceFirst(build, ended)
    if (options.publish !== undefined) yield* options.publish(built)
    return ended
  })
})

const escalating = (host: Host, escalate: Lifeline["failUnsafe"]): Host => ({
  path: host.path,
  attach: (branch) => host.attach(branch),
  escalate
})

/** A shutdown as options give it. */
export const shutdownFrom = (input: ShutdownInput): Shutdown =>
  input === "brutal" || input === "infinity" ? input : Duration.fromInputUnsafe(input)
