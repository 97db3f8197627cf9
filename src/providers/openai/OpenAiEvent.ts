/**
 * The chunks of a streamed chat completion, as far as they mean anything to us.
 *
 * Many servers speak this language and each leaves something out, so decoding is lenient: what is absent is absent,
 * null or empty, and unknown fields are passed over. What we act on is checked.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** Token counts. OpenRouter tells cache writes too; DeepSeek has a name of its own for cache reads. */
const Usage = Schema.Struct({
  prompt_tokens: nullable(Schema.Int),
  completion_tokens: nullable(Schema.Int),
  prompt_tokens_details: nullable(
    Schema.Struct({ cached_tokens: nullable(Schema.Int), cache_write_tokens: nullable(Schema.Int) })
  ),
  prompt_cache_hit_tokens: nullable(Schema.Int),
  completion_tokens_details: nullable(Schema.Struct({ reasoning_tokens: nullable(Schema.Int) }))
})
export type Usage = typeof Usage.Type

/** A piece of a tool call; arguments are text in pieces, but some servers send the finished object. */
const ToolDelta = Schema.Struct({
  index: nullable(Schema.Number),
  id: nullable(Schema.String),
  function: nullable(Schema.Struct({ name: nullable(Schema.String), arguments: Schema.optional(Schema.Unknown) }))
})
export type ToolDelta = typeof ToolDelta.Type

/** Thinking has no field in OpenAI's own API: DeepSeek and llama.cpp named one, OpenRouter and Ollama the other. */
const Delta = Schema.Struct({
  content: nullable(Schema.String),
  reasoning_content: nullable(Schema.String),
  reasoning: nullable(Schema.String),
  refusal: nullable(Schema.String),
  tool_calls: nullable(Schema.Array(ToolDelta))
})
export type Delta = typeof Delta.Type

const Choice = Schema.Struct({
  index: nullable(Schema.Number),
  delta: nullable(Delta),
  finish_reason: nullable(Schema.String),
  content_filter_results: Schema.optional(Schema.Unknown)
})

const Chunk = Schema.Struct({
  id: nullable(Schema.String),
  model: nullable(Schema.String),
  choices: nullable(Schema.Array(Choice)),
  usage: Schema.optional(Schema.Unknown),
  object: Schema.optional(Schema.Unknown),
  error: Schema.optional(Schema.Unknown)
})

export type OpenAiEvent =
  | { readonly type: "done" }
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "chunk"; readonly chunk: typeof Chunk.Type; readonly usage: Usage | undefined }

const decodeFilters = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))
const isFiltering = Schema.is(Schema.Struct({ filtered: Schema.Literal(true) }))

/** What Azure's filter found: the names of the categories on whose account it took the answer back. */
export const filteredIn = (results: unknown): ReadonlyArray<string> =>
  results == null
    ? []
    : Object.entries(Option.getOrElse(decodeFilters(results), () => ({}))).flatMap(([category, result]) =>
        isFiltering(result) ? [category] : []
      )

/** The `data` of the last event; it is no JSON. */
export const isDone = (data: string): boolean => data.trim() === "[DONE]"

const parse = (data: string) => Result.try((): unknown => JSON.parse(data))
const decodeChunk = Schema.decodeUnknownResult(Chunk)
const decodeUsage = Schema.decodeUnknownOption(Usage)

/** One event's `data`; a sentence when it is not what it should be. */
export const decodeEvent = (data: string): Result.Result<OpenAiEvent, string> => {
  if (isDone(data)) return Result.succeed({ type: "done" })
  const json = parse(data)
  if (Result.isFailure(json)) return Result.fail("an event of the answer is not JSON")
  const chunk = decodeChunk(json.success)
  if (Result.isFailure(chunk)) return Result.fail(`an event of the answer is malformed: ${chunk.failure.message}`)
  const { error, object, usage } = chunk.success
  if (error != null) return Result.succeed({ type: "error", error })
  if (object === "error") return Result.succeed({ type: "error", error: json.success })
  const counted = usage == null ? undefined : Option.getOrUndefined(decodeUsage(usage))
  return Result.succeed({ type: "chunk", chunk: chunk.success, usage: counted })
}

/** What a server says went wrong, in an error's HTTP body or in the middle of an answer. */
export interface Said {
  readonly message?: string | undefined
  readonly type?: string | undefined
  readonly code?: string | number | undefined
}

const ErrorBody = Schema.Struct({
  message: nullable(Schema.String),
  detail: Schema.optional(Schema.Unknown),
  type: nullable(Schema.String),
  code: nullable(Schema.Union([Schema.String, Schema.Number])),
  metadata: nullable(Schema.Struct({ raw: Schema.optional(Schema.Unknown) }))
})
const decodeError = Schema.decodeUnknownOption(ErrorBody)

const asText = (value: unknown): string | undefined =>
  value == null || value === "" ? undefined : typeof value === "string" ? value : JSON.stringify(value)

/** Ollama's older endpoints send a bare text, FastAPI a `detail`, OpenRouter what its upstream said in `metadata.raw`. */
export const readError = (error: unknown): Said => {
  const body = typeof error === "string" ? undefined : Option.getOrUndefined(decodeError(error))
  if (body === undefined) return { message: asText(error) }
  const said = [body.message ?? undefined, asText(body.detail), asText(body.metadata?.raw)]
  const message = said.filter((text) => text !== undefined && text !== "").join(": ")
  return { message: message || asText(error), type: body.type ?? undefined, code: body.code ?? undefined }
}
