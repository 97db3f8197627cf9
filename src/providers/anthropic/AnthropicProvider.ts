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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Pull from "effect/Pull"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { calling, wholeOf } from "../ClientCall.ts"
import { unasked } from "../ClientHeaders.ts"
import { answer, type EventPull, type Head, type PartPull } from "../HttpAnswer.ts"
import * as HttpFailure from "../HttpFailure.ts"
import { Provider, type ProviderPart, type ProviderRequest } from "../Provider.ts"
import { compose } from "../Composition.ts"
import { remembered } from "../ModelLimits.ts"
import { defaults, type Timeouts } from "../Patience.ts"
import { isTransient, type ProviderError } from "../ProviderError.ts"
import type { RemoteOptions } from "../RemoteOptions.ts"
import * as AnthropicErrors from "./AnthropicErrors.ts"
import type { CacheMiss } from "./AnthropicEvent.ts"
import { limitsOf } from "./AnthropicLimits.ts"
import { limitsIn } from "./AnthropicModels.ts"
import * as Reply from "./AnthropicReplyCodec.ts"
import { type RequestOptions, toCountParams, toParams } from "./AnthropicRequestCodec.ts"

/**
 * `baseUrl` is without `/v1`. That the key is sent as `Authorization: Bearer` is how version 1.12.0 of the client sends an
 * `apiKey`.
 */
export interface AnthropicOptions extends RemoteOptions, RequestOptions {}

export const layer = (options: AnthropicOptions): Layer.Layer<Provider> => Layer.effect(Provider, make(options))

/** Fit for use by its one key. */
export const make = (options: AnthropicOptions): Effect.Effect<Provider["Service"]> =>
  Effect.map(bare(options), (provider) =>
    compose(provider, { ...options, timeouts: { ...defaults, ...options.timeouts } })
  )

/** As it is, with nothing put around it. */
export const bare = Effect.fnUntraced(function* (options: AnthropicOptions): Effect.fn.Return<Provider["Service"]> {
  const client = yield* Effect.cached(load(options))
  const timeouts = { ...defaults, ...options.timeouts }
  return Provider.of({
    name: options.name,
    models: options.models ?? [],
    continues: true,
    count: (request) => count(options, client, request),
    limitsOf: yield* remembered(options.name, {}, (model) => limitsTold(options, client, model)),
    stream: (request) =>
      Stream.withSpan(ask(options, timeouts, client, request), "AnthropicProvider.stream", {
        kind: "client",
        attributes: {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "anthropic",
          "gen_ai.request.model": request.model,
          "gen_ai.request.max_tokens": request.maxTokens
        }
      })
  })
})

const load = (options: AnthropicOptions): Effect.Effect<Anthropic, ProviderError> =>
  Effect.tryPromise({
    try: () => import("@anthropic-ai/sdk").then((module) => connect(module, options)),
    catch: (cause) =>
      HttpFailure.make(contextOf(options), { reason: "unknown", detail: `the client did not load: ${cause}` })
  })

const connect = (module: typeof import("@anthropic-ai/sdk"), options: AnthropicOptions): Anthropic => {
  const apiKey = Redacted.value(options.apiKey).trim()
  return new module.Anthropic({
    apiKey,
    defaultHeaders: { ...unasked("ANTHROPIC_CUSTOM_HEADERS"), Authorization: `Bearer ${apiKey}` },
    authToken: null,
    baseURL: options.baseUrl,
    maxRetries: 0,
    openTelemetry: false,
    logLevel: "off"
  })
}

const ask = (
  options: AnthropicOptions,
  timeouts: Timeouts,
  client: Effect.Effect<Anthropic, ProviderError>,
  request: ProviderRequest
): Stream.Stream<ProviderPart, ProviderError> =>
  answer({
    context: contextOf(options),
    timeouts,
    deadline: request.deadline,
    send: Effect.andThen(
      checkKey(options),
      Effect.flatMap(client, (client) => send(options, client, request))
    ),
    idHeader: "request-id",
    onHead: (headers, now) => request.onLimits?.(limitsOf(headers), now),
    isLast: (event) => event.event === "message_stop" || event.event === "error",
    read: (head, events) => Effect.sync(() => reply(options, request, head, events))
  })

/** The API would answer an unset key with a riddle; one with odd characters would end up in an error of `fetch`. */
const checkKey = (options: AnthropicOptions): Effect.Effect<void, ProviderError> => {
  const key = Redacted.value(options.apiKey).trim()
  if (/^[\x21-\x7e]+$/.test(key)) return Effect.void
  const what = key === "" ? "no API key is set" : "the API key holds characters that no key has"
  const detail = `${what}; check apiKey of the provider ${options.name}`
  return HttpFailure.make(contextOf(options), { reason: "authentication", detail })
}

