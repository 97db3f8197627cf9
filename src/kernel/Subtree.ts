/**
 * A rest_for_one supervisor of Layers: the way the service is put together.
 *
 * Children are Layers in order. Each is built with the ambient services and what earlier siblings built; when one
 * fails, it and all later ones are stopped, the latest first, and built anew, so that nobody keeps a dead service.
 * No instance is shared between incarnations.
 */
import type { Duration, Types } from "effect"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Pipeable from "effect/Pipeable"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { type ChildOptions, shutdownFrom } from "./ChildOptions.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import { fromLayer } from "./ChildSpec.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { Supervisor } from "./Supervisor.ts"
import * as Supervisors from "./Supervisor.ts"
import type { ChildStartFailed } from "./SupervisorError.ts"
import type { WatchdogOptions } from "./Watchdog.ts"

export interface SubtreeOptions {
  /** This many restarts within this time are allowed, the next one is too many. */
  readonly intensity: { readonly restarts: number; readonly within: Duration.Input }
  readonly backoff?: { readonly base: Duration.Input; readonly cap: Duration.Input }
  readonly watchdog?: WatchdogOptions
}

/** A description: nothing runs until `start`. `Out` is what its children build, `R` what they need from outside. */
export interface Subtree<out Out = never, out R = never> extends Pipeable.Pipeable {
  readonly name: string
  readonly options: SubtreeOptions
  readonly members: ReadonlyArray<Member>
  readonly "~types"?: { readonly out: Types.Covariant<Out>; readonly needs: Types.Covariant<R> }
}

interface Member {
  readonly id: string
  readonly layer: Layer.Layer<never, unknown, unknown>
  readonly options: ChildOptions
}

/** A running subtree: its supervisor, and what its children have built. */
export interface Running<in Out> extends Supervisor {
  /** The services of the present incarnations; fails while one of them is down. Do not keep them for long. */
  readonly services: Effect.Effect<Context.Context<Out>, ServicesMissing>
}

/** A child of the subtree is down, so that its services are not there. */
export class ServicesMissing extends Schema.TaggedError<ServicesMissing>()("ServicesMissing", {
  subtree: Schema.String,
  children: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${this.subtree} is not complete: ${this.children.join(", ")} is down`
  }
}

/** An empty subtree; `name` becomes a segment of the path. */
export const make = (name: string, options: SubtreeOptions): Subtree => of(name, options, [])

/** Adds a Layer after the others. It may need whatever they provide, and `Incarnation`. */
export const child =
  <A, E, RIn>(id: string, layer: Layer.Layer<A, E, RIn>, options: ChildOptions = {}) =>
  <Out, R>(self: Subtree<Out, R>): Subtree<Out | A, R | Exclude<RIn, Out | Incarnation | Scope.Scope>> =>
    of(self.name, self.options, [...self.members, { id, layer, options }])

/** Starts the children in order. The subtree lives until the Scope closes or its `exit` fails. */
export const start = Effect.fn("Subtree.start")(function* <Out, R>(subtree: Subtree<Out, R>) {
  const { members, name, options } = subtree
  const built = new Map<string, Context.Context<never>>()
  const together = (ids: ReadonlyArray<Member>) =>
    Context.mergeAll(...ids.map(({ id }) => built.get(id) ?? Context.empty()))
  const children = members.map((member, index) => specOf<R>(member, built, () => together(members.slice(0, index))))
  const supervisor = yield* Supervisors.make({ name, strategy: "rest_for_one", ...options, children })
  const services = Effect.suspend(() => {
    const missing = members.filter(({ id }) => !built.has(id)).map(({ id }) => id)
    if (missing.length > 0) return new ServicesMissing({ subtree: supervisor.path, children: missing })
    return Effect.succeed(together(members) as Context.Context<Out>)
  })
  const running: Running<Out> = { ...supervisor, services }
  return running
})

export interface SpecOptions<Out> extends ChildOptions {
  /** Runs each time all children have started; what it adds to the Scope is released before they are stopped. */
  readonly onStart?: (running: Running<Out>) => Effect.Effect<void, never, Scope.Scope>
}

/** The subtree as a child of another supervisor, which decides when it gives up. */
export const spec = <Out, R>(subtree: Subtree<Out, R>, options: SpecOptions<Out> = {}): ChildSpec<R> => ({
  id: subtree.name,
  kind: "supervisor",
  restart: options.restart ?? "permanent",
  shutdown: shutdownFrom(options.shutdown ?? "infinity"),
  significant: options.significant,
  start: begin(subtree, options.onStart)
})

/** The subtree as a Layer, for instance as one child of another subtree, which then ends when it gives up. */
export const layer = <Out, R>(
  subtree: Subtree<Out, R>,
  onStart?: SpecOptions<Out>["onStart"]
): Layer.Layer<never, ChildStartFailed, Exclude<R, Scope.Scope>> => Layer.effectDiscard(begin(subtree, onStart))

const begin = Effect.fnUntraced(function* <Out, R>(subtree: Subtree<Out, R>, onStart: SpecOptions<Out>["onStart"]) {
  const running = yield* start(subtree)
  if (onStart !== undefined) yield* onStart(running)
  return running.exit
})

const of = (name: string, options: SubtreeOptions, members: ReadonlyArray<Member>): Subtree<never, never> =>
  Object.assign(new Pipeable.Class(), { name, options, members })

/** What one child builds is there for later ones until it begins to be released. */
const specOf = <R>(
  { id, layer, options }: Member,
  built: Map<string, Context.Context<never>>,
  earlier: () => Context.Context<never>
): ChildSpec<R> => {
  const publish = (context: Context.Context<never>) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const own = Context.omit(Scope.Scope, Layer.CurrentMemoMap)(context)
        built.set(id, own)
        return own
      }),
      // The release of an incarnation that was left behind must not take away the next one's services.
      (own) => Effect.sync(() => built.get(id) === own && built.delete(id))
    ).pipe(Effect.asVoid)
  const spec = fromLayer({ ...options, id, layer, publish })
  // `child` has checked that R and what earlier children build are all that the Layer needs.
  return { ...spec, start: Effect.suspend(() => Effect.provideContext(spec.start, earlier())) } as ChildSpec<R>
}
