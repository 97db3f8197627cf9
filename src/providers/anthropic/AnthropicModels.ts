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
import type { ModelLimits } from "../Provider.ts"

const ModelInfo = Schema.Struct({
  max_input_tokens: Schema.optional(Schema.Unknown),
  max_tokens: Schema.optional(Schema.Unknown)
})
const decode = Schema.decodeUnknownOption(ModelInfo)

/** The limits in what was answered; none of an answer that is something else. */
export const limitsIn = (answer: unknown): ModelLimits =>
  Option.match(decode(answer), {
    onNone: () => ({}),
    onSome: ({ max_input_tokens, max_tokens }) => of(leastOf(max_input_tokens), leastOf(max_tokens))
  })
