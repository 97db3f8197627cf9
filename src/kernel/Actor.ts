/**
 * A child that is an object with a mailbox, and a fiber only while there is something to do.
 *
 * It is its own spec and its own address: started like any other child, told and asked by whoever holds it. Each
 * incarnation begins with what `start` makes; messages are then worked on one at a time, in the order they came. One
 * that dies of a message has lost that message and no other: what waits is there for the next incarnation.
 *
 * A typed failure of `receive` is the answer to an ask, and the actor lives on. A defect, an interruption, or a failure
 * with nobody to tell ends the incarnation, and its supervisor decides.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Scope } from "effect"
import { ActorDown, AskTimeout, MailboxFull } from "./ActorError.ts"
import { type ChildOptions, type Shutdown, shutdownFrom, type Vitals } from "./ChildOptions.ts"
import type { Deadlines } from "./Deadlines.ts"
import { defaultMailbox, Letter, Mailbox, type MailboxOptions } from "./Mailbox.ts"
import type { Restart } from "./Restart.ts"
import type { Host } from "./Tree.ts"

/** What one incarnation does with a message. */
export type Receive<in M, out A = void, out E = never, out R = never> = (message: M) => Effect.Effect<A, E, R>

/** One incarnation, as its `start` sees it. */
export interface Self {
  /** Released with the incarnation. */
  readonly scope: Scope.Scope
  /** For supervisors that are made inside it. */
  readonly host: Host
}

export interface ActorOptions<in M, out A, out E, out R> extends ChildOptions {
  /** Begins an incarnation. */
  readonly start: (self: Self) => Effect.Effect<Receive<M, A, E, R>, unknown, R>
  /** Unless told: ten thousand messages, then senders wait. */
  readonly mailbox?: MailboxOptions
}

export interface AskOptions {
  /** How long to wait for the answer; 5 seconds unless told, as in gen_server:call. */
  readonly timeout?: Duration.Input | "infinity"
  /** While the actor restarts: `wait` for the next incarnation (unless told), or `fail` at once. */
  readonly whenDown?: "wait" | "fail"
}

/** The incarnation that is up, as those see it who send. */
export interface Incumbent {
  /** A message is being worked on. */
  readonly isBusy: boolean
  /** Works on this message at once, if it is idle and the stack has room for that; whether it does. */
  begin(letter: Letter): boolean
  /** Works on what is in the mailbox, soon. */
  wake(): void
}

/** Where an actor is supervised. */
export interface Post {
  readonly deadlines: Deadlines
}

interface Behaviour<in M, out A, out E, out R> {
  readonly start: ActorOptions<M, A, E, R>["start"]
  readonly restart: Restart
  readonly shutdown: Shutdown
  readonly significant: boolean | undefined
  readonly mailbox: MailboxOptions
}

/** A kind of actor; apply it to an id for each one. */
export const define = <M, A, E, R>(options: ActorOptions<M, A, E, R>): ((id: string) => Actor<M, A, E, R>) => {
  const behaviour: Behaviour<M, A, E, R> = {
    start: options.start,
    restart: options.restart ?? "permanent",
    shutdown: shutdownFrom(options.shutdown ?? "5 seconds"),
    significant: options.significant,
    mailbox: options.mailbox ?? defaultMailbox
  }
  return (id) => new Actor(id, behaviour)
}

/** Milliseconds, as in gen_server:call. */
const defaultTimeout = 5000

export class Actor<in M, out A = void, out E = never, out R = never> {
  readonly id: string
  readonly #behaviour: Behaviour<M, A, E, R>
  #mailbox: Mailbox | undefined = undefined
  #done = 0
  /** Where it is supervised, if it is; set by its supervisor. */
  post: Post | undefined = undefined
  /** The incarnation that is up; set by itself. */
  life: Incumbent | undefined = undefined

  constructor(id: string, behaviour: Behaviour<M, A, E, R>) {
    this.id = id
    this.#behaviour = behaviour
  }

  get kind(): "worker" {
    return "worker"
  }
  get start(): Behaviour<M, A, E, R>["start"] {
    return this.#behaviour.start
  }
  get restart(): Restart {
    return this.#behaviour.restart
  }
  get shutdown(): Shutdown {
    return this.#behaviour.shutdown
  }
  get significant(): boolean | undefined {
    return this.#behaviour.significant
  }

