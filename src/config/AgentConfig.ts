/**
 * An agent: a file `tenants/<tenant>/agents/<agent>.yaml`.
 *
 * Only `model` and `instructions` are required. An agent has the tools its file names and no others.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { choice, count, field, otherwise, section, Share, Text, Time } from "./Fields.ts"

const reference = /^[^\s/]+\/\S+$/

/** A model as `provider/model`; the model's own name may hold further slashes. */
const ModelName = field(
  { expected: "a model as provider/model" },
  Schema.String.check(Schema.isPattern(reference)).pipe(
    Schema.decodeTo(
      Schema.Struct({
        /** The provider's name in the tenant's file. */
        provider: Schema.String.check(Schema.isPattern(/^[^\s/]+$/)),
        /** The model's name as the provider knows it. */
        name: Schema.String.check(Schema.isPattern(/^\S+$/))
      }),
      SchemaTransformation.transform({
        decode: (text) => ({ provider: text.slice(0, text.indexOf("/")), name: text.slice(text.indexOf("/") + 1) }),
        encode: ({ name, provider }) => `${provider}/${name}`
      })
    )
  )
)

const ApprovalsConfig = Schema.Struct({
  /** What happens to a dangerous tool call: a person is asked, or it runs, or it does not. */
  dangerous: choice(["ask", "allow", "deny"]).pipe(otherwise("ask")),
  /** How long a request for approval waits for a person. */
  patience: Time.pipe(otherwise(Duration.minutes(10)))
})

/** Whether the model thinks before it answers; as it does by itself if not given. */
const ThinkingConfig = Schema.Union([
  Schema.Literals(["adaptive", "off"]),
  Schema.Struct({ budget: count(1024) })
]).annotate({
  expected: "adaptive, off, or { budget: TOKENS } with 1024 tokens or more",
  choices: ["adaptive", "off"]
})

/** A tool that the provider runs itself, in the provider's own words. */
const ProviderTool = field(
  { expected: "a mapping with a type, such as { type: web_search_20260318, name: web_search }" },
  Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [Schema.Record(Schema.String, Schema.Json)])
)

/** What is taken for a model's window if neither the file nor its provider says. */
export const defaultWindow = 200_000

const ContextConfig = Schema.Struct({
  /** Tokens the model can take in, its reply included; as its provider says if not given, else 200,000. */
  window: Schema.optionalKey(count(1)),
  /** The share of the window at which the session is compacted; earlier where a reply of `maxTokens` would not fit. */
  compactAt: Share.pipe(otherwise(0.8)),
  /** Turns at the end that compaction leaves alone as long as they fit. */
  keepTurns: count(0).pipe(otherwise(4))
})

export const AgentConfig = Schema.Struct({
  model: ModelName,
  /** Models to try, in order, when `model` cannot answer. */
  fallbacks: Schema.Array(ModelName).pipe(otherwise([])),
  /** What the model is told before every conversation. */
  instructions: Text,
  /** The most tokens of one reply; fewer than `context.window`. */
  maxTokens: count(1).pipe(otherwise(4096)),
  /** How hard the model tries, where it lets itself be told. */
  effort: Schema.optionalKey(choice(["low", "medium", "high", "xhigh", "max"])),
  thinking: Schema.optionalKey(ThinkingConfig),
  providerTools: Schema.Array(ProviderTool).pipe(otherwise([])),
  /** Names of the tools it may use. */
  tools: Schema.Array(Text).pipe(otherwise([])),
  approvals: section(ApprovalsConfig),
  context: section(ContextConfig),
  /** A message during a turn: joins at the next step, waits for its own turn, or cancels the running one. */
  midTurn: choice(["steer", "queue", "interrupt"]).pipe(otherwise("steer")),
  /** The most steps of one turn. */
  maxSteps: count(1).pipe(otherwise(50))
})
export type AgentConfig = typeof AgentConfig.Type
