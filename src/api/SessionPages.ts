/** Sessions, events and what was found in them, a page at a time. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { SessionId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import { cursorOf, type SearchQuery, type SessionQuery, SessionStore } from "../sessions/SessionStore.ts"
import { NotFound, unavailable } from "./Problems.ts"
import { inOrder } from "./SessionJsonl.ts"

export const find = Effect.fnUntraced(function* (id: SessionId) {
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

export const sessionsPage = Effect.fnUntraced(function* (query: SessionQuery) {
  const store = yield* SessionStore
  const found = yield* Effect.mapError(store.sessions({ ...query, limit: query.limit + 1 }), unavailable)
  const { items, last } = cut(found, query.limit)
  return { sessions: items, ...(last === undefined ? {} : { next: cursorOf(query.order, last) }) }
})

export const searchPage = Effect.fnUntraced(function* (query: SearchQuery) {
  const store = yield* SessionStore
  const found = yield* Effect.mapError(store.search({ ...query, limit: query.limit + 1 }), unavailable)
  const { items, last } = cut(found, query.limit)
  return { hits: items, ...(last === undefined ? {} : { next: (query.skip ?? 0) + query.limit }) }
})

export const eventsPage = Effect.fnUntraced(function* (session: SessionId, after: number, limit: number) {
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
