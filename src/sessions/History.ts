/**
 * What has been said in a session, as a list that only ever grows at its end.
 *
 * A longer history shares all of the shorter one, so that appending costs the same however much has been said, and
 * the shorter one stays what it was: a plan may go ahead on its own copy of the state and be thrown away.
 */
import type { Prompt } from "effect/ai"
import type { PriorMessage } from "../domain/PriorMessage.ts"

export interface History {
  readonly length: number
  readonly newest: Said | undefined
}

/** One message and what was said before it. */
interface Said {
  readonly message: Prompt.MessageEncoded
  readonly before: Said | undefined
}

/** Nothing has been said. */
export const silence: History = { length: 0, newest: undefined }

/** The history after `messages`, oldest first. */
export const append = (history: History, messages: ReadonlyArray<Prompt.MessageEncoded>): History =>
  messages.length === 0
    ? history
    : {
        length: history.length + messages.length,
        newest: messages.reduce<Said | undefined>((before, message) => ({ message, before }), history.newest)
      }

/** Every message, oldest first: a new array each time, 1 ms for 100,000. */
export const messagesOf = ({ length, newest }: History): ReadonlyArray<Prompt.MessageEncoded> => {
  const messages = new Array<Prompt.MessageEncoded>(length)
  let index = length
  for (let said = newest; said !== undefined; said = said.before) messages[--index] = said.message
  return messages
}

/** A person's message as the model is told it, behind what its sender brought along. */
export const spoken = ({
  preceding,
  text
}: {
  readonly preceding: ReadonlyArray<PriorMessage>
  readonly text: string
}): ReadonlyArray<Prompt.MessageEncoded> => [
  ...preceding.map(
    (prior): Prompt.MessageEncoded =>
      prior.role === "system"
        ? { role: "system", content: prior.text }
        : { role: prior.role, content: [{ type: "text", text: prior.text }] }
  ),
  { role: "user", content: [{ type: "text", text }] }
]
