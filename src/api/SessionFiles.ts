/** Sessions carried away and brought in, as files that are never held in memory whole. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiError from "effect/http-api/HttpApiError"
import { Directory } from "../agents/Directory.ts"
import { upTo } from "../agents/SessionCopy.ts"
import type { AgentId, SessionId } from "../domain/Ids.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { eventLine, headerLine, parse } from "./SessionJsonl.ts"
import { find } from "./SessionPages.ts"
import { ofImport } from "./SessionProblems.ts"

/** Everything up to the event that is the last one now. A client that gets less sees the connection break off. */
export const exported = Effect.fnUntraced(function* (session: SessionId) {
  const summary = yield* find(session)
  const store = yield* SessionStore
  const lines = upTo(store, session, summary.seq).pipe(
    Stream.mapArrayEffect((events) => Effect.as(Effect.yieldNow, [events.map(eventLine).join("")] as const))
  )
  return HttpServerResponse.stream(Stream.encodeText(Stream.concat(Stream.succeed(headerLine(summary)), lines)), {
    contentType: "application/x-ndjson",
    headers: { "content-disposition": `attachment; filename="${session}.jsonl"` }
  })
})

type TooLarge = HttpApiError.HttpApiPayloadTooLarge

/** A file as a new session, for the agent it names or for another. */
export const imported = Effect.fnUntraced(
  function* (session: SessionId, body: Stream.Stream<Uint8Array, TooLarge>, agent: AgentId | undefined) {
    const file = yield* parse(body, agent)
    const directory = yield* Directory
    return yield* directory.adopt({ session, ...file })
  },
  Effect.scoped,
  Effect.catchTags(ofImport)
)
