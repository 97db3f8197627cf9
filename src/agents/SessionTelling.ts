/** How a session is told something: decided on its newest state, written, and looked at by whoever serves it. */
import * as Effect from "effect/Effect"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import type { SessionState } from "../sessions/SessionLog.ts"
import { type AppendConflict, type DuplicateMessage, StoreUnavailable } from "../sessions/SessionStore.ts"
import type { Session, Step } from "./Session.ts"
import type { SessionSupervisor } from "./SessionSupervisor.ts"

export interface Decision<A> {
  readonly events: ReadonlyArray<NewSessionEvent>
  readonly value: A
  /** The part of `events` that whoever serves the session is to begin with. */
  readonly handover?: Step | undefined
}

export type Decide<A> = (state: SessionState, now: number) => Decision<A>

export interface SessionTelling {
  /** Decides, appends and wakes as one step that is never left half done. */
  tell<A>(session: Session, decide: Decide<A>): Effect.Effect<A, DuplicateMessage | StoreUnavailable>
  /** Like `tell`, for what nobody has to do anything about. */
  note<A>(session: Session, decide: Decide<A>): Effect.Effect<A, StoreUnavailable>
  /** Has the session served if there is something to do. */
  wake(session: Session): Effect.Effect<void>
}

export const make = (supervisor: SessionSupervisor): SessionTelling => {
  const wake = (session: Session) =>
    Effect.suspend(() => {
      const claimed = supervisor.claim(session)
      if (claimed) session.handover = undefined
      return supervisor.wake(session, claimed)
    })

  const tell = <A>(session: Session, decide: Decide<A>) => {
    let claimed = false
    return session
      .transact((state, now) => {
        const { events, handover, value } = decide(state, now)
        const committed = () => {
          claimed = supervisor.claim(session)
          if (claimed) session.handover = handover
        }
        return events.length === 0 ? { events, value } : { events, value, committed }
      })
      .pipe(
        Effect.tap(({ appended }) => (appended.length === 0 ? Effect.void : supervisor.wake(session, claimed))),
        Effect.map(({ value }) => value),
        // It may have been written all the same: whoever serves the session reads the log and finds out.
        Effect.tapErrorTag("StoreUnavailable", () => wake(session)),
        Effect.catchTag("AppendConflict", contended),
        Effect.uninterruptible
      )
  }

  const note = <A>(session: Session, decide: Decide<A>) =>
    session.transact(decide).pipe(
      Effect.map(({ value }) => value),
      Effect.catchTags({ AppendConflict: contended, DuplicateMessage: Effect.die })
    )

  return { tell, note, wake }
}

const contended = ({ session }: AppendConflict) =>
  new StoreUnavailable({ reason: `session ${session} is being written to by somebody else; send it again` })
