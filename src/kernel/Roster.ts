/**
 * The children of one supervisor: who is there, and in which order they stop.
 *
 * Every step that reads and changes the children is synchronous. Only waiting for releases takes time; while that goes
 * on nobody is started, and afterwards `advance` starts whoever is wanted and may start, so that steps which overlap
 * need no lock. Children and steps run in fibers of their own; closing the roster ends them all.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Exit, Scope } from "effect"
import { Actor } from "./Actor.ts"
import type { Workplace } from "./ActorLife.ts"
import { Child } from "./Child.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import { Deadlines } from "./Deadlines.ts"
import type { Life } from "./Life.ts"
import type { Strategy, Which } from "./Restart.ts"
import { affected } from "./Restart.ts"
import { settled } from "./Shutdown.ts"
import { ChildStartFailed } from "./SupervisorError.ts"
import type { Changes, Host, Origin } from "./Tree.ts"
import { TreeChanges } from "./TreeChanges.ts"
import { atOnce, inTurns } from "./Turns.ts"
import { uptime } from "./Uptime.ts"

export interface RosterOptions<R> {
  readonly path: string
  readonly strategy: Strategy
  /** Where the supervisor was made; it may want to end when the family gives up. */
  readonly host: Host | undefined
  /** What every child runs with. */
  readonly context: Context.Context<R>
  /** Owns the steps under way. */
  readonly scope: Scope.Scope
}

export abstract class Roster<R> implements Workplace<R>, Origin {
  readonly children = new Map<string, Child<R>>()
  readonly changes: Changes
  readonly path: string
  readonly context: Context.Context<R>
  readonly fork: <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>
  /** Done when every child has started for the first time. */
  readonly booted = Deferred.makeUnsafe<void, ChildStartFailed>()
  readonly deadlines: Deadlines
  state: "starting" | "running" | "stopping" | "stopped" = "starting"
  since: number
  nesting = 0
  readonly #scope: Scope.Scope
  readonly #clock: Clock.Clock
  #dispatcher: Scheduler.SchedulerDispatcher | undefined = undefined
  /** Stops under way, during which nobody is started. */
  protected halts = 0
  protected readonly strategy: Strategy

