/**
 * The children of one supervisor: who is wanted, who is up, and in which order they start and stop.
 *
 * Every step that reads and changes the children is synchronous. Only waiting for releases takes time; while that goes
 * on nobody is started, and afterwards `advance` starts whoever is wanted and may start, so that steps which overlap
 * need no lock. Children and steps run in fibers of their own; closing the family ends them all.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { AnyFiber } from "./Child.ts"
import { Child } from "./Child.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import { endOf } from "./ExitReason.ts"
import type { End, ExitReport, Verdict } from "./ExitReport.ts"
import { isExpected, logExit } from "./ExitReport.ts"
import type { Keeper } from "./Life.ts"
import { live } from "./Life.ts"
import type { Backoff, Ending, Intensity, Strategy, Which } from "./Restart.ts"
import { affected, decide, delay, followers, intentAfter } from "./Restart.ts"
import { settled, signal } from "./Shutdown.ts"
import { ChildAlreadyRunning, ChildStartFailed, ChildUnknown, SupervisorExhausted } from "./SupervisorError.ts"
import type { Host } from "./Tree.ts"
import { ParentNode } from "./Tree.ts"

export interface FamilyOptions<R> {
  readonly path: string
  readonly strategy: Strategy
  readonly intensity: Intensity
  readonly backoff: Backoff | undefined
  readonly parkExhausted: boolean
  readonly onExit: ((report: ExitReport) => Effect.Effect<void>) | undefined
  /** Where the supervisor was made; it may want to end when the family gives up. */
  readonly host: Host | undefined
  /** What every child runs with. */
  readonly context: Context.Context<R>
  /** Owns the steps under way. */
  readonly scope: Scope.Scope
}

export class Family<R> implements Keeper<R> {
  readonly options: FamilyOptions<R>
  readonly children = new Map<string, Child<R>>()
  /** Done when every child has started for the first time. */
  readonly booted = Deferred.makeUnsafe<void, ChildStartFailed>()
  readonly exhausted = Deferred.makeUnsafe<never, SupervisorExhausted>()
  state: "starting" | "running" | "stopping" | "stopped" = "starting"
  since: number
  readonly #clock: Clock.Clock
  #halts = 0
  #restarts: ReadonlyArray<number> = []

  constructor(options: FamilyOptions<R>) {
    this.options = options
    this.#clock = Context.get(options.context, Clock.Clock)
    this.since = this.now
  }

  /** The time of day, for people. */
  get now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  /** Milliseconds that only go forward, for the rules. */
  get #uptime(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  }

  /** Starts these children one after the other; `booted` tells how it went. */
  boot(specs: ReadonlyArray<ChildSpec<R>>): void {
    for (const spec of specs) this.#add(spec, false)
    this.#advance()
  }

  start(spec: ChildSpec<R>): Effect.Effect<void, ChildAlreadyRunning | ChildStartFailed> {
    return Effect.suspend((): Effect.Effect<void, ChildAlreadyRunning | ChildStartFailed> => {
      if (this.#closed) return this.#notStarted(spec.id, "the supervisor has been stopped")
      const present = this.children.get(spec.id)
      if (present?.state === "stopping") {
        return Effect.andThen(Deferred.await(present.awaitRelease()), this.start(spec))
      }
      if (present !== undefined && !present.isDown) {
        return new ChildAlreadyRunning({ supervisor: this.options.path, id: spec.id, state: present.state })
      }
      const child = this.#add(spec, present?.dynamic ?? true)
      this.#bringUp(child)
      if (child.startFailure !== undefined) return child.startFailure
      return child.everStarted ? Effect.void : Deferred.await(child.awaitStart())
    })
  }

  /** Stops a child and what depends on it; a dynamic child that is stopped is forgotten. */
  stop(id: string, intent: "stopped" | "paused"): Effect.Effect<void, ChildUnknown> {
    return this.#with(id, (child) => {
      child.intent = intent
      const which = this.options.strategy === "rest_for_one" ? "rest" : "one"
      return Fiber.join(this.#halt(this.#affected(which, child)))
    })
  }

