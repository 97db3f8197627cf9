/**
 * A provider in a tenant's file: where it is, with which key, and how hard it may be used.
 *
 * `kind` decides which fields there are. A key may be empty in the file; it is asked for when an agent's model
 * needs it.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { Address, choice, count, noSecret, otherwise, Secret, section, Text, Time, TimeLimit } from "./Fields.ts"

/** The most the provider's key allows; what is absent is not limited. */
const RateConfig = Schema.Struct({
  requestsPerMinute: Schema.optionalKey(count(1)),
  inputTokensPerMinute: Schema.optionalKey(count(1)),
  outputTokensPerMinute: Schema.optionalKey(count(1)),
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

const remote = (baseUrl: string) => ({
  apiKey: Secret,
  /** Where the API is. */
  baseUrl: Address.pipe(otherwise(new URL(baseUrl))),
  limits: section(RateConfig),
  retry: section(RetryConfig),
  timeouts: section(TimeoutsConfig),
  /** Models to offer in lists; any other may be used all the same. */
  models: Schema.optionalKey(Schema.Array(Text))
})

/** The Anthropic Messages API. */
const AnthropicConfig = Schema.Struct({ kind: Schema.tag("anthropic"), ...remote("https://api.anthropic.com") })

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
