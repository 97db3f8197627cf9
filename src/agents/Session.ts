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
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import type { Cause } from "effect"
import type { SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../domain/SessionEvent.ts"
import {
  type AppendConflict,
  type DuplicateMessage,
  SessionStore,
  type StoreUnavailable
} from "../sessions/SessionStore.ts"
import { empty, fold, foldAll, type SessionState } from "../sessions/SessionLog.ts"
import { restored } from "../sessions/Window.ts"
import { Signals } from "../telemetry/Signals.ts"
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
  readonly state: () => SessionState
  /** How often the log turned out to have events of which nobody here knew that they had been written. */
  readonly surprises: () => number
  /** Whether a fiber serves it; changed only inside `transact` or by that fiber. */
  phase: Phase
  /** A step that was appended together with what woke the session: whoever serves it next begins with its acts. */
  handover: Step | undefined
  /** Waits until what comes next is to be cancelled. */
  readonly cancelled: Effect.Effect<void>
  /** What its fiber waits on: things that happened outside, or just a ring of the bell. */
  readonly inbox: Queue.Queue<Happening>
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
  const store = yield* SessionStore
  const signals = yield* Signals
  const inbox = yield* Queue.unbounded<Happening>()
  const lock = yield* Semaphore.make(1)
  const cancelling = yield* Latch.make(false)
  let state = empty
  let isOpen = false
  let isSure = false
  let surprises = 0

  const noteCancel = () => (isGivenUp(state) ? cancelling.openUnsafe() : cancelling.closeUnsafe())

  const catchUp = Effect.gen(function* () {
    if (state.seq === 0) {
      const compaction = Option.getOrUndefined(yield* store.compaction(id))
      // A log that was brought in from elsewhere may claim to stand for what comes behind it.
      if (compaction !== undefined && compaction.through < compaction.seq) state = restored(compaction)
    }
    for (;;) {
      const events = yield* store.read(id, { after: state.seq, limit: stretch })
      state = foldAll(state, events)
      if (isOpen && events.length > 0) {
        surprises++
        for (const event of events) signals.publish({ type: "Appended", session: id, event })
      }
      if (events.length < stretch) break
      yield* Effect.yieldNow
    }
    isOpen = true
    isSure = true
    noteCancel()
  })

  const append = Effect.fnUntraced(function* (events: readonly [NewSessionEvent, ...Array<NewSessionEvent>]) {
    isSure = false
    const appended = yield* store.append(id, state.seq, events)
    isSure = true
    for (const event of appended) {
      state = fold(state, event)
      signals.publish({ type: "Appended", session: id, event })
    }
    noteCancel()
    return appended
  })

  const attempt = Effect.fnUntraced(function* <A>(decide: (state: SessionState, now: number) => Transaction<A>) {
    if (!isSure) yield* catchUp
    const { committed, events, value } = decide(state, yield* Clock.currentTimeMillis)
    const [first, ...rest] = events
    const appended = first === undefined ? [] : yield* append([first, ...rest])
    committed?.()
    return { value, appended }
  })

  const session: Session = {
    id,
    ready: Effect.suspend(() => (isOpen ? Effect.void : Semaphore.withPermits(lock, 1)(catchUp))),
    state: () => state,
    surprises: () => surprises,
    phase: "resting",
    handover: undefined,
    cancelled: cancelling.await,
    inbox,
    transact: (decide) =>
      attempt(decide).pipe(
        Effect.retry({ times: 3, while: (error) => error._tag === "AppendConflict" }),
        Effect.uninterruptible,
        Semaphore.withPermits(lock, 1)
      )
  }
  return session
})
