/**
 * What the older part of a conversation amounts to, once it no longer fits into what the model is sent.
 *
 * A note is kept in sections rather than as prose, so that a later one can be made from it by adding and retiring single
 * entries: what was written down once does not have to be written again to be kept.
 */
import * as Schema from "effect/Schema"

const Entries = Schema.Array(Schema.String)

export const Note = Schema.Struct({
  /** What the person wants. */
  goals: Entries,
  /** What was decided, and why. */
  decisions: Entries,
  /** What turned out to be so. */
  facts: Entries,
  /** What is still to be done. */
  openWork: Entries,
  /** Files that mattered, by their exact paths. */
  files: Entries,
  /** People, places, identifiers, addresses: exactly as they were written. */
  names: Entries
})
export type Note = typeof Note.Type

/** The sections of a note, in the order in which they are told. */
export const sections = ["goals", "decisions", "facts", "openWork", "files", "names"] as const
export type Section = (typeof sections)[number]

/** Nothing noted. */
export const blank: Note = { goals: [], decisions: [], facts: [], openWork: [], files: [], names: [] }

/** Some sections, and what to do with their entries. */
const NoteChange = Schema.Struct({
  goals: Schema.optionalKey(Entries),
  decisions: Schema.optionalKey(Entries),
  facts: Schema.optionalKey(Entries),
  openWork: Schema.optionalKey(Entries),
  files: Schema.optionalKey(Entries),
  names: Schema.optionalKey(Entries)
})

/** The first line of the system prompt with which a model is asked for a summary. */
export const summaryMarker = "You keep the notes of a conversation."

/** What a model is asked for a summary of: the note so far, and what was said since. The user's message holds it as JSON. */
export const SummaryRequest = Schema.Struct({
  note: Note,
  transcript: Schema.Array(
    Schema.Struct({
      /** The event that said it. */
      event: Schema.Int,
      role: Schema.Literals(["user", "assistant", "tool"]),
      text: Schema.String
    })
  )
})
export type SummaryRequest = typeof SummaryRequest.Type

/** What it answers, as JSON: entries to add to the note, and entries of it that hold no longer, word for word. */
export const SummaryReply = Schema.Struct({
  add: Schema.optionalKey(NoteChange),
  retire: Schema.optionalKey(NoteChange)
})
export type SummaryReply = typeof SummaryReply.Type
