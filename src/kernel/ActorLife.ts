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
import type { Actor, Incumbent, Receive, Self } from "./Actor.ts"
import type { Child } from "./Child.ts"
import type { Life } from "./Life.ts"
import type { Letter } from "./Mailbox.ts"
import { conclude, type Keeper } from "./Release.ts"
import type { Host } from "./Tree.ts"

/** Who runs an actor's fibers. */
export interface Workplace<R> extends Keeper<R> {
  readonly context: Context.Context<R>
  /** Runs an effect in a fiber of its own, at once. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>
  /** Runs a task soon, after what is scheduled already. */
  soon(task: () => void): void
  /** Asks that are being worked on inside each other's steps. */
  nesting: number
}

/** A chain of asks that is longer goes on through the scheduler, as each takes room on the stack. */
const deepest = 16

/** How whoever is stopped ends: one for all, as it is kept for each. */
const interrupted = Exit.interrupt()

/** How many messages are worked on before others get a turn: as many as a fiber of Effect takes steps. */
const stretch = 2048

const uninterruptible = { uninterruptible: true } as const

export class ActorLife<R> implements Life, Self, Incumbent {
  readonly #child: Child<R>
  readonly #actor: Actor<never, unknown, unknown, R>
  readonly #workplace: Workplace<R>
  #receive: Receive<never, unknown, unknown, R> | undefined = undefined
  #scope: Scope.Closeable | undefined = undefined
  #fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** The message that is worked on. */
  #hand: Letter | undefined = undefined
  /** It was told to end. */
  #isDoomed = false
  #exit: Exit.Exit<unknown, unknown> | undefined = undefined
  #observers: Set<() => void> | undefined = undefined
  /** Up, and nothing under way or about to be. */
  #isIdle = false

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

  get isBusy(): boolean {
    return this.#hand !== undefined
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

  begin(letter: Letter): boolean {
    const workplace = this.#workplace
    if (!this.#isIdle || workplace.nesting >= deepest) return false
    this.#isIdle = false
    workplace.nesting++
    this.#work(letter)
    workplace.nesting--
    return true
  }

  /** Works on what is in the mailbox, soon. */
  wake(): void {
    if (!this.#isIdle) return
    this.#isIdle = false
    this.#workplace.soon(() => this.#work(undefined))
  }

  interruptUnsafe(): void {
    this.#isDoomed = true
    if (this.#actor.life === this) this.#actor.life = undefined
    if (this.#fiber !== undefined) return this.#fiber.interruptUnsafe()
    if (this.#isIdle) this.#finish(interrupted)
  }

  abandonUnsafe(): void {
    if (this.#hand !== undefined) this.#actor.lost(this.#hand, interrupted)
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
    const exit = this.#live(birth, (end) => this.#born(end))
    if (exit !== undefined) this.#born(exit)
  }

  #born(exit: Exit.Exit<Receive<never, unknown, unknown, R>, unknown>): void {
    if (Exit.isFailure(exit)) return this.#finish(exit)
    if (this.#isDoomed) return this.#finish(interrupted)
    this.#receive = exit.value
    this.#actor.life = this
    this.#isIdle = true
    this.#workplace.started(this.#child)
    if (this.#actor.waiting > 0) this.wake()
  }

  /** Works on this message, if there is one, and then on what is in the mailbox. */
  #work(first: Letter | undefined): void {
    const receive = this.#receive
    this.#hand = first
    for (let count = 0; count < stretch; count++) {
      if (receive === undefined || this.#isDoomed) return this.#finish(interrupted)
      this.#hand ??= this.#actor.take()
      if (this.#hand === undefined) {
        this.#isIdle = true
        return
      }
      // What is in a mailbox was put there by `tell` and `ask`, which take no other messages.
      const message = this.#hand.message as never
      const exit = this.#live(
        attempt(() => receive(message)),
        (end) => this.#settle(end) && this.#work(undefined)
      )
      if (exit === undefined || !this.#settle(exit)) return
    }
    this.#workplace.soon(() => this.#work(undefined))
  }

  /** Runs an effect. Returns how it ended, or says so later when it takes time. */
  #live<A, E>(effect: Effect.Effect<A, E, R>, ended: (exit: Exit.Exit<A, E>) => void): Exit.Exit<A, E> | undefined {
    if (isDone(effect)) return effect
    const fiber = this.#workplace.fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return exit
    this.#fiber = fiber
    fiber.addObserver((end) => {
      this.#fiber = undefined
      ended(end)
    })
    if (this.#isDoomed) fiber.interruptUnsafe()
    return undefined
  }

  /**
   * Answers for the message in hand; false when there is nothing more to do, or the incarnation ends of it. Whoever
   * asked may ask again within the answer, so an actor that has no other message is at rest by then.
   */
  #settle(exit: Exit.Exit<unknown, unknown>): boolean {
    const letter = this.#hand
    this.#actor.finished()
    if (letter === undefined || (Exit.isFailure(exit) && !(letter.reply !== undefined && isTyped(exit)))) {
      this.#finish(exit)
      return false
    }
    this.#hand = undefined
    const isLast = this.#actor.waiting === 0 && !this.#isDoomed
    this.#isIdle = isLast
    this.#answer(letter, exit)
    return !isLast
  }

  /** Whoever asked goes on at once, in this step, where the stack has room for it. */
  #answer(letter: Letter, exit: Exit.Exit<unknown, unknown>): void {
    const workplace = this.#workplace
    if (workplace.nesting >= deepest) return workplace.soon(() => letter.answer(exit))
    workplace.nesting++
    letter.answer(exit)
    workplace.nesting--
  }

  #finish(exit: Exit.Exit<unknown, unknown>): void {
    const hand = this.#hand
    this.#hand = undefined
    this.#isIdle = false
    if (this.#actor.life === this) this.#actor.life = undefined
    const { blame } = this.#child.past
    const told = blame === undefined ? exit : Exit.failCause(blame)
    const rest = conclude(this.#child, this.#workplace, this, this.#scope, exit)
    if (hand !== undefined) this.#actor.lost(hand, told)
    if (this.#actor.life === undefined) this.#actor.leaveWaiting(told)
    if (rest === undefined) return this.#close(exit)
    const closing = Effect.andThen(
      rest,
      Effect.sync(() => this.#close(exit))
    )
    Effect.runForkWith(this.#workplace.context)(closing, uninterruptible)
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
