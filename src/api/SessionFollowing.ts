/** A session's log as it is followed live. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Directory } from "../agents/Directory.ts"
import type { SessionId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import { Drain } from "../kernel/Drain.ts"
import { follow } from "../sessions/Feed.ts"
import type { SessionStore, StoreUnavailable } from "../sessions/SessionStore.ts"
import type { Signals, TextDelta } from "../telemetry/Signals.ts"
import { eventStream, type Frame } from "./EventStreams.ts"
import { BadRequest } from "./Problems.ts"
import { inOrder } from "./SessionJsonl.ts"

const frameOf = (event: SessionEvent | TextDelta): Frame =>
  "seq" in event
    ? { id: String(event.seq), event: event.type, data: JSON.stringify(inOrder(event)) }
    : { event: event.type, data: JSON.stringify(event) }

/** The log behind `after` and whatever comes, until the client goes, the session is deleted or the service stops. */
export const followed = Effect.fnUntraced(function* (session: SessionId, after: number) {
  const directory = yield* Directory
  const events = Stream.unwrap(
    Effect.map(directory.departure(session), (departure) => untilDeparture(follow(session, after), after, departure))
  )
  return eventStream(Stream.map(yield* untilClosing(events), frameOf))
})

interface Position {
  readonly seen: number
  /** The last event there will ever be. */
  readonly last: number
}

/** How long whoever lags behind a session that is removed is waited for: its log is not there any more to fill gaps from. */
const farewell = "5 seconds"

/** Ends behind the last event of a session that is removed. */
export const untilDeparture = <E, R>(
  events: Stream.Stream<SessionEvent | TextDelta, E, R>,
  after: number,
  departure: Effect.Effect<number>
): Stream.Stream<SessionEvent | TextDelta, E, R> => {
  const departed = (last: number) => ({ type: "Departed" as const, last })
  const end = Stream.concat(
    Stream.fromEffect(Effect.map(departure, departed)),
    Stream.fromEffect(Effect.as(Effect.sleep(farewell), departed(0)))
  )
  return Stream.merge(events, end, { haltStrategy: "left" }).pipe(
    Stream.mapAccum(
      (): Position => ({ seen: after, last: Number.POSITIVE_INFINITY }),
      ({ last, seen }, event) => {
        if (event.type === "Departed") {
          const next = { seen, last: event.last }
          return [next, seen >= event.last ? [undefined] : []] as const
        }
        const next = { last, seen: "seq" in event ? event.seq : seen }
        return [next, next.seen >= last ? [event, undefined] : [event]] as const
      }
    ),
    Stream.takeWhile((event) => event !== undefined)
  )
}

/**
 * What a client watches: ends when the service closes, and when the store cannot go on. Then the client connects
 * anew, from where it was.
 */
export const untilClosing = Effect.fnUntraced(function* <A>(
  events: Stream.Stream<A, StoreUnavailable, SessionStore | Signals>
) {
  const drain = yield* Drain
  const services = yield* Effect.context<SessionStore | Signals>()
  return events.pipe(
    Stream.interruptWhen(drain.closing),
    Stream.catch((error) => Stream.drain(Stream.fromEffect(Effect.logWarning("stream ends with the store", error)))),
    Stream.provideContext(services)
  )
})

/**
 * A browser that reconnects asks for the same address again and says in `Last-Event-ID` where it was by then (WHATWG
 * HTML, section 9.2.3), so that the header is the newer one.
 */
export const positionOf = (after: number | undefined, lastEventId: string | undefined) => {
  const position = lastEventId ? Number(lastEventId) : (after ?? 0)
  return Number.isSafeInteger(position) && position >= 0
    ? Effect.succeed(position)
    : Effect.fail(new BadRequest({ detail: `last-event-id: no event has the id ${lastEventId}` }))
}
