/**
 * The events of a streamed Messages API answer, as far as they mean anything to us.
 *
 * Decoding is lenient on purpose: recorded answers lack fields that the vendor's own types call required, and
 * new ones appear without notice. What we act on is checked; event types nobody has told us of are passed over.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** Token counts; in a `message_delta` they are cumulative, and what is missing is as it was. */
export const Usage = Schema.Struct({
  input_tokens: nullable(Schema.Int),
  cache_creation_input_tokens: nullable(Schema.Int),
  cache_read_input_tokens: nullable(Schema.Int),
  cache_creation: nullable(Schema.Struct({ ephemeral_1h_input_tokens: nullable(Schema.Int) })),
  output_tokens: nullable(Schema.Int),
  output_tokens_details: nullable(Schema.Struct({ thinking_tokens: nullable(Schema.Int) })),
  server_tool_use: nullable(
    Schema.Struct({ web_search_requests: nullable(Schema.Int), web_fetch_requests: nullable(Schema.Int) })
  ),
  service_tier: nullable(Schema.String)
})
export type Usage = typeof Usage.Type

/** Why the prompt cache was of no use; some reasons come with the number of tokens it would have saved. */
const CacheMiss = Schema.Struct({ type: Schema.String, cache_missed_input_tokens: nullable(Schema.Int) })
export type CacheMiss = typeof CacheMiss.Type

const MessageStart = Schema.Struct({
  type: Schema.Literal("message_start"),
  message: Schema.Struct({
    id: nullable(Schema.String),
    model: nullable(Schema.String),
    usage: nullable(Usage),
    diagnostics: nullable(Schema.Struct({ cache_miss_reason: nullable(CacheMiss) }))
  })
})

const isNamed = (block: Schema.JsonObject) =>
  block["type"] !== "tool_use" || (typeof block["id"] === "string" && typeof block["name"] === "string")

/** Whole, as a block may have to go back as it came. */
const ContentBlock = Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [
  Schema.Record(Schema.String, Schema.Json)
]).check(Schema.makeFilter(isNamed, { expected: "a tool_use block with an id and a name" }))
export type ContentBlock = typeof ContentBlock.Type

const ContentBlockStart = Schema.Struct({
  type: Schema.Literal("content_block_start"),
  index: Schema.Int,
  content_block: ContentBlock
})

const ContentBlockDelta = Schema.Struct({
  type: Schema.Literal("content_block_delta"),
  index: Schema.Number,
  delta: Schema.Struct({
    type: Schema.String,
    text: Schema.optionalKey(Schema.String),
    thinking: Schema.optionalKey(Schema.String),
    signature: Schema.optionalKey(Schema.String),
    partial_json: Schema.optionalKey(Schema.String),
    citation: Schema.optionalKey(Schema.Json)
  })
})
type ContentBlockDelta = typeof ContentBlockDelta.Type
export type ContentDelta = ContentBlockDelta["delta"]

const ContentBlockStop = Schema.Struct({ type: Schema.Literal("content_block_stop"), index: Schema.Int })

const MessageDelta = Schema.Struct({
  type: Schema.Literal("message_delta"),
  delta: Schema.Struct({
    stop_reason: nullable(Schema.String),
    stop_details: nullable(Schema.Struct({ category: nullable(Schema.String), explanation: nullable(Schema.String) })),
    container: nullable(Schema.Struct({ id: nullable(Schema.String) }))
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
  | ContentBlockDelta
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

/** Nearly every event is one of these, and to say so by its Schema takes longer than all the rest of reading it. */
const isPlainDelta = (event: { readonly type: unknown }): event is ContentBlockDelta => {
  if (event.type !== "content_block_delta" || !("index" in event && "delta" in event)) return false
  const { delta, index } = event
  if (typeof index !== "number" || !Predicate.isObject(delta)) return false
  switch (delta["type"]) {
    case "text_delta":
      return typeof delta["text"] === "string"
    case "thinking_delta":
      return typeof delta["thinking"] === "string"
    case "input_json_delta":
      return typeof delta["partial_json"] === "string"
    default:
      return false
  }
}

const deltas = new Set(["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"])

/** A delta that nobody has told us of may hold anything. */
const isUnknownDelta = (event: object): boolean => {
  const delta = "delta" in event ? event.delta : undefined
  return Predicate.hasProperty(delta, "type") && Predicate.isString(delta.type) && !deltas.has(delta.type)
}

/** Such an event as the API writes it, where nothing in its text is escaped: no control character, quote or backslash. */
const plainText =
  /^\{"type":"content_block_delta","index":(\d{1,9}),"delta":\{"type":"(text|thinking)_delta","\2":"([ !#-[\]-\uffff]*)"\} *\} *$/

/** What `JSON.parse` would make of it, in less than half the time; parsing takes longer than all else that is done here. */
const plainDelta = (data: string): ContentBlockDelta | undefined => {
  const [, index, kind, text = ""] = plainText.exec(data) ?? []
  // JSON knows no number with a leading zero.
  if (index === undefined || (index.length > 1 && index.startsWith("0"))) return undefined
  const delta = kind === "text" ? { type: "text_delta", text } : { type: "thinking_delta", thinking: text }
  return { type: "content_block_delta", index: Number(index), delta }
}

const parse = (data: string) => Result.try((): unknown => JSON.parse(data))

/** One event's `data`; `undefined` when its type means nothing to us, a sentence when it is not what it says. */
export const decodeEvent = (data: string): Result.Result<AnthropicEvent | undefined, string> => {
  const plain = plainDelta(data)
  if (plain !== undefined) return Result.succeed(plain)
  const json = parse(data)
  if (Result.isFailure(json)) return Result.fail("an event of the answer is not JSON")
  const event = json.success
  if (!Predicate.hasProperty(event, "type") || !Predicate.isString(event.type)) {
    return Result.fail("an event of the answer has no type")
  }
  if (isPlainDelta(event)) return Result.succeed(event)
  const { type } = event
  const decode = decoders.get(type)
  if (decode === undefined || (type === "content_block_delta" && isUnknownDelta(event)))
    return Result.succeed(undefined)
  return Result.mapError(decode(event), (error) => `the event ${type} is malformed: ${error.message}`)
}
