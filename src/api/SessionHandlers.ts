/** Answers of conversations. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { type Accepted, Directory, type Incoming } from "../agents/Directory.ts"
import { inTenant } from "./Access.ts"
import { Api } from "./Api.ts"
import type { BadRequest, Conflict, LimitReached, NotFound, Unavailable } from "./Problems.ts"
import { bounded, filesIn } from "./MessageFiles.ts"
import { exported, imported } from "./SessionFiles.ts"
import { followed, positionOf } from "./SessionFollowing.ts"
import { sentFile } from "./SentFiles.ts"
import { eventsPage, find, searchPage, sessionsPage } from "./SessionPages.ts"
import { ofChange, ofFork, ofMessage, ofPin, ofPresent } from "./SessionProblems.ts"

/** Takes a message in, with every refusal as the problem it is over HTTP. */
export const accept = (
  message: Incoming
): Effect.Effect<Accepted, BadRequest | Conflict | LimitReached | NotFound | Unavailable, Directory> =>
  Directory.use((directory) => directory.accept(message)).pipe(Effect.catchTags(ofMessage))

export const SessionHandlers = HttpApiBuilder.group(Api, "sessions", (handlers) =>
  handlers.handleAll({
    sessions: ({ params, query: { limit = 100, order = "id", ...query } }) =>
      inTenant(params.tenant, "viewer", sessionsPage({ ...query, limit, order })),
    search: ({ params, query: { limit = 20, q, ...query } }) =>
      inTenant(params.tenant, "viewer", searchPage({ ...query, limit, text: q })),
    session: ({ params }) => inTenant(params.tenant, "viewer", find(params.session)),
    events: Effect.fnUntraced(function* ({ headers, params, query }) {
      const after = yield* positionOf(query.after, headers["last-event-id"])
      return headers.accept?.includes("text/event-stream") === true
        ? yield* inTenant(params.tenant, "viewer", followed(params.session, after))
        : yield* inTenant(params.tenant, "viewer", eventsPage(params.session, after, query.limit ?? 10_000))
    }),
    say: Effect.fnUntraced(function* ({ params: { session, tenant }, payload: { files = [], ...payload } }) {
      yield* bounded({
        ...payload,
        ...(files.length === 0 ? {} : { files: files.map((file) => ({ ...file, data: "" })) })
      })
      const brought = yield* filesIn(files)
      const message = { session, channel: `api:${session}`, ...payload, files: brought }
      const { seq, turn } = yield* inTenant(tenant, "user", accept(message))
      return { session, turn, seq }
    }),
    file: ({ params }) => inTenant(params.tenant, "viewer", sentFile(params.session, params.sha256)),
    cancel: ({ params: { session, tenant } }) =>
      inTenant(
        tenant,
        "user",
        Directory.use((directory) => directory.cancel(session, "asked for over the API")).pipe(
          Effect.map((turn) => ({ cancelled: Option.getOrNull(turn) })),
          Effect.catchTags(ofPresent)
        )
      ),
    change: ({ params: { session, tenant }, payload }) =>
      inTenant(
        tenant,
        "user",
        Directory.use((directory) => directory.configure(session, payload)).pipe(Effect.catchTags(ofChange))
      ),
    fork: ({ params: { session, tenant }, payload }) =>
      inTenant(
        tenant,
        "user",
        Directory.use((directory) => directory.fork(session, payload.at, payload.session)).pipe(
          Effect.catchTags(ofFork)
        )
      ),
    remove: ({ params: { session, tenant } }) =>
      inTenant(
        tenant,
        "operator",
        Directory.use((directory) => directory.remove(session)).pipe(Effect.catchTags(ofPresent))
      ),
    export: ({ params }) => inTenant(params.tenant, "viewer", exported(params.session)),
    import: ({ params, payload, query }) =>
      inTenant(params.tenant, "operator", imported(params.session, payload, query.agent)),
    pin: ({ params: { session, tenant }, payload }) =>
      inTenant(
        tenant,
        "user",
        Directory.use((directory) => directory.pin(session, payload.event)).pipe(Effect.catchTags(ofPin))
      ),
    unpin: ({ params: { session, tenant }, payload }) =>
      inTenant(
        tenant,
        "user",
        Directory.use((directory) => directory.unpin(session, payload.event)).pipe(Effect.catchTags(ofPresent))
      )
  })
)
