/** A message that precedes the accepted one, for clients that bring their own history. */
import * as Schema from "effect/Schema"

export const PriorMessage = Schema.Struct({
  role: Schema.Literals(["system", "user", "assistant"]),
  text: Schema.String
})
export type PriorMessage = typeof PriorMessage.Type
