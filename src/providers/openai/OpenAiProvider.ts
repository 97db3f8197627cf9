/**
 * Any model behind OpenAI's chat completions: OpenAI itself, OpenRouter, Ollama, vLLM, llama.cpp.
 *
 * The official client builds, authenticates and sends the request; the raw body it returns is read here. The client is
 * loaded with the first call, because it is large, and gets what the tenant's file says and nothing else: no key, address
 * or header comes from the environment. It retries nothing; we do.
 */
import type { OpenAI } from "openai"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { calling, wholeOf } from "../ClientCall.ts"
import { unasked } from "../ClientHeaders.ts"
import { compose } from "../Composition.ts"
import type { ServerEvent } from "../EventParser.ts"
import { answer, type EventPull, type Head, type PartPull } from "../HttpAnswer.ts"
import * as HttpFailure from "../HttpFailure.ts"
import { remembered } from "../ModelLimits.ts"
import { defaults, type Timeouts } from "../Patience.ts"
import { Provider, type ProviderPart, type ProviderRequest } from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import type { RemoteOptions } from "../RemoteOptions.ts"
import * as OpenAiErrors from "./OpenAiErrors.ts"
import { isDone } from "./OpenAiEvent.ts"
import { limitsOf } from "./OpenAiLimits.ts"
import { limitsAmong, limitsIn } from "./OpenAiModels.ts"
import * as Reply from "./OpenAiReplyCodec.ts"
import { dialectOf, isOpenAi, type MaxTokensField, toParams } from "./OpenAiRequestCodec.ts"

/**
 * `baseUrl` is with its version: `https://api.openai.com/v1`. With an empty key no header is sent for it, as servers of
 * one's own may want.
 */
export interface OpenAiOptions extends RemoteOptions {
  /** If not given, the one that `dialectOf` finds for the address. */
  readonly maxTokensField?: MaxTokensField
}

export const layer = (options: OpenAiOptions): Layer.Layer<Provider> => Layer.effect(Provider, make(options))

/** Fit for use by its one key. */
export const make = (options: OpenAiOptions): Effect.Effect<Provider["Service"]> =>
  Effect.map(bare(options), (provider) =>
    compose(provider, { ...options, timeouts: { ...defaults, ...options.timeouts } })
  )

/** As it is, with nothing put around it. */
export const bare = Effect.fnUntraced(function* (options: OpenAiOptions): Effect.fn.Return<Provider["Service"]> {
  const client = yield* Effect.cached(load(options))
  const timeouts = { ...defaults, ...options.timeouts }
  return Provider.of({
    name: options.name,
    models: options.models ?? [],
    continues: false,
    ...(yield* limits(options, client)),
    stream: (request) =>
      Stream.withSpan(ask(options, timeouts, client, request), "OpenAiProvider.stream", {
        kind: "client",
        attributes: {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "openai",
          "gen_ai.request.model": request.model,
          "gen_ai.request.max_tokens": request.maxTokens
        }
      })
  })
})

const load = (options: OpenAiOptions): Effect.Effect<OpenAI, ProviderError> =>
  Effect.tryPromise({
    try: () => import("openai").then((module) => connect(module, options)),
    catch: (cause) =>
      HttpFailure.make(contextOf(options), { reason: "unknown", detail: `the client did not load: ${cause}` })
  })

/** Null where the client would otherwise look into the environment. */
const connect = (module: typeof import("openai"), options: OpenAiOptions): OpenAI => {
  const key = Redacted.value(options.apiKey).trim()
  return new module.OpenAI({
    // It refuses to be made without a key, but a header set to null is never sent.
    apiKey: key === "" ? "none" : key,
    defaultHeaders: { ...unasked("OPENAI_CUSTOM_HEADERS"), Authorization: key === "" ? null : `Bearer ${key}` },
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: options.baseUrl,
    maxRetries: 0,
    logLevel: "off"
  })
}

const ask = (
  options: OpenAiOptions,
  timeouts: Timeouts,
  client: Effect.Effect<OpenAI, ProviderError>,
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
    idHeader: "x-request-id",
    onHead: (headers, now) => request.onLimits?.(limitsOf(headers), now),
    isLast: (event) => isDone(event.data),
    read: (head, events) => Effect.map(seed, (seed) => reply(options, head, Reply.initial(seed), events))
  })

