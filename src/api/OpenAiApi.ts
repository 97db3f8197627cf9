/**
 * The OpenAI-compatible part of the API, for programs that already speak it.
 *
 * Requests are decoded for what decides the answer; everything else a client may send (temperature, seed, tools
 * of its own, …) is accepted and ignored, as agents bring their own.
 */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { Authorization } from "./Access.ts"
import { BadRequest, Conflict, LimitReached, TooLarge, tenantProblems, Unprocessable } from "./Problems.ts"
import { FileName } from "./SessionSchemas.ts"

const TextPart = Schema.Struct({ type: Schema.tag("text"), text: Schema.String })

const ImagePart = Schema.Struct({ type: Schema.tag("image_url"), image_url: Schema.Struct({ url: Schema.String }) })

/** A file by its data; `file_id` names one that is kept elsewhere, and is refused. */
const FilePart = Schema.Struct({
  type: Schema.tag("file"),
  file: Schema.Struct({ file_data: Schema.optionalKey(Schema.String), filename: Schema.optionalKey(FileName) })
})

/** Content is a text, or parts of it with pictures and files between. Parts of other types are refused, never dropped. */
export const ChatContent = Schema.Union([Schema.String, Schema.Array(Schema.Union([TextPart, ImagePart, FilePart]))])

const ChatMessage = Schema.Struct({
  role: Schema.Literals(["system", "developer", "user", "assistant"]),
  content: ChatContent
}).annotate({ identifier: "ChatMessage" })

/** The most messages one request may hold: a body of the largest size could hold 35,000, of which each costs time. */
const mostMessages = 2048

export const ChatRequest = Schema.Struct({
  model: Schema.NonEmptyString,
  messages: Schema.NonEmptyArray(ChatMessage).check(
    Schema.isMaxLength(mostMessages, { message: `Expected at most ${mostMessages} messages` })
  ),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  stream_options: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ include_usage: Schema.optionalKey(Schema.Boolean) }))
  )
}).annotate({ identifier: "ChatRequest" })
export type ChatRequest = typeof ChatRequest.Type

export class OpenAiApi extends HttpApiGroup.make("openai")
  .add(
    HttpApiEndpoint.get("models", "/models", {
      success: Schema.Struct({
        object: Schema.Literal("list"),
        data: Schema.Array(
          Schema.Struct({
            id: Schema.String,
            object: Schema.Literal("model"),
            created: Schema.Int,
            owned_by: Schema.String
          })
        )
      })
    }),
    HttpApiEndpoint.post("chat", "/chat/completions", {
      headers: {
        "x-session-id": Schema.optionalKey(Schema.String),
        "idempotency-key": Schema.optionalKey(Schema.NonEmptyString.check(Schema.isMaxLength(255)))
      },
      payload: ChatRequest,
      success: Schema.Json,
      error: [...tenantProblems, BadRequest, Conflict, LimitReached, TooLarge, Unprocessable]
    })
  )
  .middleware(Authorization)
  .prefix("/v1") {}
