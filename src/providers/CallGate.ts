/**
 * Lets calls through one at a time as the limits of a key allow, in fair turn between sessions.
 *
 * Whoever leaves takes nothing along: not a place in the queue, not a reservation. Only while somebody waits is there one
 * timer, in one fiber that belongs to the Scope the gate was made in; at rest there is neither.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberHandle from "effect/FiberHandle"
import * as FairQueue from "./FairQueue.ts"
import * as State from "./RateLimitState.ts"

/** What was set aside for a call that was let through. */
export interface Ticket {
  reservation: State.Reservation
}

/** A call that is not let through yet. */
export interface WaitingCall {
  readonly session: string
  /** Since when it waits, and until when at most, in milliseconds since the epoch. */
  readonly since: number
  readonly until: number
  /** What was in its way when it came. */
  readonly reason: Obstacle
}

/** A limit, a pause the vendor asked for, or those who came before. */
export type Obstacle = State.Obstacle | "queue"

/** When a call could be sent, in milliseconds, at the earliest; at once if nothing is in its way. */
export interface Room {
  readonly at: number
  readonly obstacle?: Obstacle
}

/** There was no room in time; there will be at `room.at`, if nobody else takes it. */
export interface NoRoom {
  readonly call: WaitingCall
  readonly room: State.Room
}

export interface CallGate {
  /**
   * Waits until the call may be sent. `wait` is given what is waited for, and the waiting itself to put something around
   * it. To be run where only what `wait` does can be interrupted, as the ticket must be settled.
   */
  enter(
    session: string,
    cost: State.Cost,
    wait: (call: WaitingCall, waiting: Effect.Effect<Ticket, NoRoom>) => Effect.Effect<Ticket, NoRoom>
  ): Effect.Effect<Ticket, NoRoom>
  /** Puts what was used in place of what was set aside; again, it does nothing. */
  settle(ticket: Ticket, used: State.Cost, now: number): void
  /** The vendor's own count, with the head of the answer to this call. */
  hear(ticket: Ticket, told: State.LimitsTold, now: number): void
  /** What a call that came now would find. */
  roomFor(cost: State.Cost, now: number): Room
  /** Lets nobody through before then. */
  pause(until: number): void
  /** Until when nobody is let through because of that, in milliseconds. */
  readonly pausedUntil: number
  /** The longest waiting first. */
  readonly waiting: ReadonlyArray<WaitingCall>
}

interface Waiter extends WaitingCall {
  readonly cost: State.Cost
  ticket?: Ticket
  /** How the waiting ended, and who is to be told; either may be there first. */
  outcome?: Effect.Effect<Ticket, NoRoom>
  resume?: (outcome: Effect.Effect<Ticket, NoRoom>) => void
}

const nothing: State.Cost = { requests: 0, inputTokens: 0, outputTokens: 0 }

/** `patience`: the longest that a call may wait. */
export const make = Effect.fnUntraced(function* (limits: State.Limits, patience: Duration.Duration) {
  const run = yield* FiberHandle.makeRuntime<never>()
  const queue = FairQueue.make<string, Waiter>()
  const waiters = new Set<Waiter>()
  let state = State.initial(limits, yield* Clock.currentTimeMillis)
  let alarm: number | undefined
  let dispatching = false
  let again = false

  const take = (cost: State.Cost, now: number): Ticket => {
    const reserved = State.reserve(state, cost, now)
    state = reserved.state
    return { reservation: reserved.reservation }
  }

  const remove = (waiter: Waiter) => {
    queue.remove(waiter.session, waiter)
    waiters.delete(waiter)
  }

  /** Takes out of the queue whoever's time has come, whichever way. */
  const due = (now: number) => {
    const called: Array<() => void> = []
    for (let head = queue.head; head !== undefined; head = queue.head) {
      const waiter = head
      const room = State.roomFor(state, waiter.cost, now)
      const oldest = first(waiters) ?? waiter
      if (room.at <= now) {
        const ticket = take(waiter.cost, now)
        waiter.ticket = ticket
        queue.shift()
        waiters.delete(waiter)
        called.push(() => tell(waiter, Effect.succeed(ticket)))
      } else if (oldest.until <= now) {
        const late: NoRoom = { call: oldest, room: State.roomFor(state, oldest.cost, now) }
        remove(oldest)
        called.push(() => tell(oldest, Effect.fail(late)))
      } else {
        return { called, next: Math.min(room.at, oldest.until) }
      }
    }
    return { called, next: undefined }
  }

  /** Those who are called may come back at once: what they change is looked at when all have been called. */
  const dispatch = (now: number) => {
    again = true
    if (dispatching) return
    dispatching = true
    let next: number | undefined
    while (again) {
      again = false
      const found = due(now)
      next = found.next
      for (const call of found.called) call()
    }
    dispatching = false
    if (next === undefined && alarm !== undefined) run(Effect.void)
    if (next !== undefined && (alarm === undefined || next < alarm)) run(Effect.delay(ring, next - now))
    alarm = next === undefined ? undefined : Math.min(next, alarm ?? next)
  }

  const ring = Effect.map(Clock.currentTimeMillis, (now) => {
    alarm = undefined
    dispatch(now)
  })

  const roomFor: CallGate["roomFor"] = (cost, now) => {
    const room = State.roomFor(state, cost, now)
    return queue.isEmpty ? room : { at: room.at, obstacle: "queue" }
  }

  const settle = (ticket: Ticket, used: State.Cost, now: number) => {
    state = State.settle(state, ticket.reservation, used, now)
    ticket.reservation = {}
    if (!queue.isEmpty) dispatch(now)
  }

  const abandon = (waiter: Waiter) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      if (waiter.ticket !== undefined) return settle(waiter.ticket, nothing, now)
      remove(waiter)
      dispatch(now)
    })

  const enter: CallGate["enter"] = (session, cost, wait) =>
    Effect.flatMap(Clock.currentTimeMillis, (since) => {
      const { obstacle: reason } = roomFor(cost, since)
      if (reason === undefined) return Effect.succeed(take(cost, since))
      const waiter: Waiter = { session, cost, since, until: since + Duration.toMillis(patience), reason }
      queue.push(session, waiter)
      waiters.add(waiter)
      dispatch(since)
      return Effect.onExit(wait(waiter, outcomeOf(waiter)), (exit) =>
        Exit.isFailure(exit) ? abandon(waiter) : Effect.void
      )
    })

  const gate: CallGate = {
    enter,
    roomFor,
    settle,
    hear: (ticket, told, now) => {
      const heard = State.hear(state, ticket.reservation, told, now)
      state = heard.state
      ticket.reservation = heard.reservation
    },
    pause: (until) => {
      state = State.pause(state, until)
    },
    get pausedUntil() {
      return state.pausedUntil
    },
    get waiting() {
      return Array.from(waiters, ({ reason, session, since, until }) => ({ reason, session, since, until }))
    }
  }
  return gate
})

const tell = (waiter: Waiter, outcome: Effect.Effect<Ticket, NoRoom>) => {
  waiter.outcome = outcome
  waiter.resume?.(outcome)
}

const outcomeOf = (waiter: Waiter): Effect.Effect<Ticket, NoRoom> =>
  Effect.callback((resume) => {
    waiter.resume = resume
    if (waiter.outcome !== undefined) resume(waiter.outcome)
  })

const first = <A>(items: Iterable<A>): A | undefined => {
  for (const item of items) return item
  return undefined
}
