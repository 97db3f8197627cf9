/**
 * What the model is sent of a session: a preface that stands for what is no longer sent whole, and then what has been
 * said, as a list that only ever grows at its end.
 *
 * A longer history shares all of the shorter one, so that appending costs the same however much has been said, and
 * the shorter one stays what it was: a plan may go ahead on its own copy of the state and be thrown away.
 */
import type { Prompt } from "effect/ai"
import type { Attachment } from "../domain/Attachment.ts"
import type { PriorMessage } from "../domain/PriorMessage.ts"
import * as FileParts from "./FileParts.ts"

export interface History {
  readonly preface: ReadonlyArray<Prompt.MessageEncoded>
  /** How many messages follow the preface. */
  readonly length: number
  /** Everything together, preface included, in characters. */
  readonly size: number
  readonly newest: Said | undefined
}

/** One message and what was said before it. */
export interface Said {
  readonly message: Prompt.MessageEncoded
  /** The event that told it to the model, or that the model told it. */
  readonly event: number
  /** The event that said it: of a person's message, its acceptance. */
  readonly source: number
  readonly before: Said | undefined
}

/** Nothing has been said. */
export const silence: History = { preface: [], length: 0, size: 0, newest: undefined }

/** The history after `messages`, oldest first, which `event` told and `source` said. */
export const append = (
  history: History,
  event: number,
  messages: ReadonlyArray<Prompt.MessageEncoded>,
  source: number = event
): History => {
  if (messages.length === 0) return history
  let { newest, size } = history
  for (const message of messages) {
    newest = { message, event, source, before: newest }
    size += sizeOf(message)
  }
  return { preface: history.preface, length: history.length + messages.length, size, newest }
}

/** The same behind another preface. */
export const prefaced = (history: History, preface: ReadonlyArray<Prompt.MessageEncoded>): History => ({
  ...history,
  preface,
  size: history.size - sizeOfAll(history.preface) + sizeOfAll(preface)
})

/** What was told by events behind `through`, oldest first. */
export const saidSince = (history: History, through: number): ReadonlyArray<Said> => {
  const said: Array<Said> = []
  for (let next = history.newest; next !== undefined && next.event > through; next = next.before) said.push(next)
  return said.reverse()
}

/** Every message, oldest first: a new array each time, 1 ms for 100,000. */
export const messagesOf = ({ length, newest, preface }: History): ReadonlyArray<Prompt.MessageEncoded> => {
  const messages = new Array<Prompt.MessageEncoded>(preface.length + length)
  let index = messages.length
  for (let said = newest; said !== undefined; said = said.before) messages[--index] = said.message
  while (index-- > 0) messages[index] = preface[index] as Prompt.MessageEncoded
  return messages
}

/** About what a message adds to a request beside its own characters: its role and the marks around its parts. */
const frame = 20

/** About how many characters a message is in a request. */
export const sizeOf = ({ content }: Prompt.MessageEncoded): number => {
  if (typeof content === "string") return frame + content.length
  let size = frame
  for (const part of content) {
    if (part.type === "text") size += part.text.length
    else if (part.type === "file") size += frame + FileParts.sizeOf(part)
    else if (part.type === "tool-result" && typeof part.result === "string") size += frame + part.result.length
    else size += JSON.stringify(part).length
  }
  return size
}

const sizeOfAll = (messages: ReadonlyArray<Prompt.MessageEncoded>): number =>
  messages.reduce((size, message) => size + sizeOf(message), 0)

/** A person's message as the model is told it, behind what its sender brought along. */
export const spoken = ({
  files = [],
  preceding,
  text
}: {
  readonly files?: ReadonlyArray<Attachment>
  readonly preceding: ReadonlyArray<PriorMessage>
  readonly text: string
}): ReadonlyArray<Prompt.MessageEncoded> => [...preceding.map(before), { role: "user", content: shown(files, text) }]

const before = ({ files = [], role, text }: PriorMessage): Prompt.MessageEncoded => {
  switch (role) {
    case "system":
      return { role, content: text }
    case "user":
      return { role, content: shown(files, text) }
    case "assistant":
      return { role, content: [{ type: "text", text }] }
  }
}

/** Models do better with what is shown before what is asked of it (Anthropic's guide to vision). */
const shown = (files: ReadonlyArray<Attachment>, text: string): ReadonlyArray<Prompt.UserMessagePartEncoded> => [
  ...files.map(FileParts.partOf),
  ...(files.length > 0 && text.trim() === "" ? [] : [{ type: "text" as const, text }])
]
