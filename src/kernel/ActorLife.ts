/**
 * One incarnation of an actor: what `start` made, its Scope, and a fiber while it starts or works.
 *
 * An ask of an actor at rest is worked on at once, in a fiber that the asker's own step runs: no scheduler stands
 * between them. What is told is worked on soon after, with all that has come by then.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { Context, Fiber } from "effect"
import type { Actor, Receive, Self } from "./Actor.ts"
import type { Child } from "./Child.ts"
import type { Life } from "./Life.ts"
import type { Letter } from "./Mailbox.ts"
import { conclude, type Keeper } from "./Release.ts"
import type { Host } from "./Tree.ts"

/** Who runs an actor's fibers. */
export interface Workplace<R> extends Keeper<R> {
  readonly context: Context.Context<R>
  /** Runs a task soon, after what is scheduled already. */
  soon(task: () => void): void
  /** Asks that are being worked on inside each other's steps. */
  nesting: number
}

/** A chain of asks that is longer goes on through the scheduler, as each takes room on the stack. */
const deepest = 16

/** How whoever is stopped ends: one for all, as it is kept for each. */
const interrupted = Exit.interrupt()

const uninterruptible = { uninterruptible: true } as const

/** One stretch of work, from the first message to an empty mailbox. */
class Shift {
  hand: Letter | undefined
  fault: Exit.Failure<unknown, unknown> | undefined = undefined

  constructor(first: Letter | undefined) {
    this.hand = first
  }
}

export class ActorLife<R> implements Life, Self {
  readonly #child: Child<R>
  readonly #actor: Actor<never, unknown, unknown, R>
  readonly #workplace: Workplace<R>
  #receive: Receive<never, unknown, unknown, R> | undefined = undefined
  #scope: Scope.Closeable | undefined = undefined
  #fiber: Fiber.Fiber<void> | undefined = undefined
  #shift: Shift | undefined = undefined
  /** It was told to end. */
  #isDoomed = false
  #exit: Exit.Exit<unknown, unknown> | undefined = undefined
  #observers: Set<() => void> | undefined = undefined
  /** Up, and nothing under way or about to be. */
  isIdle = false

  constructor(child: Child<R>, actor: Actor<never, unknown, unknown, R>, workplace: Workplace<R>) {
    this.#child = child
    this.#actor = actor
    this.#workplace = workplace
  }

  /** Made when it is first asked for: most actors acquire nothing. */
  get scope(): Scope.Closeable {
    this.#scope ??= Scope.makeUnsafe()
    return this.#scope
  }

  get host(): Host {
    return this.#child
  }

  /** Starts it, after `pause` if there is one. */
  launch(pause: Effect.Effect<void> | undefined): void {
    this.#child.life = this
    if (pause === undefined) return this.#bear(attempt(() => this.#actor.start(this)))
    const birth = Effect.andThen(pause, () => {
      this.#workplace.starting(this.#child)
      return this.#actor.start(this)
    })
    this.#bear(birth)
  }

