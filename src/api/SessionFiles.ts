/** Sessions carried away and brought in, as files that are never held in memory whole. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiError from "effect/http-api/HttpApiError"
import { Directory } from "../agents/Directory.ts"
import { upTo } from "../agents/SessionCopy.ts"
import type { KeptFile, Sha256 } from "../domain/Attachment.ts"
import type { AgentId, SessionId } from "../domain/Ids.ts"
import { keptBy, type SessionEvent } from "../domain/SessionEvent.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { eventLine, fileLine, headerLine, parse } from "./SessionJsonl.ts"
import { find } from "./SessionPages.ts"
import { ofImport } from "./SessionProblems.ts"

/** Everything up to the event that is the last one now. A client that gets less sees the connection break off. */
export const exported = Effect.fnUntraced(function* (session: SessionId) {
  const summary = yield* find(session)
  const store = yield* SessionStore
  const given = new Set<Sha256>()
  const bytesOf = Effect.fnUntraced(function* ({ sha256 }: KeptFile) {
    const found = given.has(sha256) ? Option.none() : yield* store.file(session, sha256)
    given.add(sha256)
    return Option.match(found, { onNone: () => "", onSome: ({ data }) => fileLine({ sha256, data }) })
  })
  const lines = upTo(store, session, summary.seq).pipe(
    Stream.mapArrayEffect((events) => Effect.as(Effect.yieldNow, piecesOf(events))),
    Stream.rechunk(1),
    Stream.mapEffect((piece) => (typeof piece === "string" ? Effect.succeed(piece) : bytesOf(piece)))
  )
  return HttpServerResponse.stream(Stream.encodeText(Stream.concat(Stream.succeed(headerLine(summary)), lines)), {
    contentType: "application/x-ndjson",
    headers: { "content-disposition": `attachment; filename="${session}.jsonl"` }
  })
})

/** Lines of events in as few pieces as possible, the files that a message names in front of its own. */
const piecesOf = (events: Arr.NonEmptyReadonlyArray<SessionEvent>): Arr.NonEmptyArray<string | KeptFile> => {
  const pieces: Array<string | KeptFile> = []
  let lines = ""
  for (const event of events) {
    const files = event.type === "MessageAccepted" ? keptBy(event) : []
    if (files.length > 0) {
      pieces.push(lines, ...files)
      lines = ""
    }
    lines += eventLine(event)
  }
  return Arr.append(pieces, lines)
}

type TooLarge = HttpApiError.HttpApiPayloadTooLarge

/** A file as a new session, for the agent it names or for another. */
export const imported = Effect.fnUntraced(
  function* (session: SessionId, body: Stream.Stream<Uint8Array, TooLarge>, agent: AgentId | undefined) {
    const store = yield* SessionStore
    const scope = yield* Effect.scope
    const file = yield* parse(body, agent, (bytes) => Scope.provide(store.keep([bytes]), scope))
    const directory = yield* Directory
    return yield* directory.adopt({ session, ...file })
  },
  Effect.scoped,
  Effect.catchTags(ofImport)
)
