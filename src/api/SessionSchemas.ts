/** What is sent to sessions and answered of them. */
import * as Schema from "effect/Schema"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { AgentId, SessionId, TurnId } from "../domain/Ids.ts"
import { MidTurn } from "../domain/SessionChange.ts"
import { SessionEvent } from "../domain/SessionEvent.ts"
import { TextDelta } from "../telemetry/Signals.ts"

/** The largest file that is imported: logs are long, and nothing of one is held in memory for long. */
export const mostImportBytes = 256 * 1024 * 1024

/** A database keeps half a surrogate pair as another character, and would not find it again. */
export const wellFormed = Schema.makeFilter(
  (text: string) => text.isWellFormed() || "Expected text without half characters"
)

const readable = Schema.isPattern(/^[^\p{Cc}\p{Zl}\p{Zp}]*[^\s\p{Cc}][^\p{Cc}\p{Zl}\p{Zp}]*$/u, {
  message: "Expected a name in one line"
})

/** The name people see: one line. */
export const SessionName = Schema.NonEmptyString.check(Schema.isMaxLength(200), wellFormed, readable)

/** What a file is called: one line, and nothing else is made of it. */
export const FileName = Schema.NonEmptyString.check(Schema.isMaxLength(255), wellFormed, readable)

/** A file with a message, its bytes in base64. What may be brought is for `MessageFiles.ts` to say, with the reason. */
const NewFile = Schema.Struct({
  name: Schema.optionalKey(FileName),
  mediaType: Schema.String,
  data: Schema.String
}).annotate({ identifier: "NewFile" })

const sayingSomething = Schema.makeFilter(
  ({ files = [], text }: { readonly text: string; readonly files?: ReadonlyArray<unknown> }) =>
    text !== "" || files.length > 0 || { path: ["text"], issue: "Expected something said, or files" }
)

export const NewMessage = Schema.Struct({
  agent: Schema.optionalKey(AgentId),
  text: Schema.String,
  files: Schema.optionalKey(Schema.Array(NewFile)),
  externalId: Schema.optionalKey(Schema.NonEmptyString.check(Schema.isMaxLength(255), wellFormed))
})
  .check(sayingSomething)
  .annotate({ identifier: "NewMessage" })

export const AcceptedMessage = Schema.Struct({ session: SessionId, turn: TurnId, seq: Schema.Int })
  .annotate({ identifier: "AcceptedMessage" })
  .pipe(HttpApiSchema.status(202))

/**
 * One entry of the followed log: an event of the log, whose `id` is its sequence number, or live text, which has
 * no id and is not in the log.
 */
export const FollowedEvent = Schema.Struct({
  id: Schema.optional(Schema.String),
  event: Schema.String,
  data: Schema.fromJsonString(Schema.Union([SessionEvent, TextDelta]))
})

export const SessionChange = Schema.Struct({
  name: Schema.optionalKey(Schema.NullOr(SessionName)),
  model: Schema.optionalKey(Schema.NullOr(Schema.NonEmptyString.check(Schema.isMaxLength(300), wellFormed))),
  midTurn: Schema.optionalKey(Schema.NullOr(MidTurn))
}).annotate({ identifier: "SessionChange" })

export const ForkRequest = Schema.Struct({
  at: Schema.Int,
  session: Schema.optionalKey(SessionId)
}).annotate({ identifier: "ForkRequest" })

export const PinRequest = Schema.Struct({ event: Schema.Int }).annotate({ identifier: "PinRequest" })

export const SearchResult = Schema.Struct({
  hits: Schema.Array(
    Schema.Struct({
      session: SessionId,
      seq: Schema.Int,
      at: Schema.String,
      type: Schema.String,
      excerpt: Schema.String
    }).annotate({ identifier: "SearchHit" })
  ),
  next: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "SearchResult" })
