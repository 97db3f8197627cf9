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
