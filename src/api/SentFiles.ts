/** Gives back the files that messages brought, to be saved and never to be shown as a page of this service's own. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Sha256 } from "../domain/Attachment.ts"
import type { SessionId } from "../domain/Ids.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { NotFound, unavailable } from "./Problems.ts"
import { find } from "./SessionPages.ts"

export const sentFile = Effect.fnUntraced(function* (session: SessionId, sha256: Sha256) {
  yield* find(session)
  const found = yield* Effect.mapError(
    SessionStore.use((store) => store.file(session, sha256)),
    unavailable
  )
  if (Option.isNone(found)) return yield* new NotFound({ detail: `session ${session} has no file ${sha256}` })
  const { data, mediaType, name } = found.value
  return HttpServerResponse.uint8Array(data, {
    contentType: mediaType,
    headers: { "content-disposition": disposition(name), "x-content-type-options": "nosniff" }
  })
})

/** RFC 6266, with the name as RFC 8187 has it, and for those who do not know that with what of it is plain. */
export const disposition = (name: string | undefined): string => {
  if (name === undefined) return "attachment"
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, "_")
  const whole = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*!]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
