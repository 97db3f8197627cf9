/**
 * A log on its way to become a session of its own: as it was up to where it is cut, and brought to rest behind that.
 *
 * It passes through page by page, so that the longest log takes no more memory than a short one. Whoever waits for it can
 * be interrupted before each page, whatever happens to the pages.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../domain/SessionEvent.ts"
import type { SessionStore, StoreUnavailable } from "../sessions/SessionStore.ts"
import { mostWaiting } from "./Arrival.ts"
import { blank, type Cut, closing, goOn } from "./Closing.ts"
import { LogUnfit, SessionUnknown } from "./DirectoryError.ts"

/** The most events that are read and folded in one stretch, in which no other fiber gets on: some 3 ms. */
const stretch = 250

/** More than a session of ours holds: with every event that follows, all of it is gone through. */
const mostHeld = 2 * mostWaiting

const heldBy = ({ state: { pinned, turn, waiting } }: Cut): number =>
  waiting.length + pinned.length + (turn?.steering.length ?? 0) + (turn?.aside.length ?? 0)

/** The log, then what brings it to rest, then what `last` has to say. */
export const atRest = <E, R>(
  log: Stream.Stream<SessionEvent, E, R>,
  reason: string,
  last: (cut: Cut) => ReadonlyArray<NewSessionEvent>
): Stream.Stream<SessionEvent, E | LogUnfit, R> =>
  Stream.suspend(() => {
    let cut = blank
    const passed = interruptible(log).pipe(
      Stream.rechunk(stretch),
      Stream.mapArrayEffect((events) => {
        cut = goOn(cut, events)
        return heldBy(cut) > mostHeld
          ? Effect.fail(new LogUnfit({ event: cut.state.seq, limit: mostHeld }))
          : Effect.as(Effect.yieldNow, events)
      })
    )
    const behind = Effect.map(DateTime.now, (now) => {
      const events = [...closing(cut, reason), ...last(cut)]
      return Stream.fromIterable(stamped(events, cut.state.seq, DateTime.formatIso(now)))
    })
    return Stream.concat(passed, Stream.unwrap(behind))
  })

/** Whoever writes the copy may be past interrupting; while it waits for more of the log, it is not. */
const interruptible = <A, E, R>(log: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.transformPull(log, (pull) => Effect.succeed(Effect.interruptible(pull)))

const stamped = (events: ReadonlyArray<NewSessionEvent>, after: number, at: string): ReadonlyArray<SessionEvent> =>
  events.map((event, index): SessionEvent => ({ ...event, seq: after + 1 + index, at }))

/**
 * The events of a session up to `through`, which it has; fails when the session is removed meanwhile, also when another one
 * has its name by then.
 */
export const upTo = (
  store: SessionStore["Service"],
  session: SessionId,
  through: number
): Stream.Stream<SessionEvent, SessionUnknown | StoreUnavailable> =>
  Stream.paginate(
    { seen: 0 },
    Effect.fnUntraced(function* ({ began, seen }: { readonly seen: number; readonly began?: string }) {
      const events = yield* store.read(session, { after: seen, limit: Math.min(stretch, through - seen) })
      const first = began ?? events[0]?.at
      const there = Option.getOrUndefined(yield* store.session(session))
      if (first === undefined || events.length === 0 || there?.createdAt !== first) {
        return yield* new SessionUnknown({ session })
      }
      const next = { seen: seen + events.length, began: first }
      return [events, next.seen < through ? Option.some(next) : Option.none<typeof next>()] as const
    })
  )
