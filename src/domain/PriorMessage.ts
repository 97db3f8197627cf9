/** A message that precedes the accepted one, for clients that bring their own history. Only a user's brings files. */
import * as Schema from "effect/Schema"
import { Attachment } from "./Attachment.ts"

export const PriorMessage = Schema.Struct({
  role: Schema.Literals(["system", "user", "assistant"]),
  text: Schema.String,
  files: Schema.optionalKey(Schema.Array(Attachment))
})
export type PriorMessage = typeof PriorMessage.Type
