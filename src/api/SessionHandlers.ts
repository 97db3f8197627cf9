/** Answers of conversations. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { type Accepted, Directory, type Incoming } from "../agents/Directory.ts"
import type { SessionId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import { Drain } from "../kernel/Drain.ts"
import { follow } from "../sessions/Feed.ts"
import { SessionStore, type StoreUnavailable } from "../sessions/SessionStore.ts"
import type { Signals, TextDelta } from "../telemetry/Signals.ts"
import { inTenant } from "./Access.ts"
import { Api } from "./Api.ts"
import { eventStream, type Frame } from "./EventStreams.ts"
import { BadRequest, Conflict, LimitReached, NotFound, type Unavailable, unavailable } from "./Problems.ts"

/** Takes a message in, with every refusal as the problem it is over HTTP. */
export const accept = (
  message: Incoming
): Effect.Effect<Accepted, BadRequest | Conflict | LimitReached | NotFound | Unavailable, Directory> =>
  Directory.use((directory) => directory.accept(message)).pipe(
    Effect.catchTags({
      AgentUnknown: (error) => new NotFound({ detail: error.message }),
      AgentMissing: (error) => new BadRequest({ detail: error.message }),
      SessionTaken: (error) => new Conflict({ detail: error.message }),
      SessionLimitReached: (error) => new LimitReached({ detail: error.message }),
      Draining: unavailable,
      StoreUnavailable: unavailable
    })
  )

const find = Effect.fnUntraced(function* (id: SessionId) {
  const found = yield* SessionStore.use((store) => store.session(id)).pipe(Effect.mapError(unavailable))
  return yield* Option.match(found, {
    onNone: () => Effect.fail(new NotFound({ detail: `there is no session ${id}` })),
    onSome: Effect.succeed
  })
})

/** At most `limit` items and whether there are more. */
const cut = <A>(found: ReadonlyArray<A>, limit: number) => ({
  items: found.slice(0, limit),
  last: found.length > limit ? found[limit - 1] : undefined
})

const sessionsPage = Effect.fnUntraced(function* (after: SessionId | undefined, limit: number) {
  const store = yield* SessionStore
  const { items, last } = cut(yield* Effect.mapError(store.sessions({ order: "id", after, limit: limit + 1 }), unavailable), limit)
  return { sessions: items, ...(last === undefined ? {} : { next: last.id }) }
})

const eventsPage = Effect.fnUntraced(function* (session: SessionId, after: number, limit: number) {
  yield* find(session)
  const store = yield* SessionStore
  const { items, last } = cut(
    yield* Effect.mapError(store.read(session, { after, limit: limit + 1 }), unavailable),
    limit
  )
  const next = last === undefined ? "" : `,"next":${last.seq}`
  return HttpServerResponse.text(`{"events":${yield* listOf(items)}${next}}`, { contentType: "application/json" })
})

/** The most events that are written as JSON in one stretch, in which no other fiber gets on: less than 1 ms. */
const stretch = 500

/** What `JSON.stringify` makes of the list, with room for other fibers in between. */
const listOf = Effect.fnUntraced(function* (events: ReadonlyArray<SessionEvent>) {
  const parts: Array<string> = []
  for (let from = 0; from < events.length; from += stretch) {
    if (from > 0) yield* Effect.yieldNow
    parts.push(JSON.stringify(events.slice(from, from + stretch).map(inOrder)).slice(1, -1))
  }
  return `[${parts.join(",")}]`
})

/** What a reader looks for first stands first. */
const inOrder = ({ at, seq, ...event }: SessionEvent) => ({ seq, at, ...event })

const frameOf = (event: SessionEvent | TextDelta): Frame =>
  "seq" in event
    ? { id: String(event.seq), event: event.type, data: JSON.stringify(inOrder(event)) }
    : { event: event.type, data: JSON.stringify(event) }

/** The log behind `after` and whatever comes, until the client goes or the service stops. */
const followed = (session: SessionId, after: number) =>
  Effect.map(untilClosing(follow(session, after)), (events) => eventStream(Stream.map(events, frameOf)))

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
const positionOf = (after: number | undefined, lastEventId: string | undefined) => {
  const position = lastEventId ? Number(lastEventId) : (after ?? 0)
  return Number.isSafeInteger(position) && position >= 0
    ? Effect.succeed(position)
    : Effect.fail(new BadRequest({ detail: `last-event-id: no event has the id ${lastEventId}` }))
}

export const SessionHandlers = HttpApiBuilder.group(Api, "sessions", (handlers) =>
  handlers.handleAll({
    sessions: ({ params, query }) => inTenant(params.tenant, "viewer", sessionsPage(query.after, query.limit ?? 100)),
    session: ({ params }) => inTenant(params.tenant, "viewer", find(params.session)),
    events: Effect.fnUntraced(function* ({ headers, params, query }) {
      const after = yield* positionOf(query.after, headers["last-event-id"])
      return headers.accept?.includes("text/event-stream") === true
        ? yield* inTenant(params.tenant, "viewer", followed(params.session, after))
        : yield* inTenant(params.tenant, "viewer", eventsPage(params.session, after, query.limit ?? 10_000))
    }),
    say: ({ params, payload }) =>
      inTenant(
        params.tenant,
        "user",
        Effect.map(
          accept({ session: params.session, channel: `api:${params.session}`, ...payload }),
          ({ seq, session, turn }) => ({ session, turn, seq })
        )
      ),
    cancel: ({ params }) =>
      inTenant(
        params.tenant,
        "user",
        Effect.map(
          Directory.use((directory) => directory.cancel(params.session, "asked for over the API")),
          (turn) => ({ cancelled: Option.getOrNull(turn) })
        ).pipe(
          Effect.catchTags({
            SessionUnknown: (error) => new NotFound({ detail: error.message }),
            StoreUnavailable: unavailable
          })
        )
      )
  })
)
