/**
 * Keeps children alive, by the rules of Erlang/OTP.
 *
 * Children start in order and stop in reverse order; a child that ends is started again as its spec and the strategy
 * say, in a fresh Scope after the old one is released. When restarts exceed the intensity the supervisor stops
 * everything and its parent decides. No failure is silent: every abnormal exit is logged once. Closing the Scope the
 * supervisor was made in stops everything.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Stream } from "effect"
import { type ChildOptions, shutdownFrom } from "./ChildOptions.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import type { ExitReport } from "./ExitReport.ts"
import { Family } from "./Family.ts"
import type { AutoShutdown, Strategy } from "./Restart.ts"
import type {
  ChildAlreadyRunning,
  ChildRunning,
  ChildStartFailed,
  ChildUnknown,
  SupervisorExhausted
} from "./SupervisorError.ts"
import type { Control, NodeSnapshot, TreeChange } from "./Tree.ts"
import { defaultLimits, ParentNode, pathIn } from "./Tree.ts"
import type { WatchdogOptions } from "./Watchdog.ts"

export interface SupervisorOptions<R = never> {
  /** Becomes a segment of the path, unless the child it is made in is called the same. */
  readonly name: string
  readonly strategy: Strategy
  /** This many restarts within this time are allowed, the next one is too many. */
  readonly intensity: { readonly restarts: number; readonly within: Duration.Input }
  /** Waits before restarts: exponential and jittered, from `base` again once a child stayed up for the window. */
  readonly backoff?: { readonly base: Duration.Input; readonly cap: Duration.Input }
  /** Started in this order; the supervisor is made when all have started. */
  readonly children?: ReadonlyArray<ChildSpec<R>>
  /** Counts restarts per child, and parks a child that has used up its own instead of giving up. */
  readonly parkExhausted?: boolean
  /** Whether the end for good of significant children ends the supervisor: of any, or of the last; `never` unless told. */
  readonly autoShutdown?: AutoShutdown
  /** Looks for children that do nothing although work waits for them; nobody does unless told. */
  readonly watchdog?: WatchdogOptions
  /** Told of every exit after it is decided and before it is acted on, so it should be quick. */
  readonly onExit?: (report: ExitReport) => Effect.Effect<void>
}

/** How many times as many restarts as it says every supervisor allows: for tests that kill on purpose. */
export const Tolerance = Context.Reference("fiberclaw/kernel/Tolerance", { defaultValue: () => 1 })

/** Children run with the services the supervisor was made with. */
export interface Supervisor<in R = never> {
  readonly path: string
  /**
   * Adds a child after the others and waits until it has started. A child whose first start fails is not kept. When
   * one with this id is about to end, waits to see whether it is gone then.
   */
  startChild(spec: ChildSpec<R>): Effect.Effect<void, ChildAlreadyRunning | ChildStartFailed>
  /** Stops a child, under rest_for_one also those after it. One added by `startChild` is then forgotten. */
  stopChild(id: string): Effect.Effect<void, ChildUnknown>
  /** Like `stopChild`, but the child stays listed as paused until `restartChild`. */
  pauseChild(id: string): Effect.Effect<void, ChildUnknown>
  /**
   * Stops a child as its failure would, if it is up, and starts it again with a whole budget; revives what is stopped,
   * paused or parked. Fails when the first attempt does; the supervisor then goes on by its rules.
   */
  restartChild(id: string): Effect.Effect<void, ChildUnknown | ChildStartFailed>
  /** Starts a child that is stopped, paused or parked; leaves alone one that is up. */
  resumeChild(id: string): Effect.Effect<void, ChildUnknown | ChildStartFailed>
  /** Makes a child fail, of `ChildKilled`; the supervisor then goes on by its rules. Waits until it is released. */
  killChild(id: string): Effect.Effect<void, ChildUnknown>
  /** Forgets a child that is down. */
  deleteChild(id: string): Effect.Effect<void, ChildUnknown | ChildRunning>
  /** This node and all below it, a thousand children of each node at most; of more, first those that do not run. */
  readonly snapshot: Effect.Effect<NodeSnapshot>
  /** The same, then everything that changes in the tree this supervisor is the root of. */
  readonly changes: Stream.Stream<TreeChange>
  /** How to act on a node below this one; undefined when there is none at this path. */
  locate(path: string): Control | undefined
  /**
   * Succeeds when the supervisor has shut down because its significant children have ended, fails when it has given
   * up; by then everything is stopped. Is interrupted when it is stopped.
   */
  readonly exit: Effect.Effect<void, SupervisorExhausted>
}