  /** Stops a child and whoever its strategy takes along, if up, and starts them again with whole budgets. */
  restart(id: string): Effect.Effect<void, ChildUnknown | ChildStartFailed> {
    return this.#with(id, (child) => {
      child.revive()
      const waiter = child.awaitStart()
      this.#halt(this.#affected(followers[this.options.strategy], child), () => this.#bringUp(child))
      return Deferred.await(waiter)
    })
  }

  /** Stops everything, the youngest first. What was added at will needs no sibling and is told all at once. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#enter("stopping")
    const youngestFirst = [...this.children.values()].reverse()
    const isFree = (child: Child<R>) => child.dynamic && this.options.strategy === "one_for_one"
    const stop = (child: Child<R>) => this.#stop(child)
    return Effect.andThen(
      Effect.forEach(youngestFirst.filter(isFree), stop, { concurrency: "unbounded", discard: true }),
      Effect.forEach(
        youngestFirst.filter((child) => !isFree(child)),
        stop,
        { discard: true }
      )
    )
  }).pipe(Effect.andThen(Effect.sync(() => this.#enter("stopped"))))

  starting(child: Child<R>): void {
    child.enter("starting", this.now)
  }

  started(child: Child<R>): void {
    child.everStarted = true
    child.startedAt = this.#uptime
    child.enter("running", this.now)
    this.#advance()
    this.#answer(child, Effect.void)
  }

  releasing(child: Child<R>): void {
    child.enter("stopping", this.now)
  }

  ended(child: Child<R>, fiber: AnyFiber, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (child.fiber !== fiber) return Effect.void
      const ending = child.stopping || this.#closed ? "stopped" : Exit.isSuccess(exit) ? "normal" : "failed"
      const verdict = this.#judge(child, ending)
      child.lastExit = { exit, ending, at: this.now }
      const perform = Effect.sync(() => {
        if (child.fiber === fiber) this.#perform(child, exit, verdict)
      })
      return Effect.andThen(this.#tell(child, { exit, ending, decision: verdict._tag }), perform)
    })
  }

  get #closed(): boolean {
    return this.state === "stopping" || this.state === "stopped"
  }

  #enter(state: "running" | "stopping" | "stopped"): void {
    if (this.state === state) return
    this.state = state
    this.since = this.now
  }

  #add(spec: ChildSpec<R>, dynamic: boolean): Child<R> {
    const child = new Child(spec, this.options.path, dynamic, this.now)
    this.children.set(spec.id, child)
    return child
  }

  #with<E>(id: string, act: (child: Child<R>) => Effect.Effect<void, E>): Effect.Effect<void, E | ChildUnknown> {
    return Effect.suspend((): Effect.Effect<void, E | ChildUnknown> => {
      const child = this.#closed ? undefined : this.children.get(id)
      return child === undefined ? new ChildUnknown({ supervisor: this.options.path, id }) : act(child)
    })
  }

  #affected(which: Which, child: Child<R>): ReadonlyArray<Child<R>> {
    return which === "one" ? [child] : affected(which, [...this.children.values()], child)
  }

  #notStarted(id: string, reason: string): ChildStartFailed {
    return new ChildStartFailed({ supervisor: this.options.path, id, reason })
  }

  /** Last in every step, because whoever waits goes on at once. */
  #answer(child: Child<R>, answer: Effect.Effect<void, ChildStartFailed>): void {
    const { waiter } = child
    child.waiter = undefined
    if (waiter !== undefined) Deferred.doneUnsafe(waiter, answer)
  }

  /** As `answer`, for those who wait until the child is released. */
  #announce(child: Child<R>): void {
    const { released } = child
    child.released = undefined
    if (released !== undefined) Deferred.doneUnsafe(released, Effect.void)
  }

  /** Runs a step to its end, in a fiber that the supervisor's Scope waits for. */
  #run(step: Effect.Effect<void>): Fiber.Fiber<void> {
    return Fiber.runIn(Effect.runForkWith(this.options.context)(step, { uninterruptible: true }), this.options.scope)
  }

  /** Stops these children, the youngest first; nobody is started meanwhile. */
  #halt(targets: ReadonlyArray<Child<R>>, then?: () => void): Fiber.Fiber<void> {
    this.#halts++
    const stops = Effect.forEach([...targets].reverse(), (child) => this.#stop(child), { discard: true })
    return this.#run(
      Effect.ensuring(
        stops,
        Effect.sync(() => {
          this.#halts--
          then?.()
          this.#advance()
        })
      )
    )
  }

  #stop(child: Child<R>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fiber = signal(child, this.now)
      if (fiber === undefined) this.#layDown(child)
      return settled(child, fiber, () => {
        if (child.fiber === fiber) this.#layDown(child)
      })
    })
  }

  /** The child is down: by intent, or until its turn comes. */
  #layDown(child: Child<R>): void {
    const {
      dynamic,
      intent,
      spec: { id }
    } = child
    child.fiber = undefined
    child.enter(intent === "paused" || intent === "parked" ? intent : "stopped", this.now)
    if (dynamic && child.isDown && this.children.get(id) === child) this.children.delete(id)
    if (child.waiter !== undefined && (intent !== "up" || this.#closed)) {
      this.#answer(child, child.startFailure ?? this.#notStarted(id, "stopped before it had started"))
    }
    this.#announce(child)
  }

  #bringUp(child: Child<R>): void {
    if (this.state !== "running" || this.options.strategy !== "one_for_one") return this.#advance()
    if (child.intent === "up" && child.fiber === undefined) this.#launch(child)
  }

  /** Starts whoever is wanted and may start now: the first, once all before it are up or will not be again. */
  #advance(): void {
    const { strategy } = this.options
    if (this.#closed || this.#halts > 0 || (strategy === "one_for_one" && this.state === "running")) return
    for (const child of this.children.values()) {
      if (child.fiber === undefined && child.intent === "up") return this.#launch(child)
      if (child.fiber !== undefined && child.state !== "running") return
      if (child.fiber === undefined && child.intent !== "finished" && strategy === "rest_for_one") return
    }
    this.#enter("running")
    Deferred.doneUnsafe(this.booted, Effect.void)
  }

  #launch(child: Child<R>): void {
    const wait = child.notBefore - this.#uptime
    child.stopping = false
    child.startedAt = undefined
    child.startFailure = undefined
    child.enter(wait > 0 ? "backing off" : "starting", this.now)
    const scope = Scope.makeUnsafe()
    const context = this.options.context.pipe(Context.add(ParentNode, child), Context.add(Scope.Scope, scope))
    // A restart lets others run first, so that a child that fails at once cannot starve or overflow its supervisor.
    const pause = wait > 0 ? Effect.sleep(wait) : child.incarnations > 0 ? Effect.yieldNow : Effect.void
    child.incarnations++
    // The fiber is owned by `close`, which stops it within its time limit; a Scope would wait for it without end.
    Effect.runForkWith(context)(live(child, this, scope, pause), { uninterruptible: true })
  }

  #judge(child: Child<R>, ending: Ending): Verdict {
    if (ending === "failed" && !child.everStarted) return { _tag: "StartFailed" }
    const { intensity, parkExhausted, strategy } = this.options
    const restarts = parkExhausted ? child.restarts : this.#restarts
    const dynamic = child.dynamic && (ending !== "stopped" || child.intent === "stopped")
    const { restart } = child.spec
    const now = this.#uptime
    const decision = decide({ strategy, restart, ending, dynamic, parkExhausted, intensity, restarts, now })
    if (decision._tag !== "Restart") return decision
    if (parkExhausted) child.restarts = decision.restarts
    else this.#restarts = decision.restarts
    return decision
  }

  #tell(child: Child<R>, end: End): Effect.Effect<void> {
    const { onExit } = this.options
    if (onExit === undefined && isExpected(end)) return Effect.void
    const report = { ...end, path: child.path, id: child.spec.id, restarts: child.incarnations - 1 }
    if (onExit === undefined) return logExit(report)
    return Effect.andThen(
      logExit(report),
      Effect.catchCause(onExit(report), (cause) => Effect.logError("exit listener failed", cause))
    )
  }

  #perform(child: Child<R>, exit: Exit.Exit<unknown, unknown>, verdict: Verdict): void {
    if (child.stopping || this.#closed) return this.#layDown(child)
    child.fiber = undefined
    if (child.startedAt === undefined && Exit.isFailure(exit)) {
      child.startFailure = ChildStartFailed.from(this.options.path, child.spec.id, exit.cause)
    }
    switch (verdict._tag) {
      case "Restart":
        return this.#again(child, verdict.which)
      case "Park":
        return this.#park(child)
      case "GiveUp":
        return this.#giveUp(child, exit)
      case "StartFailed":
        return this.#refuse(child)
      default:
        child.intent = "finished"
        this.#layDown(child)
        return this.#advance()
    }
  }

  #again(child: Child<R>, which: Which): void {
    const { backoff, context, intensity } = this.options
    const { startFailure } = child
    const now = this.#uptime
    const isSteady = child.startedAt !== undefined && now - child.startedAt >= intensity.within
    child.attempt = isSteady ? 1 : child.attempt + 1
    const random = Context.get(context, Random.Random).nextDoubleUnsafe()
    const notBefore = backoff === undefined ? now : now + delay(backoff, child.attempt, random)
    const companions = this.#affected(which, child)
    for (const companion of companions) {
      companion.notBefore = notBefore
      companion.intent = intentAfter(companion.intent, companion.spec.restart)
    }
    child.enter("stopped", this.now)
    if (which === "one") this.#bringUp(child)
    else this.#halt(companions)
    if (startFailure !== undefined) this.#answer(child, startFailure)
    this.#announce(child)
  }

  #park(child: Child<R>): void {
    child.intent = "parked"
    this.#layDown(child)
    const { strategy } = this.options
    if (strategy === "rest_for_one") this.#halt(this.#affected("rest", child))
    else this.#advance()
  }

  #giveUp(child: Child<R>, exit: Exit.Exit<unknown, unknown>): void {
    const { host, path: supervisor } = this.options
    const {
      spec: { id }
    } = child
    const exhausted = new SupervisorExhausted({ supervisor, id, reason: endOf(exit, "failed") })
    const cause = Cause.fail(exhausted)
    const log = Effect.logError("supervisor gave up").pipe(
      Effect.annotateLogs({ supervisor, child: child.path, reason: endOf(exit, "failed") })
    )
    this.#end(child, log, () => {
      Deferred.doneUnsafe(this.booted, ChildStartFailed.from(supervisor, id, cause))
      Deferred.doneUnsafe(this.exhausted, exhausted)
      host?.escalate?.(cause)
    })
  }

  /** A first start failed: a dynamic child is forgotten, any other keeps its supervisor from starting. */
  #refuse(child: Child<R>): void {
    const failed = child.startFailure ?? this.#notStarted(child.spec.id, "it ended")
    if (this.state === "starting") {
      return this.#end(child, Effect.void, () => Deferred.doneUnsafe(this.booted, failed))
    }
    child.intent = "stopped"
    this.#layDown(child)
    this.#advance()
  }

  /** Ends the family by its own decision. */
  #end(child: Child<R>, log: Effect.Effect<void>, then: () => void): void {
    this.#enter("stopping")
    this.#layDown(child)
    this.#run(Effect.andThen(log, Effect.ensuring(this.close, Effect.sync(then))))
  }
}
