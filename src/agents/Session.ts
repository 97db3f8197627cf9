/**
 * One session that is being spoken to: the fold of its log in memory, and the only way to append to it.
 *
 * Appends of one session are made one after the other, each decided on the state the previous one left; an
 * event is part of the state only once it is on disk. After an append that may or may not have been written the log
 * is read again before anything else is decided.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import type { Cause } from "effect"
import type { Sha256 } from "../domain/Attachment.ts"
import type { SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../domain/SessionEvent.ts"
import {
  type AppendConflict,
  type DuplicateMessage,
  type FileFound,
  SessionStore,
  type StoreUnavailable
} from "../sessions/SessionStore.ts"
import { empty, fold, foldAll, type SessionState } from "../sessions/SessionLog.ts"
import { restored } from "../sessions/Window.ts"
import { Signals } from "../telemetry/Signals.ts"
import { Inbox } from "./Inbox.ts"
import type { Act, Plan } from "./TurnPlan.ts"
import { isGivenUp } from "./TurnStep.ts"

/** What a transaction appends, what it answers, and what it does at once when the events are on disk. */
export interface Transaction<A> {
  readonly events: ReadonlyArray<NewSessionEvent>
  readonly value: A
  readonly committed?: () => void
}

/**
 * `resting`: no fiber serves it; `claimed`: somebody is about to start one; `running`: one serves it; `crashed`: its
 * supervisor is about to restart one.
 */
export type Phase = "resting" | "claimed" | "running" | "crashed"

export interface Session {
  readonly id: SessionId
  /**
   * Reads the log from where its newest compaction begins, unless that was done before: a read that failed is tried again
   * by whoever comes next.
   */
  readonly ready: Effect.Effect<void, StoreUnavailable>
  /** The state after the last event on disk, once it is ready. */
  state(): SessionState
  /** A file that one of its messages brought. */
  file(sha256: Sha256): Effect.Effect<Option.Option<FileFound>, StoreUnavailable>
  /** How often the log turned out to have events of which nobody here knew that they had been written. */
  surprises(): number
  /** Whether a fiber serves it; changed only inside `transact` or by that fiber. */
  phase: Phase
  /** A step that was appended together with what woke the session: whoever serves it next begins with its acts. */
  handover: Step | undefined
  /** Waits until what comes next is to be cancelled. */
  readonly cancelled: Effect.Effect<void>
  /** What its fiber waits on: things that happened outside, or just a ring of the bell. */
  readonly inbox: Inbox<Happening>
  /**
   * Decides on the newest state and appends what was decided, as one step that nobody else of this process
   * interleaves with. When another process got in between, it reads what that one wrote and decides again.
   */
  transact<A>(
    decide: (state: SessionState, now: number) => Transaction<A>
  ): Effect.Effect<
    { readonly value: A; readonly appended: ReadonlyArray<SessionEvent> },
    AppendConflict | DuplicateMessage | StoreUnavailable
  >
}

/** What was planned and is on disk, and the sequence number of its `ModelCalled`, if it has one. */
export interface Step {
  readonly plan: Plan
  readonly called: number
}

/** Something the session's fiber has to look at. */
export type Happening =
  | { readonly _tag: "Bell"; readonly act?: Act }
  | { readonly _tag: "Event"; readonly event: NewSessionEvent; readonly act?: Act }
  | { readonly _tag: "Crash"; readonly cause: Cause.Cause<unknown> }

/** The most events that are read and folded in one stretch, in which no other fiber gets on: some 3 ms. */
const stretch = 250

/** A session whose log is still to be read. */
export const open = Effect.fn("Session.open")(function* (id: SessionId) {
  const session: Session = new OpenSession(id, yield* SessionStore, yield* Signals)
  return session
})

type Appended<A> = Effect.Effect<
  { readonly value: A; readonly appended: ReadonlyArray<SessionEvent> },
  AppendConflict | DuplicateMessage | StoreUnavailable