/** Starts a supervisor that lives until the Scope closes. When a child's first start fails, nothing is left of it. */
export const make = Effect.fn("Supervisor.make")(function* <R = never>(options: SupervisorOptions<R>) {
  const children = options.children ?? []
  if (new Set(children.map(({ id }) => id)).size < children.length) {
    return yield* Effect.die(new Error(`Two children of ${options.name} have the same id`))
  }
  if (children.some(neverEnds)) return yield* endless(options.name)
  const scope = yield* Effect.scope
  const host = yield* ParentNode
  const context = ownContext(yield* Effect.context<R>())
  const tolerance = yield* Tolerance
  const family = new Family<R>({
    ...rulesOf(options, tolerance),
    host,
    path: pathIn(host, options.name),
    context,
    scope
  })
  const detach = host?.attach(family)
  const close = Effect.andThen(
    family.close,
    Effect.sync(() => {
      Deferred.doneUnsafe(family.over, Exit.interrupt())
      detach?.()
    })
  )
  yield* Scope.addFinalizer(scope, close)
  family.boot(children)
  yield* Effect.onInterrupt(Deferred.await(family.booted), () => close)
  return handleOf(family)
})

/** A child that is itself a supervisor: it counts as started when its children have, and fails when it gives up. */
export const child = <R = never>(options: SupervisorOptions<R> & ChildOptions): ChildSpec<R> => ({
  id: options.name,
  kind: "supervisor",
  restart: options.restart ?? "permanent",
  shutdown: shutdownFrom(options.shutdown ?? "infinity"),
  significant: options.significant,
  start: Effect.map(make(options), (supervisor) => supervisor.exit)
})

const rulesOf = <R>(
  { autoShutdown, backoff, intensity, onExit, parkExhausted, strategy, watchdog }: SupervisorOptions<R>,
  tolerance: number
) => ({
  strategy,
  autoShutdown: autoShutdown ?? "never",
  intensity: { restarts: intensity.restarts * tolerance, within: Duration.toMillis(intensity.within) },
  backoff: backoff && { base: Duration.toMillis(backoff.base), cap: Duration.toMillis(backoff.cap) },
  parkExhausted: parkExhausted ?? false,
  watchdog,
  onExit
})

/** Children outlive the span, the Scope and the layer build in which their supervisor was made. */
const ownContext = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.omit(Scope.Scope, Tracer.ParentSpan, Layer.CurrentMemoMap)(context) as Context.Context<R>

/** OTP refuses it, too. */
const neverEnds = <R>({ restart, significant }: ChildSpec<R>): boolean =>
  restart === "permanent" && significant === true

const endless = (supervisor: string) =>
  Effect.die(new Error(`A permanent child of ${supervisor} cannot be significant: it never ends`))

const handleOf = <R>(family: Family<R>): Supervisor<R> => ({
  path: family.path,
  startChild: (spec) => (neverEnds(spec) ? endless(family.path) : family.start(spec)),
  stopChild: (id) => family.stop(id, "stopped"),
  pauseChild: (id) => family.stop(id, "paused"),
  restartChild: (id) => family.restart(id),
  resumeChild: (id) => family.resume(id),
  killChild: (id) => family.kill(id),
  deleteChild: (id) => family.delete(id),
  snapshot: Effect.sync(() => family.snapshot(defaultLimits)),
  changes: family.changes.stream(() => family.snapshot(defaultLimits)),
  locate: (path) => family.locate(path),
  exit: Deferred.await(family.over)
})