  constructor({ context, host, path, scope, strategy }: RosterOptions<R>) {
    this.path = path
    this.strategy = strategy
    this.context = context
    this.fork = Effect.runForkWith(context)
    this.changes = host?.changes ?? new TreeChanges()
    this.#scope = scope
    this.#clock = Context.get(context, Clock.Clock)
    this.deadlines = new Deadlines(this.#clock, this.fork)
    this.since = this.now
  }

  abstract started(child: Child<R>): void
  abstract ended(child: Child<R>, life: Life, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined
  /** Starts whoever is wanted and may start now: the first, once all before it are up or will not be again. */
  protected abstract advance(): void
  /** The supervisor itself, for those who watch the tree. */
  protected abstract touch(): void

  /** The time of day, for people. */
  get now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  /** Milliseconds that only go forward, for the rules. */
  get uptime(): number {
    return uptime(this.#clock)
  }

  get isClosed(): boolean {
    return this.state === "stopping" || this.state === "stopped"
  }

  /** Stops everything, the youngest first. What was added at will needs no sibling and is told all at once. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.enter("stopping")
    const free: Array<Array<Child<R>>> = [[]]
    const others: Array<Child<R>> = []
    const sort = inTurns(this.children.values(), (child) => {
      if (!child.dynamic || this.strategy !== "one_for_one") others.push(child)
      else if ((free[0]?.push(child) ?? 0) >= atOnce) free.unshift([])
    })
    const rest = Effect.suspend(() => Effect.forEach(others.reverse(), (child) => this.#stop(child), { discard: true }))
    return Effect.andThen(Effect.andThen(sort, this.#stopTogether(free)), rest)
  }).pipe(Effect.andThen(Effect.suspend(() => this.#disband())))

  starting(child: Child<R>): void {
    child.enter("starting")
  }

  releasing(child: Child<R>): void {
    child.enter("stopping")
  }

  soon(task: () => void): void {
    this.#dispatcher ??= Context.get(this.context, Scheduler.Scheduler).makeDispatcher()
    this.#dispatcher.scheduleTask(task, 0)
  }

  protected enter(state: Roster<R>["state"]): void {
    if (this.state === state) return
    this.state = state
    this.since = this.now
    this.touch()
  }

  protected add(spec: ChildSpec<R>, dynamic: boolean): Child<R> {
    const child = new Child(spec, this, dynamic)
    const present = this.children.get(spec.id)
    if (present?.spec instanceof Actor && present.spec !== spec) this.#retire(present.spec, present)
    if (present !== undefined) present.isListed = false
    this.children.set(spec.id, child)
    if (spec instanceof Actor) spec.post = this
    this.changes.touch(child)
    return child
  }

  /** Forgets a child that is down. */
  protected remove(child: Child<R>): void {
    if (this.children.get(child.spec.id) === child) this.children.delete(child.spec.id)
    child.isListed = false
    this.changes.remove(child)
    if (child.spec instanceof Actor) this.#retire(child.spec, child)
  }

  protected affected(which: Which, child: Child<R>): ReadonlyArray<Child<R>> {
    return which === "one" ? [child] : affected(which, [...this.children.values()], child)
  }

  protected notStarted(id: string, reason: string): ChildStartFailed {
    return new ChildStartFailed({ supervisor: this.path, id, reason })
  }

  /** Last in every step, because whoever waits goes on at once. */
  protected answer(child: Child<R>, answer: Effect.Effect<void, ChildStartFailed>): void {
    const { waiter } = child.past
    if (waiter === undefined) return
    child.remember().waiter = undefined
    Deferred.doneUnsafe(waiter, answer)
  }

  /** As `answer`, for those who wait until the child is released. */
  protected announce(child: Child<R>): void {
    const { released } = child.past
    if (released === undefined) return
    child.remember().released = undefined
    Deferred.doneUnsafe(released, Effect.void)
  }

  /** Runs something beside the children, until the supervisor's Scope closes. */
  protected attend(effect: Effect.Effect<void>): void {
    Fiber.runIn(this.fork(effect), this.#scope)
  }

  /** Runs a step to its end, in a fiber that the supervisor's Scope waits for. */
  protected run(step: Effect.Effect<void>): Fiber.Fiber<void> {
    return Fiber.runIn(Effect.runForkWith(this.context)(step, { uninterruptible: true }), this.#scope)
  }

  /** Stops these children, the youngest first; nobody is started meanwhile. */
  protected halt(targets: ReadonlyArray<Child<R>>, then?: () => void): Fiber.Fiber<void> {
    this.halts++
    const stops = Effect.forEach([...targets].reverse(), (child) => this.#stop(child), { discard: true })
    return this.run(
      Effect.ensuring(
        stops,
        Effect.sync(() => {
          this.halts--
          then?.()
          this.advance()
        })
      )
    )
  }

  /** The child is down: by intent, or until its turn comes. */
  protected layDown(child: Child<R>): void {
    const { dynamic, intent } = child
    child.life = undefined
    child.enter(intent === "paused" || intent === "parked" ? intent : "stopped")
    if (dynamic && child.isDown) this.remove(child)
    if (child.past.waiter !== undefined && (intent !== "up" || this.isClosed)) {
      this.answer(child, child.past.startFailure ?? this.notStarted(child.spec.id, "stopped before it had started"))
    }
    this.announce(child)
  }

  #stop(child: Child<R>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const life = this.#signal(child)
      return life === undefined ? Effect.void : this.settled(child, life, () => this.layDown(child))
    })
  }

  /** Waits for the end of a life that was told to end; `abandon` is called if it has to be left behind. */
  protected settled(child: Child<R>, life: Life, abandon: () => void): Effect.Effect<void> {
    return settled(child, life, () => {
      if (child.life !== life) return
      life.abandonUnsafe?.()
      abandon()
    })
  }

  /** Tells the child's present incarnation to end; undefined when nothing of it is left by now. */
  #signal(child: Child<R>): Life | undefined {
    const { life } = child
    if (life === undefined) {
      this.layDown(child)
      return undefined
    }
    if (!child.stopping) {
      child.stopping = true
      child.enter("stopping")
      life.interruptUnsafe()
    }
    return life.pollUnsafe() === undefined ? life : undefined
  }

  /** Tells all to end, batch by batch, then waits for those that take time. */
  #stopTogether(batches: ReadonlyArray<Array<Child<R>>>): Effect.Effect<void> {
    const ending: Array<readonly [Child<R>, Life]> = []
    const tell = (batch: Array<Child<R>>): Effect.Effect<void> => {
      for (const child of batch.reverse()) {
        const life = this.#signal(child)
        if (life !== undefined) ending.push([child, life])
      }
      return batch.length < atOnce ? Effect.void : Effect.yieldNow
    }
    const awaited = Effect.suspend(() =>
      Effect.forEach(ending, ([child, life]) => this.settled(child, life, () => this.layDown(child)), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return Effect.andThen(Effect.forEach(batches, tell, { discard: true }), awaited)
  }

  /** Everybody is down and will not come back. */
  #disband(): Effect.Effect<void> {
    const leave = inTurns(this.children.values(), (child) => {
      if (child.spec instanceof Actor) this.#retire(child.spec, child)
    })
    return Effect.andThen(leave, () => {
      this.deadlines.close()
      this.enter("stopped")
      return Effect.void
    })
  }

  #retire(actor: Actor<never, unknown, unknown, R>, child: Child<R>): void {
    if (actor.post !== this) return
    const lost = actor.leave()
    if (lost === 0) return
    const { path } = child
    this.run(Effect.logWarning("messages dropped").pipe(Effect.annotateLogs({ child: path, messages: lost })))
  }
}
