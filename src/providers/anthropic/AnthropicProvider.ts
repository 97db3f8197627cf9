/**
 * Claude, through Anthropic's Messages API.
 *
 * The official client builds, authenticates and sends the request; the raw body it returns is read here. The
 * client is loaded with the first call, because it is slow to load, and gets the tenant's key and nothing else:
 * it never looks for one in the environment or on disk. It retries nothing and traces nothing; we do.
 */
import type { Anthropic } from "@anthropic-ai/sdk"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Pull from "effect/Pull"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Sse } from "effect/encoding"
import { eventStream } from "../EventStream.ts"
import { Provider, type ProviderPart, type ProviderRequest } from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import { type RetryPolicy, withRetry } from "../Retry.ts"
import * as AnthropicErrors from "./AnthropicErrors.ts"
import type { ErrorBody } from "./AnthropicEvent.ts"
import * as Reply from "./AnthropicReplyCodec.ts"
import { toParams } from "./AnthropicRequestCodec.ts"

export interface AnthropicOptions {
  /** The provider's name in the tenant's file. */
  readonly name: string
  /** Sent as `Authorization: Bearer`: that is how version 1.12.0 of the client sends an `apiKey`. */
  readonly apiKey: Redacted.Redacted
  /** Where the API is, without `/v1`. */
  readonly baseUrl: string
  readonly models?: ReadonlyArray<string>
  readonly retry: RetryPolicy
  /** How long an answer may be silent once it has begun; 60 seconds if not given. Any byte ends the silence, a ping too. */
  readonly idleTimeout?: Duration.Duration
  /** How long to wait for the first byte of an answer; 120 seconds if not given. */
  readonly firstByteTimeout?: Duration.Duration
}

export const layer = (options: AnthropicOptions): Layer.Layer<Provider> => Layer.effect(Provider, make(options))

export const make = Effect.fnUntraced(function* (options: AnthropicOptions): Effect.fn.Return<Provider["Service"]> {
  const client = yield* Effect.cached(load(options))
  const provider = Provider.of({
    name: options.name,
    models: options.models ?? [],
    stream: (request) =>
      Stream.withSpan(ask(options, client, request), "AnthropicProvider.stream", {
        kind: "client",
        attributes: {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "anthropic",
          "gen_ai.request.model": request.model,
          "gen_ai.request.max_tokens": request.maxTokens
        }
      })
  })
  return withRetry(provider, options.retry)
})

const load = (options: AnthropicOptions): Effect.Effect<Anthropic, ProviderError> =>
  Effect.tryPromise({
    try: () => import("@anthropic-ai/sdk"),
    catch: (cause) =>
      AnthropicErrors.make(contextOf(options), { reason: "unknown", detail: `the client did not load: ${cause}` })
  }).pipe(
    Effect.map(
      ({ Anthropic }) =>
        new Anthropic({
          apiKey: Redacted.value(options.apiKey).trim(),
          authToken: null,
          baseURL: options.baseUrl,
          maxRetries: 0,
          openTelemetry: false,
          logLevel: "off"
        })
    )
  )

/** What the head of an answer says. */
interface Head {
  readonly requestId: string | null
  readonly contentType: string | null
}

/** One call, from the request to the last part. Every run of the stream is a call of its own. */
const ask = (
  options: AnthropicOptions,
  client: Effect.Effect<Anthropic, ProviderError>,
  request: ProviderRequest
): Stream.Stream<ProviderPart, ProviderError> =>
  Stream.suspend(() => {
    let head: Head = { requestId: null, contentType: null }
    const open = Effect.gen(function* () {
      const response = yield* send(options, yield* client, request)
      head = { requestId: response.headers.get("request-id"), contentType: response.headers.get("content-type") }
      if (response.body !== null) return response.body
      return yield* AnthropicErrors.make(contextOf(options), {
        reason: "invalid_response",
        detail: "the answer has no body"
      })
    })
    const events = eventStream({
      open: Effect.andThen(checkKey(options), open),
      firstByte: options.firstByteTimeout ?? Duration.seconds(120),
      idle: options.idleTimeout ?? Duration.seconds(60),
      onFault: (fault) => AnthropicErrors.fromBodyFault(contextOf(options), fault, head.requestId),
      isLast: (event) => event.event === "message_stop" || event.event === "error"
    })
    return Stream.transformPull(events, (pull) => Effect.sync(() => reply(options, () => head, pull)))
  })

/** The API would answer an unset key with a riddle; one with odd characters would end up in an error of `fetch`. */
const checkKey = (options: AnthropicOptions): Effect.Effect<void, ProviderError> => {
  const key = Redacted.value(options.apiKey).trim()
  if (/^[\x21-\x7e]+$/.test(key)) return Effect.void
  const what = key === "" ? "no API key is set" : "the API key holds characters that no key has"
  const detail = `${what}; check apiKey of the provider ${options.name}`
  return AnthropicErrors.make(contextOf(options), { reason: "authentication", detail })
}

const send = Effect.fnUntraced(function* (options: AnthropicOptions, client: Anthropic, request: ProviderRequest) {
  const sending = Effect.tryPromise({
    try: (signal) => client.messages.create(toParams(request), { signal }).asResponse(),
    catch: (thrown) => ({ thrown })
  })
  return yield* Effect.catch(sending, ({ thrown }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => AnthropicErrors.fromFailure(contextOf(options), now, thrown))
  )
})

type EventPull = Pull.Pull<Arr.NonEmptyReadonlyArray<Sse.Event>, ProviderError>
type PartPull = Pull.Pull<Arr.NonEmptyReadonlyArray<ProviderPart>, ProviderError>

/** Whole events in, parts out; what was read before the answer broke is handed on before the error is. */
const reply = (options: AnthropicOptions, head: () => Head, pull: EventPull): PartPull => {
  let state = Reply.initial
  let broken: Reply.Reading["broken"]
  const next: PartPull = Effect.suspend(() => {
    if (broken !== undefined) return failed(options, head(), broken)
    return Effect.flatMap(pull, (events) => {
      const reading = Reply.read(
        state,
        Arr.map(events, (event) => event.data)
      )
      state = reading.state
      broken = reading.broken
      return Arr.isReadonlyArrayNonEmpty(reading.parts) ? Effect.succeed(reading.parts) : next
    })
  })
  return Pull.catchDone(next, (): PartPull => (state.finished ? Cause.done() : cutOff(options, head(), state)))
}

const failed = (options: AnthropicOptions, { requestId }: Head, broken: ErrorBody | string): ProviderError =>
  typeof broken === "string"
    ? AnthropicErrors.make(contextOf(options), { reason: "invalid_response", detail: broken, ...idOf(requestId) })
    : AnthropicErrors.fromErrorEvent(contextOf(options), broken, requestId)

const cutOff = (
  options: AnthropicOptions,
  { contentType, requestId }: Head,
  state: Reply.ReplyState
): ProviderError => {
  const isStream = contentType?.startsWith("text/event-stream") ?? false
  const wrong = state === Reply.initial && !isStream
  return AnthropicErrors.make(contextOf(options), {
    reason: wrong ? "invalid_response" : "stream_cut",
    detail: wrong
      ? `the answer is ${contentType ?? "of no known type"} and not an event stream; check baseUrl`
      : "the answer ended before it was complete",
    ...idOf(requestId)
  })
}

const idOf = (requestId: string | null) => (requestId === null ? undefined : { requestId })

const contextOf = ({ apiKey, name }: AnthropicOptions): AnthropicErrors.ErrorContext => ({ provider: name, apiKey })
