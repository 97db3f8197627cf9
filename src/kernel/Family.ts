/**
 * What a supervisor does with its children: at a caller's wish, and when one of them ends.
 *
 * Every end is judged by the rules in `Restart`, told, and then acted on. Who starts in which order is the lineup's
 * business, who stops the roster's.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { Child } from "./Child.ts"
import type { ChildSpec } from "./ChildSpec.ts"
import { endOf } from "./ExitReason.ts"
import { type ExitReport, tell, type Verdict } from "./ExitReport.ts"
import type { Life } from "./Life.ts"
import { Lineup } from "./Lineup.ts"
import type { AutoShutdown, Backoff, Ending, Intensity, Which } from "./Restart.ts"
import { decide, delay, followers, intentAfter } from "./Restart.ts"
import { RestartTimes } from "./RestartTimes.ts"
import type { RosterOptions } from "./Roster.ts"
import {
  ChildAlreadyRunning,
  ChildHung,
  ChildKilled,
  ChildRunning,
  ChildStartFailed,
  ChildUnknown,
  SupervisorExhausted
} from "./SupervisorError.ts"
import type { Branch, Control, Host, NodeSnapshot, SnapshotLimits, TreeNode } from "./Tree.ts"
import { defaultLimits, isoTime } from "./Tree.ts"
import { locateIn, snapshotOf } from "./View.ts"
import { watch, type WatchdogOptions } from "./Watchdog.ts"

export interface FamilyOptions<R> extends RosterOptions<R> {
  readonly intensity: Intensity
  readonly backoff: Backoff | undefined
  readonly parkExhausted: boolean
  readonly autoShutdown: AutoShutdown
  readonly watchdog: WatchdogOptions | undefined
  readonly onExit: ((report: ExitReport) => Effect.Effect<void>) | undefined
}

export class Family<R> extends Lineup<R> implements Branch {
  /** How the supervisor ends by itself: its work is done, or it has given up. */
  readonly over = Deferred.makeUnsafe<void, SupervisorExhausted>()
  readonly #options: FamilyOptions<R>
  readonly #restarts = new RestartTimes()

  constructor(options: FamilyOptions<R>) {
    super(options)
    this.#options = options
  }

  /** Starts these children one after the other; `booted` tells how it went. */
  boot(specs: ReadonlyArray<ChildSpec<R>>): void {
    for (const spec of specs) this.add(spec, false)
    this.advance()
    const { watchdog } = this.#options
    if (watchdog !== undefined) this.attend(watch(this.children, watchdog, (...hung) => this.#endHung(...hung)))
  }

  start(spec: ChildSpec<R>): Effect.Effect<void, ChildAlreadyRunning | ChildStartFailed> {
    return Effect.suspend((): Effect.Effect<void, ChildAlreadyRunning | ChildStartFailed> => {
      if (this.isClosed) return Effect.fail(this.notStarted(spec.id, "the supervisor has been stopped"))
      const present = this.children.get(spec.id)
      if (present?.state === "stopping") {
        return Effect.andThen(Deferred.await(present.awaitRelease()), this.start(spec))
      }
      if (present !== undefined && !present.isDown) {
        return Effect.fail(new ChildAlreadyRunning({ supervisor: this.path, id: spec.id, state: present.state }))
      }
      const child = this.add(spec, present?.dynamic ?? true)
      this.bringUp(child)
      if (child.past.startFailure !== undefined) return Effect.fail(child.past.startFailure)
      return child.everStarted ? Effect.void : Deferred.await(child.awaitStart())
    })
  }

  /** Stops a child and what depends on it; a dynamic child that is stopped is forgotten. */
  stop(id: string, intent: "stopped" | "paused"): Effect.Effect<void, ChildUnknown> {
    return this.#with(id, (child) => {
      child.intent = intent
      const which = this.strategy === "rest_for_one" ? "rest" : "one"
      return Fiber.join(this.halt(this.affected(which, child)))
    })
  }

  /** Stops a child and whoever its strategy takes along, if up, and starts them again with whole budgets. */
  restart(id: string): Effect.Effect<void, ChildUnknown | ChildStartFailed> {
    return this.#with(id, (child) => {
      child.revive()
      const waiter = child.awaitStart()
      this.halt(this.affected(followers[this.strategy], child), () => this.bringUp(child))
      return Deferred.await(waiter)
    })
  }

  /** Starts a child that is down; one that is wanted up already is left alone. */
  resume(id: string): Effect.Effect<void, ChildUnknown | ChildStartFailed> {
    return this.#with(id, (child) => (child.intent === "up" ? Effect.void : this.restart(id)))
  }

  /** Ends a child as its own failure would, of this cause unless told that it was killed. */
  kill(id: string, cause?: Cause.Cause<unknown>): Effect.Effect<void, ChildUnknown> {
    return this.#with(id, (child) => {
      const { life } = child
      if (life === undefined || child.stopping) return Effect.void
      const blame = cause ?? Cause.fail(new ChildKilled({ path: child.path }))
      // One that is being released has ended of something else.
      if (child.state !== "stopping") {
        child.remember().blame = blame
        life.interruptUnsafe()
      }
      return Fiber.join(
        this.run(
          this.settled(child, life, () => {
            const rest = this.ended(child, life, Exit.failCause(blame))
            if (rest !== undefined) this.run(rest)
          })
        )
      )
    })
  }

  /** Forgets a child that is down. */
  delete(id: string): Effect.Effect<void, ChildUnknown | ChildRunning> {
    return this.#with(id, (child): Effect.Effect<void, ChildRunning> => {
      if (child.life !== undefined || child.intent === "up") {
        return Effect.fail(new ChildRunning({ supervisor: this.path, id, state: child.state }))
      }
      this.remove(child)
      this.advance()
      return Effect.void
    })
  }

  ended(child: Child<R>, life: Life, end: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    if (child.life !== life) return undefined
    const { blame } = child.past
    const exit = blame === undefined || Exit.isSuccess(end) ? end : Exit.failCause(blame)
    if (blame !== undefined) child.remember().blame = undefined
    const ending: Ending = child.stopping || this.isClosed ? "stopped" : Exit.isSuccess(exit) ? "normal" : "failed"
    const verdict = this.#judge(child, ending)
    // What is about to be forgotten needs no memory of how it ended.
    if (verdict._tag !== "Remove" && !this.isClosed) child.remember().lastExit = { exit, ending, at: this.now }
    const perform = () => {
      if (child.life === life) this.#perform(child, exit, verdict)
    }
    const report = { exit, ending, decision: verdict._tag }
    const told = tell(report, this.#options.onExit, () => ({
      path: child.path,
      id: child.spec.id,
      restarts: child.incarnations - 1
    }))
    if (told !== undefined) return Effect.andThen(told, Effect.sync(perform))
    perform()
    return undefined
  }

  node(): TreeNode {
    const { path, since, state, strategy } = this
    return { path, kind: "supervisor", strategy, state, restarts: 0, since: isoTime(since) }
  }

  snapshot(limits: SnapshotLimits): NodeSnapshot {
    return snapshotOf(this, limits)
  }

  leave(): void {
    for (const child of this.children.values()) this.changes.remove(child)
  }

  /** How to act on a node below this one; undefined when there is none at this path. */
  locate(path: string): Control | undefined {
    return locateIn(this, path, (child) => this.#controlOf(child))
  }

  #controlOf(child: Child<R>): Control {
    const { id } = child.spec
    return {
      node: () => child.node(),
      snapshot: () => child.snapshot(defaultLimits),
      restart: this.restart(id),
      stop: this.stop(id, "stopped"),
      pause: this.stop(id, "paused"),
      resume: this.resume(id),
      kill: this.kill(id)
    }
  }

  protected get isPaced(): boolean {
    return this.#options.backoff !== undefined
  }

  protected touch(): void {
    const host: Host | undefined = this.#options.host
    if (host?.path === this.path) host.touch()
    else this.changes.touch(this)
  }

  #with<E>(id: string, act: (child: Child<R>) => Effect.Effect<void, E>): Effect.Effect<void, E | ChildUnknown> {
    return Effect.suspend((): Effect.Effect<void, E | ChildUnknown> => {
      const child = this.isClosed ? undefined : this.children.get(id)
      return child === undefined ? Effect.fail(new ChildUnknown({ supervisor: this.path, id })) : act(child)
    })
  }

  #endHung({ path, spec }: Child<R>, waiting: number, millis: number): void {
    this.attend(Effect.ignore(this.kill(spec.id, Cause.fail(new ChildHung({ path, waiting, millis })))))
  }

  #judge(child: Child<R>, ending: Ending): Verdict {
    if (ending === "failed" && !child.everStarted) return { _tag: "StartFailed" }
    const { autoShutdown, intensity, parkExhausted } = this.#options
    const { spec } = child
    const budget = parkExhausted ? child.past.restarts : this.#restarts
    const now = this.uptime
    const decision = decide({
      strategy: this.strategy,
      restart: spec.restart,
      ending,
      dynamic: child.dynamic && (ending !== "stopped" || child.intent === "stopped"),
      parkExhausted,
      intensity,
      earliest: budget?.earliest(intensity.restarts),
      now,
      autoShutdown,
      significant: spec.significant === true,
      significantLeft: autoShutdown === "all_significant" && this.#hasSignificantBesides(child)
    })
    if (decision._tag === "Restart") (budget ?? this.#budgetOf(child)).add(now, intensity.restarts)
    return decision
  }

  #budgetOf(child: Child<R>): RestartTimes {
    const history = child.remember()
    history.restarts ??= new RestartTimes()
    return history.restarts
  }

  #hasSignificantBesides(child: Child<R>): boolean {
    return [...this.children.values()].some(
      (other) =>
        other !== child && other.spec.significant === true && other.intent !== "finished" && other.intent !== "stopped"
    )
  }

  #perform(child: Child<R>, exit: Exit.Exit<unknown, unknown>, verdict: Verdict): void {
    if (child.stopping || this.isClosed) return this.layDown(child)
    child.life = undefined
    if (child.startedAt === undefined && Exit.isFailure(exit)) {
      child.remember().startFailure = ChildStartFailed.from(this.path, child.spec.id, exit.cause)
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
      case "ShutDown":
        child.intent = "finished"
        return this.#end(child, Effect.void, () => Deferred.doneUnsafe(this.over, Exit.void))
      default:
        child.intent = "finished"
        this.layDown(child)
        return this.advance()
    }
  }

  #again(child: Child<R>, which: Which): void {
    const { backoff, intensity } = this.#options
    const { startFailure } = child.past
    const companions = this.affected(which, child)
    for (const companion of companions) companion.intent = intentAfter(companion.intent, companion.spec.restart)
    if (backoff !== undefined) this.#postpone(child, backoff, intensity, companions)
    child.enter("stopped")
    if (which === "one") this.bringUp(child)
    else this.halt(companions)
    if (startFailure !== undefined) this.answer(child, startFailure)
    this.announce(child)
  }

  #postpone(child: Child<R>, backoff: Backoff, { within }: Intensity, companions: ReadonlyArray<Child<R>>): void {
    const now = this.uptime
    const isSteady = child.startedAt !== undefined && now - child.startedAt >= within
    const history = child.remember()
    history.attempt = isSteady ? 1 : history.attempt + 1
    const random = Context.get(this.context, Random.Random).nextDoubleUnsafe()
    const notBefore = now + delay(backoff, history.attempt, random)
    for (const companion of companions) companion.remember().notBefore = notBefore
  }

  #park(child: Child<R>): void {
    child.intent = "parked"
    this.layDown(child)
    if (this.strategy === "rest_for_one") this.halt(this.affected("rest", child))
    else this.advance()
  }

  #giveUp(child: Child<R>, exit: Exit.Exit<unknown, unknown>): void {
    const { path: supervisor } = this
    const { id } = child.spec
    const reason = endOf(exit, "failed")
    const exhausted = new SupervisorExhausted({ supervisor, id, reason })
    const cause = Cause.fail(exhausted)
    const log = Effect.logError("supervisor gave up").pipe(
      Effect.annotateLogs({ supervisor, child: child.path, reason })
    )
    this.#end(child, log, () => {
      Deferred.doneUnsafe(this.booted, ChildStartFailed.from(supervisor, id, cause))
      Deferred.doneUnsafe(this.over, Exit.fail(exhausted))
      this.#options.host?.escalate?.(cause)
    })
  }

  /** A first start failed: a dynamic child is forgotten, any other keeps its supervisor from starting. */
  #refuse(child: Child<R>): void {
    const failed = child.past.startFailure ?? this.notStarted(child.spec.id, "it ended")
    if (this.state === "starting") {
      return this.#end(child, Effect.void, () => Deferred.doneUnsafe(this.booted, Exit.fail(failed)))
    }
    child.intent = "stopped"
    this.layDown(child)
    this.advance()
  }

  /** Ends the family by its own decision. */
  #end(child: Child<R>, log: Effect.Effect<void>, then: () => void): void {
    this.enter("stopping")
    this.layDown(child)
    this.run(Effect.andThen(log, Effect.ensuring(this.close, Effect.sync(then))))
  }
}