const send = (options: AnthropicOptions, client: Anthropic, request: ProviderRequest) =>
  Effect.flatMap(wholeOf(request), (whole) =>
    calling(
      (signal) => client.messages.create(toParams(whole, options), { signal }).asResponse(),
      explain(options),
      (headers, now) => request.onLimits?.(limitsOf(headers), now)
    )
  )

const explain = (options: AnthropicOptions) => (now: number, thrown: unknown) =>
  AnthropicErrors.fromFailure(contextOf(options), now, thrown)

/** How long one attempt to count may take. Whoever asks would rather guess than wait. */
const countingTime = Duration.seconds(5)

const decodeCounted = Schema.decodeUnknownEffect(Schema.Struct({ input_tokens: Schema.Int }))

/** Asks at most twice, and not at all again where the API wants to be left alone for a while. */
const count = Effect.fn("AnthropicProvider.count")(
  function* (options: AnthropicOptions, client: Effect.Effect<Anthropic, ProviderError>, request: ProviderRequest) {
    yield* checkKey(options)
    const { messages } = yield* client
    const whole = yield* wholeOf(request)
    const counted = yield* calling((signal) => messages.countTokens(toCountParams(whole), { signal }), explain(options))
    const { input_tokens } = yield* Effect.mapError(decodeCounted(counted), (error) =>
      HttpFailure.make(contextOf(options), {
        reason: "invalid_response",
        detail: `the answer is no count of tokens: ${error.message}`
      })
    )
    return input_tokens
  },
  (effect, options) =>
    Effect.timeoutOrElse(effect, {
      duration: countingTime,
      orElse: () =>
        HttpFailure.make(contextOf(options), {
          reason: "timeout",
          detail: `the tokens were not counted within ${Duration.format(countingTime)}`
        })
    }),
  Effect.retry({ times: 1, while: (error) => isTransient(error) && error.retryAfter === undefined })
)

const limitsTold = Effect.fn("AnthropicProvider.limitsOf")(function* (
  options: AnthropicOptions,
  client: Effect.Effect<Anthropic, ProviderError>,
  model: string
) {
  yield* checkKey(options)
  const { models } = yield* client
  return limitsIn(yield* calling((signal) => models.retrieve(model, {}, { signal }), explain(options)))
})

/** Whole events in, parts out; what was read before the answer broke is handed on before the error is. */
const reply = (options: AnthropicOptions, request: ProviderRequest, head: () => Head, pull: EventPull): PartPull => {
  let state = Reply.initial
  let broken: Reply.Reading["broken"]
  const next: PartPull = Effect.suspend(() => {
    if (broken !== undefined) return failed(options, head(), broken)
    return Effect.flatMap(pull, (events) => {
      const reading = Reply.read(
        state,
        Arr.map(events, (event) => event.data)
      )
      const missed = state.cacheMiss === undefined ? reading.state.cacheMiss : undefined
      state = reading.state
      broken = reading.broken
      const read = Arr.isReadonlyArrayNonEmpty(reading.parts) ? Effect.succeed(reading.parts) : next
      return missed === undefined ? read : Effect.andThen(tellMiss(options, request, missed), read)
    })
  })
  return Pull.catchDone(next, (): PartPull => (state.finished ? Cause.done() : cutOff(options, head(), state)))
}

const tellMiss = ({ name }: AnthropicOptions, { model, session }: ProviderRequest, miss: CacheMiss) =>
  Effect.logInfo("prompt cache missed").pipe(
    Effect.annotateLogs({ provider: name, model, reason: miss.type }),
    Effect.annotateLogs(miss.cache_missed_input_tokens == null ? {} : { tokens: miss.cache_missed_input_tokens }),
    Effect.annotateLogs(session === undefined ? {} : { session })
  )

const failed = (options: AnthropicOptions, { requestId }: Head, broken: Reply.Break): ProviderError =>
  "error" in broken
    ? AnthropicErrors.fromErrorEvent(contextOf(options), broken, requestId)
    : HttpFailure.make(contextOf(options), { ...broken, ...idOf(requestId) })

const cutOff = (
  options: AnthropicOptions,
  { contentType, requestId }: Head,
  state: Reply.ReplyState
): ProviderError => {
  const isStream = contentType?.startsWith("text/event-stream") ?? false
  const wrong = state === Reply.initial && !isStream
  return HttpFailure.make(contextOf(options), {
    reason: wrong ? "invalid_response" : "stream_cut",
    detail: wrong
      ? `the answer is ${contentType ?? "of no known type"} and not an event stream; check baseUrl`
      : "the answer ended before it was complete",
    ...idOf(requestId)
  })
}

const idOf = (requestId: string | null) => (requestId === null ? undefined : { requestId })

const contextOf = ({ apiKey, name }: AnthropicOptions): HttpFailure.ErrorContext => ({ provider: name, apiKey })