>

/** An object with methods rather than closures, and without what most sessions never need: there are many of them. */
class OpenSession implements Session {
  readonly id: SessionId
  readonly inbox = new Inbox<Happening>()
  phase: Phase = "resting"
  handover: Step | undefined = undefined
  readonly #store: SessionStore["Service"]
  readonly #signals: Signals["Service"]
  readonly #lock = Semaphore.makeUnsafe(1)
  #state = empty
  #isOpen = false
  #isSure = false
  #surprises = 0
  /** Open when what comes next is to be cancelled; made when somebody waits for that. */
  #cancelling: Latch.Latch | undefined = undefined

  constructor(id: SessionId, store: SessionStore["Service"], signals: Signals["Service"]) {
    this.id = id
    this.#store = store
    this.#signals = signals
  }

  get ready(): Effect.Effect<void, StoreUnavailable> {
    return Effect.suspend(() => (this.#isOpen ? Effect.void : Semaphore.withPermits(this.#lock, 1)(this.#catchUp())))
  }

  get cancelled(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#cancelling ??= Latch.makeUnsafe(isGivenUp(this.#state))
      return this.#cancelling.await
    })
  }

  state(): SessionState {
    return this.#state
  }

  file(sha256: Sha256): Effect.Effect<Option.Option<FileFound>, StoreUnavailable> {
    return this.#store.file(this.id, sha256)
  }

  surprises(): number {
    return this.#surprises
  }

  transact<A>(decide: (state: SessionState, now: number) => Transaction<A>): Appended<A> {
    return this.#attempt(decide).pipe(
      Effect.retry({ times: 3, while: (error) => error._tag === "AppendConflict" }),
      Effect.uninterruptible,
      Semaphore.withPermits(this.#lock, 1)
    )
  }

  #catchUp(): Effect.Effect<void, StoreUnavailable> {
    return Effect.gen({ self: this }, function* () {
      if (this.#state.seq === 0) {
        const compaction = Option.getOrUndefined(yield* this.#store.compaction(this.id))
        // A log that was brought in from elsewhere may claim to stand for what comes behind it.
        if (compaction !== undefined && compaction.through < compaction.seq) this.#state = restored(compaction)
      }
      for (;;) {
        const events = yield* this.#store.read(this.id, { after: this.#state.seq, limit: stretch })
        this.#state = foldAll(this.#state, events)
        if (this.#isOpen && events.length > 0) {
          this.#surprises++
          for (const event of events) this.#tell(event)
        }
        if (events.length < stretch) break
        yield* Effect.yieldNow
      }
      this.#isOpen = true
      this.#isSure = true
      this.#noteCancel()
    })
  }

  #attempt<A>(decide: (state: SessionState, now: number) => Transaction<A>): Appended<A> {
    return Effect.gen({ self: this }, function* () {
      if (!this.#isSure) yield* this.#catchUp()
      const { committed, events, value } = decide(this.#state, yield* Clock.currentTimeMillis)
      const [first, ...rest] = events
      const appended = first === undefined ? [] : yield* this.#append([first, ...rest])
      committed?.()
      return { value, appended }
    })
  }

  #append(events: readonly [NewSessionEvent, ...Array<NewSessionEvent>]) {
    return Effect.gen({ self: this }, function* () {
      this.#isSure = false
      const appended = yield* this.#store.append(this.id, this.#state.seq, events)
      this.#isSure = true
      for (const event of appended) {
        this.#state = fold(this.#state, event)
        this.#tell(event)
      }
      this.#noteCancel()
      return appended
    })
  }

  #tell(event: SessionEvent): void {
    this.#signals.publish({ type: "Appended", session: this.id, event })
  }

  #noteCancel(): void {
    if (isGivenUp(this.#state)) this.#cancelling?.openUnsafe()
    else this.#cancelling?.closeUnsafe()
  }
}
