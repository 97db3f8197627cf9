/**
 * A provider in a tenant's file: where it is, with which key, and how hard it may be used.
 *
 * `kind` decides which fields there are. A key may be empty in the file; it is asked for when an agent's model
 * needs it.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import {
  Address,
  choice,
  count,
  Dollars,
  Flag,
  noSecret,
  otherwise,
  Secret,
  section,
  Text,
  Time,
  TimeLimit
} from "./Fields.ts"

const rates = {
  requestsPerMinute: Schema.optionalKey(count(1)),
  inputTokensPerMinute: Schema.optionalKey(count(1)),
  outputTokensPerMinute: Schema.optionalKey(count(1))
}

/** The most each of the provider's keys allows; what is absent is not limited. */
const RateConfig = Schema.Struct({
  ...rates,
  /** Models that have limits to themselves, as vendors count by kind of model; all others share the above. */
  perModel: section(Schema.Record(Schema.String, Schema.Struct(rates))),
  /** How long a call waits for room before it is given up. */
  patience: TimeLimit.pipe(otherwise(Duration.minutes(5)))
})

/** How a failed call is repeated: at most `attempts` calls in all, `base` apart at first, never more than `cap`. */
const RetryConfig = Schema.Struct({
  attempts: count(1).pipe(otherwise(5)),
  base: Time.pipe(otherwise(Duration.millis(500))),
  cap: Time.pipe(otherwise(Duration.seconds(30)))
})

/** How long a call is waited for before it is given up; nothing is repeated once a reply has said something. */
const TimeoutsConfig = Schema.Struct({
  /** Until the first byte of an answer. */
  firstByte: TimeLimit.pipe(otherwise(Duration.minutes(2))),
  /** Without any byte of an answer that has begun. */
  idle: TimeLimit.pipe(otherwise(Duration.minutes(1))),
  /** Without any content, even if the connection shows signs of life. */
  content: TimeLimit.pipe(otherwise(Duration.minutes(3))),
  /** For a call as a whole, with everything that is tried again. */
  call: TimeLimit.pipe(otherwise(Duration.minutes(15)))
})

/** When one of a provider's keys is left alone with a model that keeps failing, and for how long. */
const BreakerConfig = Schema.Struct({
  /** So many calls in a row that say the model is not well. */
  failures: count(1).pipe(otherwise(5)),
  /** How long nobody asks then, at first; it doubles each time that asking again was in vain. */
  open: TimeLimit.pipe(otherwise(Duration.seconds(10))),
  /** The longest that nobody asks. */
  cap: TimeLimit.pipe(otherwise(Duration.minutes(2)))
})

/** In US dollars for a million tokens; what reading from and writing to a cache costs follows from `input` if not given. */
const PriceConfig = Schema.Struct({
  input: Dollars,
  output: Dollars,
  cacheRead: Schema.optionalKey(Dollars),
  cacheWrite: Schema.optionalKey(Dollars),
  cacheWriteHour: Schema.optionalKey(Dollars)
})

const remote = (baseUrl: string) => ({
  apiKey: Secret,
  /** Further keys of the same provider: together they are a pool, each with the same limits of its own. */
  moreKeys: Schema.Array(Secret).pipe(otherwise([])),
  /** Where the API is. */
  baseUrl: Address.pipe(otherwise(new URL(baseUrl))),
  limits: section(RateConfig),
  retry: section(RetryConfig),
  timeouts: section(TimeoutsConfig),
  breaker: section(BreakerConfig),
  /** By the model's name; they go before the ones that are known without. */
  prices: section(Schema.Record(Schema.String, PriceConfig)),
  /** Models to offer in lists; any other may be used all the same. */
  models: Schema.optionalKey(Schema.Array(Text))
})

/** The Anthropic Messages API. */
const AnthropicConfig = Schema.Struct({
  kind: Schema.tag("anthropic"),
  ...remote("https://api.anthropic.com"),
  /** How long the vendor keeps the beginning of a conversation, so that the next step costs less. */
  caching: choice(["5 minutes", "1 hour", "off"]).pipe(otherwise("5 minutes")),
  /** Whether the vendor is asked why its cache was of no use; the answer goes into the log. */
  cacheDiagnosis: Flag.pipe(otherwise(false))
})

/** OpenAI, or whatever speaks its chat completions; servers of one's own may want no key. */
const OpenAiConfig = Schema.Struct({
  kind: Schema.tag("openai"),
  ...remote("https://api.openai.com/v1"),
  apiKey: Secret.pipe(otherwise(noSecret)),
  /** How the server is told the most tokens of a reply; by default as its address suggests. */
  maxTokensField: Schema.optionalKey(choice(["max_tokens", "max_completion_tokens"]))
})

/** The demo: no key, no network. */
const ScriptedConfig = Schema.Struct({ kind: Schema.tag("scripted") })

export const ProviderConfig = Schema.Union([AnthropicConfig, OpenAiConfig, ScriptedConfig])
export type ProviderConfig = typeof ProviderConfig.Type
