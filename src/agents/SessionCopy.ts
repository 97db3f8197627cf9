/**
 * A log on its way to become a session of its own: as it was up to where it is cut, and brought to rest behind that.
 *
 * It passes through page by page, so that the longest log takes no more memory than a short one.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../domain/SessionEvent.ts"
import type { SessionStore, StoreUnavailable } from "../sessions/SessionStore.ts"
import { blank, type Cut, closing, goOn } from "./Closing.ts"
import { SessionUnknown } from "./DirectoryError.ts"

/** The most events that are read and folded in one stretch, in which no other fiber gets on: some 3 ms. */
const stretch = 250

/** The log, then what brings it to rest, then what `last` has to say. */
export const atRest = <E, R>(
  log: Stream.Stream<SessionEvent, E, R>,
  reason: string,
  last: (cut: Cut) => ReadonlyArray<NewSessionEvent>
): Stream.Stream<SessionEvent, E, R> =>
  Stream.suspend(() => {
    let cut = blank
    const passed = log.pipe(
      Stream.rechunk(stretch),
      Stream.mapArrayEffect((events) => {
        cut = goOn(cut, events)
        return Effect.as(Effect.yieldNow, events)
      })
    )
    const behind = Effect.map(DateTime.now, (now) => {
      const events = [...closing(cut, reason), ...last(cut)]
      return Stream.fromIterable(stamped(events, cut.state.seq, DateTime.formatIso(now)))
    })
    return Stream.concat(passed, Stream.unwrap(behind))
  })

const stamped = (events: ReadonlyArray<NewSessionEvent>, after: number, at: string): ReadonlyArray<SessionEvent> =>
  events.map((event, index): SessionEvent => ({ ...event, seq: after + 1 + index, at }))

/** The events of a session up to `through`, which it has; fails when the session is removed meanwhile. */
export const upTo = (
  store: SessionStore["Service"],
  session: SessionId,
  through: number
): Stream.Stream<SessionEvent, SessionUnknown | StoreUnavailable> =>
  Stream.paginate(
    0,
    Effect.fnUntraced(function* (after: number) {
      const events = yield* store.read(session, { after, limit: Math.min(stretch, through - after) })
      if (events.length === 0) return yield* new SessionUnknown({ session })
      const seen = after + events.length
      return [events, seen < through ? Option.some(seen) : Option.none<number>()] as const
    })
  )
