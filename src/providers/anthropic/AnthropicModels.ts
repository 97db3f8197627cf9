/**
 * What Anthropic tells of its models (`GET /v1/models/{id}`): pure.
 *
 * `max_input_tokens` is the context window, and `max_tokens` the most that the parameter of this name may be
 * (`resources/models.d.ts` of the client, 1.12.0). Either may be null, and servers that only speak the same language may
 * have left out anything.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { leastOf, of } from "../ModelLimits.ts"
import { efforts, type ModelLimits } from "../Provider.ts"

const ModelInfo = Schema.Struct({
  max_input_tokens: Schema.optional(Schema.Unknown),
  max_tokens: Schema.optional(Schema.Unknown),
  capabilities: Schema.optional(Schema.Unknown)
})
const decode = Schema.decodeUnknownOption(ModelInfo)

const supports = Schema.is(Schema.Struct({ supported: Schema.Literal(true) }))
const decodeEffort = Schema.decodeUnknownOption(Schema.Struct({ effort: Schema.Record(Schema.String, Schema.Unknown) }))
const decodeThinking = Schema.decodeUnknownOption(
  Schema.Struct({
    thinking: Schema.Struct({ supported: Schema.Boolean, types: Schema.Record(Schema.String, Schema.Unknown) })
  })
)

/** The limits in what was answered; none of an answer that is something else. */
export const limitsIn = (answer: unknown): ModelLimits =>
  Option.match(decode(answer), {
    onNone: () => ({}),
    onSome: ({ capabilities, max_input_tokens, max_tokens }) => ({
      ...of(leastOf(max_input_tokens), leastOf(max_tokens)),
      ...effortsIn(capabilities),
      ...thinkingIn(capabilities)
    })
  })

const effortsIn = (capabilities: unknown): Pick<ModelLimits, "efforts"> =>
  Option.match(decodeEffort(capabilities), {
    onNone: () => ({}),
    onSome: ({ effort }) => ({ efforts: supports(effort) ? efforts.filter((level) => supports(effort[level])) : [] })
  })

/** How we call the values of `thinking.type`. */
const ways = [
  ["adaptive", "adaptive"],
  ["disabled", "off"],
  ["enabled", "budget"]
] as const

const thinkingIn = (capabilities: unknown): Pick<ModelLimits, "thinking"> =>
  Option.match(decodeThinking(capabilities), {
    onNone: () => ({}),
    onSome: ({ thinking: { types } }) => ({
      thinking: ways.flatMap(([type, way]) => (supports(types[type]) ? [way] : []))
    })
  })
