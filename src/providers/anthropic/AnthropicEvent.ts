/**
 * The events of a streamed Messages API answer, as far as they mean anything to us.
 *
 * Decoding is lenient on purpose: recorded answers lack fields that the vendor's own types call required, and
 * new ones appear without notice. What we act on is checked; event types nobody has told us of are passed over.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** Token counts; in a `message_delta` they are cumulative, and what is missing is as it was. */
export const Usage = Schema.Struct({
  input_tokens: nullable(Schema.Int),
  cache_creation_input_tokens: nullable(Schema.Int),
  cache_read_input_tokens: nullable(Schema.Int),
  output_tokens: nullable(Schema.Int),
  output_tokens_details: nullable(Schema.Struct({ thinking_tokens: nullable(Schema.Int) }))
})
export type Usage = typeof Usage.Type

const MessageStart = Schema.Struct({
  type: Schema.Literal("message_start"),
  message: Schema.Struct({ id: nullable(Schema.String), model: nullable(Schema.String), usage: nullable(Usage) })
})

const named = (block: { readonly type: string; readonly id?: unknown; readonly name?: unknown }) =>
  block.type !== "tool_use" || (typeof block.id === "string" && typeof block.name === "string")

const ContentBlockStart = Schema.Struct({
  type: Schema.Literal("content_block_start"),
  index: Schema.Int,
  content_block: Schema.Struct({
    type: Schema.String,
    text: nullable(Schema.String),
    thinking: nullable(Schema.String),
    signature: nullable(Schema.String),
    data: nullable(Schema.String),
    id: nullable(Schema.String),
    name: nullable(Schema.String),
    input: Schema.optional(Schema.Unknown)
  }).check(Schema.makeFilter(named, { expected: "a tool_use block with an id and a name" }))
})
export type ContentBlock = typeof ContentBlockStart.Type.content_block

/** Nearly every event is one of these, so the schema is as cheap as it can be. */
const ContentBlockDelta = Schema.Struct({
  type: Schema.Literal("content_block_delta"),
  index: Schema.Number,
  delta: Schema.Struct({
    type: Schema.String,
    text: Schema.optionalKey(Schema.String),
    thinking: Schema.optionalKey(Schema.String),
    signature: Schema.optionalKey(Schema.String),
    partial_json: Schema.optionalKey(Schema.String)
  })
})
export type ContentDelta = typeof ContentBlockDelta.Type.delta

const ContentBlockStop = Schema.Struct({ type: Schema.Literal("content_block_stop"), index: Schema.Int })

const MessageDelta = Schema.Struct({
  type: Schema.Literal("message_delta"),
  delta: Schema.Struct({
    stop_reason: nullable(Schema.String),
    stop_details: nullable(Schema.Struct({ explanation: nullable(Schema.String) }))
  }),
  usage: nullable(Usage)
})

const MessageStop = Schema.Struct({ type: Schema.Literal("message_stop") })

/** The answer broke off; the shape of an error is the same as in an error's HTTP body. */
export const ErrorBody = Schema.Struct({
  error: Schema.Struct({
    type: nullable(Schema.String),
    message: nullable(Schema.String),
    details: nullable(Schema.Struct({ error_code: nullable(Schema.String) }))
  }),
  request_id: nullable(Schema.String)
})
export type ErrorBody = typeof ErrorBody.Type

const ErrorEvent = Schema.Struct({ type: Schema.Literal("error"), ...ErrorBody.fields })

export type AnthropicEvent =
  | typeof MessageStart.Type
  | typeof ContentBlockStart.Type
  | typeof ContentBlockDelta.Type
  | typeof ContentBlockStop.Type
  | typeof MessageDelta.Type
  | typeof MessageStop.Type
  | typeof ErrorEvent.Type

const decoders = new Map<string, (input: unknown) => Result.Result<AnthropicEvent, Schema.SchemaError>>([
  ["message_start", Schema.decodeUnknownResult(MessageStart)],
  ["content_block_start", Schema.decodeUnknownResult(ContentBlockStart)],
  ["content_block_delta", Schema.decodeUnknownResult(ContentBlockDelta)],
  ["content_block_stop", Schema.decodeUnknownResult(ContentBlockStop)],
  ["message_delta", Schema.decodeUnknownResult(MessageDelta)],
  ["message_stop", Schema.decodeUnknownResult(MessageStop)],
  ["error", Schema.decodeUnknownResult(ErrorEvent)]
])

const decodeType = Schema.decodeUnknownResult(Schema.Struct({ type: Schema.String }))
const parse = (data: string) => Result.try((): unknown => JSON.parse(data))

/** One event's `data`; `undefined` when its type means nothing to us, a sentence when it is not what it says. */
export const decodeEvent = (data: string): Result.Result<AnthropicEvent | undefined, string> => {
  const json = parse(data)
  if (Result.isFailure(json)) return Result.fail("an event of the answer is not JSON")
  const head = decodeType(json.success)
  if (Result.isFailure(head)) return Result.fail("an event of the answer has no type")
  const decode = decoders.get(head.success.type)
  if (decode === undefined) return Result.succeed(undefined)
  return Result.mapError(
    decode(json.success),
    (error) => `the event ${head.success.type} is malformed: ${error.message}`
  )
}
