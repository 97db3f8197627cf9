/**
 * How many sessions a tenant has, against how many it may have.
 *
 * A place is taken before its session is on disk, so that sessions which come at once do not exceed the limit.
 */
import * as Effect from "effect/Effect"
import { SessionLimitReached } from "./DirectoryError.ts"

/** Room for one session. Taken or given back twice, it counts once. */
export interface Place {
  /** False when there is no room. */
  take(): boolean
  giveBack(): void
  /** Gives it back if `making` fails. Nothing interrupts it between the disk and the count, but what it lets. */
  during<A, E, R>(making: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
}

export interface SessionCount {
  place(): Place
  /** Why a place could not be taken. */
  refusal(): SessionLimitReached
  /** Keeps a place for the session that `making` makes, if it does. */
  during<A, E, R>(making: Effect.Effect<A, E, R>): Effect.Effect<A, E | SessionLimitReached, R>
  /** One session less. */
  left(): void
}

export const make = (present: number, limit: number): SessionCount => {
  let count = present

  const place = (): Place => {
    let isTaken = false
    const giveBack = () => {
      if (isTaken) count--
      isTaken = false
    }
    return {
      take: () => {
        if (!isTaken && count >= limit) return false
        if (!isTaken) count++
        isTaken = true
        return true
      },
      giveBack,
      during: (making) => Effect.uninterruptible(Effect.onError(making, () => Effect.sync(giveBack)))
    }
  }

  const refusal = () => new SessionLimitReached({ limit })

  const during = <A, E, R>(making: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | SessionLimitReached, R> => {
      const own = place()
      return own.take() ? own.during(making) : Effect.fail(refusal())
    })

  return {
    place,
    refusal,
    during,
    left: () => {
      count--
    }
  }
}