  /** Works on this message at once, where the stack has room for it. For an idle one only. */
  begin(letter: Letter): void {
    const workplace = this.#workplace
    this.isIdle = false
    if (workplace.nesting >= deepest) return workplace.soon(() => this.#work(letter))
    workplace.nesting++
    this.#work(letter)
    workplace.nesting--
  }

  /** Works on what is in the mailbox, soon. */
  wake(): void {
    if (!this.isIdle) return
    this.isIdle = false
    this.#workplace.soon(() => this.#work(undefined))
  }

  interruptUnsafe(): void {
    this.#isDoomed = true
    if (this.#actor.life === this) this.#actor.life = undefined
    if (this.#fiber !== undefined) return this.#fiber.interruptUnsafe()
    if (this.isIdle) this.#perform(this.#finish(interrupted, undefined))
  }

  abandonUnsafe(): void {
    if (this.#shift?.hand !== undefined) this.#actor.lost(this.#shift.hand, interrupted)
    this.#actor.leaveWaiting(interrupted)
  }

  pollUnsafe(): Exit.Exit<unknown, unknown> | undefined {
    return this.#exit
  }

  addObserver(observer: () => void): () => void {
    if (this.#exit !== undefined) {
      observer()
      return () => undefined
    }
    const observers = this.#observers ?? new Set()
    this.#observers = observers.add(observer)
    return () => observers.delete(observer)
  }

  #bear(birth: Effect.Effect<Receive<never, unknown, unknown, R>, unknown, R>): void {
    if (isDone(birth)) return this.#perform(this.#born(birth))
    this.#run(Effect.flatMap(Effect.exit(Effect.interruptible(birth)), (exit) => this.#born(exit) ?? Effect.void))
  }

  #run(effect: Effect.Effect<void, never, R>): void {
    const fiber = Effect.runForkWith(this.#workplace.context)(effect, uninterruptible)
    // Idle means that all is done, though the fiber may have yielded just before its end.
    if (this.isIdle || fiber.pollUnsafe() !== undefined) return
    this.#fiber = fiber
    if (this.#isDoomed) fiber.interruptUnsafe()
  }

  #perform(rest: Effect.Effect<void> | undefined): void {
    if (rest !== undefined) Effect.runForkWith(this.#workplace.context)(rest, uninterruptible)
  }

  #born(exit: Exit.Exit<Receive<never, unknown, unknown, R>, unknown>): Effect.Effect<void> | undefined {
    this.#fiber = undefined
    if (Exit.isFailure(exit)) return this.#finish(exit, undefined)
    if (this.#isDoomed) return this.#finish(interrupted, undefined)
    this.#receive = exit.value
    this.#actor.life = this
    this.isIdle = true
    this.#workplace.started(this.#child)
    if (this.#actor.waiting > 0) this.wake()
    return undefined
  }

  #work(first: Letter | undefined): void {
    const receive = this.#receive
    if (receive === undefined || this.#isDoomed) return this.#perform(this.#finish(interrupted, first))
    const shift = new Shift(first)
    this.#shift = shift
    let begun = first && attempt(() => receive(first.message as never))
    if (begun !== undefined && isDone(begun)) {
      this.#settle(shift, begun)
      return this.#perform(this.#clockOff(shift, Exit.void))
    }
    const next = () => {
      const effect = begun ?? receive(shift.hand?.message as never)
      begun = undefined
      return Effect.exit(effect)
    }
    const settle = (exit: Exit.Exit<unknown, unknown>) => this.#settle(shift, exit)
    const work = Effect.whileLoop({ while: () => this.#picksUp(shift), body: next, step: settle })
    this.#run(
      Effect.flatMap(Effect.exit(Effect.interruptible(work)), (exit) => this.#clockOff(shift, exit) ?? Effect.void)
    )
  }

  #picksUp(shift: Shift): boolean {
    if (shift.fault !== undefined || this.#isDoomed) return false
    shift.hand ??= this.#actor.take()
    return shift.hand !== undefined
  }

  #settle(shift: Shift, exit: Exit.Exit<unknown, unknown>): void {
    const letter = shift.hand
    if (letter === undefined) return
    this.#actor.finished()
    if (Exit.isFailure(exit) && !(letter.reply !== undefined && isTyped(exit))) {
      shift.fault = exit
      return
    }
    shift.hand = undefined
    this.#answer(letter, exit)
  }

  /** Whoever asked goes on at once, in this step, where the stack has room for it. */
  #answer(letter: Letter, exit: Exit.Exit<unknown, unknown>): void {
    const workplace = this.#workplace
    if (workplace.nesting >= deepest) return workplace.soon(() => letter.answer(exit))
    workplace.nesting++
    letter.answer(exit)
    workplace.nesting--
  }

  #clockOff({ fault, hand }: Shift, exit: Exit.Exit<void>): Effect.Effect<void> | undefined {
    this.#fiber = undefined
    this.#shift = undefined
    const end = fault ?? (Exit.isFailure(exit) ? exit : this.#isDoomed ? interrupted : undefined)
    if (end !== undefined) return this.#finish(end, hand)
    this.isIdle = true
    if (this.#actor.waiting > 0) this.wake()
    return undefined
  }

  #finish(exit: Exit.Exit<unknown, unknown>, hand: Letter | undefined): Effect.Effect<void> | undefined {
    this.isIdle = false
    if (this.#actor.life === this) this.#actor.life = undefined
    const { blame } = this.#child.past
    const told = blame === undefined ? exit : Exit.failCause(blame)
    const rest = conclude(this.#child, this.#workplace, this, this.#scope, exit)
    if (hand !== undefined) this.#actor.lost(hand, told)
    if (this.#actor.life === undefined) this.#actor.leaveWaiting(told)
    if (rest !== undefined)
      return Effect.andThen(
        rest,
        Effect.sync(() => this.#close(exit))
      )
    this.#close(exit)
    return undefined
  }

  #close(exit: Exit.Exit<unknown, unknown>): void {
    this.#exit = exit
    const observers = this.#observers ?? []
    this.#observers = undefined
    for (const observer of observers) observer()
  }
}

/** A failure that `receive` declares, and no defect or interruption. */
const isTyped = ({ cause }: Exit.Failure<unknown, unknown>): boolean =>
  cause.reasons.every((reason) => reason._tag === "Fail")

/** What has its value already needs no fiber to find it. */
const isDone = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => Exit.isExit(effect)

/** What is thrown instead of returned is a defect. */
const attempt = <A, E, R>(make: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const made = Result.try({ try: make, catch: (defect) => defect })
  return Result.isSuccess(made) ? made.success : Exit.die(made.failure)
}