  vitals(): Vitals {
    return { waiting: this.waiting, busy: this.life?.isBusy === true, done: this.#done }
  }

  /** Messages that nobody has begun. */
  get waiting(): number {
    return this.#mailbox?.length ?? 0
  }

  /**
   * Sends a message and waits only for room. While the actor restarts or is paused the message waits for the next
   * incarnation; it is dropped, with a warning in the log, if there will be none.
   */
  tell(message: M): Effect.Effect<void, ActorDown | MailboxFull> {
    return Effect.suspend(() => {
      const letter = new Letter(message, undefined, false)
      const refusal = this.#put(letter)
      if (refusal !== undefined) return Effect.fail(refusal)
      if (!this.#mailbox?.isInLine(letter)) {
        this.life?.wake()
        return Effect.void
      }
      return Effect.callback<void, ActorDown>((resume) => {
        letter.admitted = (down) => resume(down === undefined ? Effect.void : Effect.fail(down))
        return Effect.sync(() => this.#withdraw(letter))
      })
    })
  }

  /** Sends a message and waits for the answer. Whoever is interrupted takes back a message that is not begun. */
  ask(message: M, options: AskOptions = {}): Effect.Effect<A, E | ActorDown | AskTimeout | MailboxFull> {
    return Effect.callback<A, E | ActorDown | AskTimeout | MailboxFull>((resume) => {
      let isOpen = true
      const reply = (exit: Exit.Exit<A, E | AskTimeout>) => {
        isOpen = false
        resume(exit)
      }
      const letter = new Letter(message, reply, options.whenDown === "fail")
      this.#post(letter)
      return isOpen ? this.#await(letter, reply, options) : undefined
    })
  }

  /** The next message to work on. */
  take(): Letter | undefined {
    const letter = this.#mailbox?.take()
    this.#discardEmpty()
    return letter
  }

  /** A message has been worked on. */
  finished(): void {
    this.#done++
  }

  /** The incarnation ended with this message in its hand, which may have been half worked on. */
  lost(letter: Letter, exit: Exit.Exit<unknown, unknown>): void {
    if (letter.reply !== undefined) refuse(letter, this.#endedBy(exit))
  }

  /** The incarnation ended: whoever would not wait for the next one is told. */
  leaveWaiting(exit: Exit.Exit<unknown, unknown>): void {
    if (this.#mailbox === undefined) return
    for (const letter of this.#mailbox.takeWhere(({ onlyNow }) => onlyNow)) refuse(letter, this.#endedBy(exit))
  }

  /** There will be no further incarnation. Returns how many messages are lost with it that nobody waits for. */
  leave(): number {
    this.post = undefined
    const letters = this.#mailbox?.takeWhere(() => true) ?? []
    this.#mailbox = undefined
    for (const letter of letters) refuse(letter, this.#down("it has been stopped"))
    return letters.filter(({ admitted, reply }) => reply === undefined && admitted === undefined).length
  }

  #post(letter: Letter): void {
    const { life } = this
    if (this.#mailbox === undefined && life?.begin(letter) === true) return
    const refusal = this.#put(letter)
    if (refusal !== undefined) refuse(letter, refusal)
    else life?.wake()
  }

  #put(letter: Letter): ActorDown | MailboxFull | undefined {
    if (this.post === undefined) return this.#down("it is not running")
    if (letter.onlyNow && this.life === undefined) return this.#down("it is not up")
    this.#mailbox ??= new Mailbox(this.#behaviour.mailbox)
    const rejected = this.#mailbox.offer(letter)
    if (rejected === undefined || rejected.chain !== undefined) return undefined
    const { capacity } = this.#behaviour.mailbox
    const full = new MailboxFull({ actor: this.id, capacity })
    if (rejected === letter) return full
    refuse(rejected, full)
    return undefined
  }

  #withdraw(letter: Letter): void {
    this.#mailbox?.remove(letter)
    this.#discardEmpty()
  }

  /** At rest an actor has none. */
  #discardEmpty(): void {
    if (this.#mailbox?.length === 0) this.#mailbox = undefined
  }

  /** What an interrupted asker does, and how long an asker waits. */
  #await(letter: Letter, reply: NonNullable<Letter["reply"]>, { timeout }: AskOptions): Effect.Effect<void> {
    const { post } = this
    const withdraw = () => this.#withdraw(letter)
    if (timeout === "infinity" || post === undefined) return Effect.sync(withdraw)
    const millis = timeout === undefined ? defaultTimeout : Duration.toMillis(timeout)
    const deadline = post.deadlines.add(millis, () => {
      withdraw()
      reply(Exit.fail(new AskTimeout({ actor: this.id, millis })))
    })
    letter.deadline = deadline
    return Effect.sync(() => {
      post.deadlines.remove(deadline)
      withdraw()
    })
  }

  #endedBy(exit: Exit.Exit<unknown, unknown>): ActorDown {
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return this.#down("it was stopped")
    return untraced(() => new ActorDown({ actor: this.id, reason: "it failed", cause: exit.cause }))
  }

  #down(reason: string): ActorDown {
    return untraced(() => new ActorDown({ actor: this.id, reason }))
  }
}

const refuse = (letter: Letter, error: ActorDown | MailboxFull): void => {
  letter.answer(Exit.fail(error))
  if (error._tag === "ActorDown") letter.admitted?.(error)
}

/** Where in the kernel an error was made says nothing, and to find out takes a third of a restart (6 µs of 23). */
const untraced = <A>(make: () => A): A => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const made = make()
  Error.stackTraceLimit = stackTraceLimit
  return made
}