/** Tells the tool calls of one reply from those of another where the server gives them no ids. */
const seed = Effect.map(Random.next, (chance) => chance.toString(36).slice(2, 12))

/** A key with odd characters would end up in an error of `fetch`. */
const checkKey = (options: OpenAiOptions): Effect.Effect<void, ProviderError> => {
  if (/^[\x21-\x7e]*$/.test(Redacted.value(options.apiKey).trim())) return Effect.void
  const detail = `the API key holds characters that no key has; check apiKey of the provider ${options.name}`
  return HttpFailure.make(contextOf(options), { reason: "authentication", detail })
}

const send = (options: OpenAiOptions, client: OpenAI, request: ProviderRequest) => {
  const { maxTokensField, ...dialect } = dialectOf(options.baseUrl)
  const told = { ...dialect, maxTokensField: options.maxTokensField ?? maxTokensField }
  return Effect.flatMap(wholeOf(request), (whole) =>
    calling(
      (signal) => client.chat.completions.create(toParams(whole, told), { signal }).asResponse(),
      explain(options),
      (headers, now) => request.onLimits?.(limitsOf(headers), now)
    )
  )
}

const explain = (options: OpenAiOptions) => (now: number, thrown: unknown) =>
  OpenAiErrors.fromFailure(contextOf(options), now, thrown)

/** All models are told at once; OpenAI itself is not asked, as it tells no limits of any. */
const limits = Effect.fnUntraced(function* (options: OpenAiOptions, client: Effect.Effect<OpenAI, ProviderError>) {
  if (isOpenAi(options.baseUrl)) return {}
  const ask = Effect.fn("OpenAiProvider.limitsOf")(function* () {
    yield* checkKey(options)
    const { models } = yield* client
    return limitsIn(yield* calling((signal) => models.list({ signal }), explain(options)))
  })
  const told = yield* remembered(options.name, limitsIn([]), ask)
  return { limitsOf: (model: string) => Effect.map(told("all"), (models) => limitsAmong(models, model)) }
})

/** Whole events in, parts out; what was read before the answer broke is handed on before the error is. */
const reply = (options: OpenAiOptions, head: () => Head, initial: Reply.ReplyState, pull: EventPull): PartPull => {
  let state = initial
  let broken: Reply.Break | undefined
  let over = false
  const events = Effect.catch(pull, (fault) =>
    Cause.isDone(fault) || Reply.isWhole(state) ? Effect.succeed(undefined) : Effect.fail(fault)
  )
  const next: PartPull = Effect.suspend(() => {
    if (broken !== undefined) return failed(options, head(), state, broken)
    if (over) return Cause.done()
    return Effect.flatMap(events, (arrived) => {
      over = arrived === undefined
      const reading = arrived === undefined ? Reply.end(state) : Reply.read(state, Arr.map(arrived, dataOf))
      state = reading.state
      broken = reading.broken
      return Arr.isReadonlyArrayNonEmpty(reading.parts) ? Effect.succeed(reading.parts) : next
    })
  })
  return next
}

const dataOf = (event: ServerEvent): string => event.data

const failed = (
  options: OpenAiOptions,
  { contentType, requestId }: Head,
  state: Reply.ReplyState,
  broken: Reply.Break
): ProviderError => {
  const context = contextOf(options)
  if ("error" in broken) return OpenAiErrors.fromErrorEvent(context, broken.error, requestId)
  const id = requestId === null ? undefined : { requestId }
  if (broken.reason !== "stream_cut" || state.begun || contentType?.startsWith("text/event-stream")) {
    return HttpFailure.make(context, { ...broken, ...id })
  }
  const detail = `the answer is ${contentType ?? "of no known type"} and not an event stream; check baseUrl`
  return HttpFailure.make(context, { reason: "invalid_response", detail, ...id })
}

const contextOf = ({ apiKey, name }: OpenAiOptions): HttpFailure.ErrorContext => ({ provider: name, apiKey })
