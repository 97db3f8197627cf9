/** What people do with a session as a whole: name it, give it settings of its own, pin what was said, delete it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SessionId } from "../domain/Ids.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { closing, cutOf } from "./Closing.ts"
import * as Departures from "./Departures.ts"
import type { Directory } from "./Directory.ts"
import { NothingSaid, PinLimitReached, SessionUnknown } from "./DirectoryError.ts"
import * as KnownModels from "./KnownModels.ts"
import type { OpenSessions } from "./OpenSessions.ts"
import type { Session } from "./Session.ts"
import { changes, pinOf } from "./SessionChanges.ts"
import type { SessionCount } from "./SessionCount.ts"
import type { SessionSupervisor } from "./SessionSupervisor.ts"
import type { SessionTelling } from "./SessionTelling.ts"

/** The most things that may be pinned in one session: all of them are sent to the model with every step. */
const mostPins = 100

export interface Around {
  readonly sessions: OpenSessions
  readonly supervisor: SessionSupervisor
  readonly telling: SessionTelling
  readonly count: SessionCount
}

type Keeping = Pick<Directory["Service"], "configure" | "pin" | "unpin" | "remove" | "departure">

/** The part of a directory that keeps sessions; what is around is shared with the rest of it. */
export const make = Effect.fnUntraced(function* ({ count, sessions, supervisor, telling }: Around) {
  const store = yield* SessionStore
  const models = yield* KnownModels.make
  const departures = Departures.make()

  const summary = Effect.fnUntraced(function* (id: SessionId) {
    const found = yield* store.session(id)
    return Option.isSome(found) ? found.value : yield* new SessionUnknown({ session: id })
  })

  const configure: Keeping["configure"] = Effect.fn("Directory.configure")(function* (id, change) {
    yield* models.check(change.model)
    yield* summary(id)
    yield* sessions.visit(id, (session) =>
      Effect.flatMap(summary(id), (present) =>
        telling.note(session, () => ({ events: changes(present, change), value: undefined }))
      )
    )
    return yield* summary(id)
  })

  const pin: Keeping["pin"] = Effect.fn("Directory.pin")(function* (id, event) {
    const isFull = yield* sessions.visit(
      id,
      Effect.fnUntraced(function* (session) {
        yield* summary(id)
        const [found] = event < 1 ? [] : yield* store.read(id, { after: event - 1, limit: 1 })
        const pin = pinOf(found)
        if (pin === undefined) return yield* new NothingSaid({ session: id, event })
        return yield* telling.note(session, ({ pinned }) => {
          const isThere = pinned.some((other) => other.event === event)
          const isFull = !isThere && pinned.length >= mostPins
          return { events: isThere || isFull ? [] : [{ type: "Pinned", pin }], value: isFull }
        })
      })
    )
    if (isFull) return yield* new PinLimitReached({ session: id, limit: mostPins })
  })

  const unpin: Keeping["unpin"] = Effect.fn("Directory.unpin")(function* (id, event) {
    yield* summary(id)
    yield* sessions.visit(id, (session) =>
      telling.note(session, ({ pinned }) => ({
        events: pinned.some((other) => other.event === event) ? [{ type: "Unpinned", event }] : [],
        value: undefined
      }))
    )
  })

  /** The log says how its turns ended, for whoever follows it; a disk that is full is no reason to keep it. */
  const close = (session: Session) =>
    telling
      .note(session, (state) => ({ events: closing(cutOf(state), "the session was deleted"), value: undefined }))
      .pipe(Effect.catchTag("StoreUnavailable", (error) => Effect.logWarning("session is deleted unclosed", error)))

  const removeAlone = Effect.fnUntraced(function* (session: Session, forget: () => void) {
    yield* summary(session.id)
    yield* supervisor.stop(session.id)
    forget()
    yield* close(session)
    if (!(yield* store.remove(session.id))) return yield* new SessionUnknown({ session: session.id })
    count.left()
    departures.tell(session.id, session.state().seq)
  }, Effect.uninterruptible)

  const remove: Keeping["remove"] = Effect.fn("Directory.remove")(function* (id) {
    yield* summary(id)
    yield* sessions
      .alone(id, removeAlone)
      .pipe(Effect.tapErrorTag("StoreUnavailable", () => Effect.ignore(sessions.visit(id, telling.wake))))
  })

  return { configure, pin, unpin, remove, departure: departures.watch } satisfies Keeping as Keeping
})
