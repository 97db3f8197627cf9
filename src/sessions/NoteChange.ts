/** How a note becomes the next one: pure. What is not retired stays, whoever writes the summaries. */
import { type Note, type Section, type SummaryReply, sections } from "../domain/Note.ts"
import { textOf } from "./Preface.ts"

const each = (entries: (section: Section) => ReadonlyArray<string>): Note => ({
  goals: entries("goals"),
  decisions: entries("decisions"),
  facts: entries("facts"),
  openWork: entries("openWork"),
  files: entries("files"),
  names: entries("names")
})

/** The note after some changes: nothing twice, nothing empty; only what is retired word for word goes. */
export const merge = (note: Note, { add = {}, retire = {} }: SummaryReply): Note =>
  each((section) => {
    const retired = new Set(retire[section]?.map((entry) => entry.trim()))
    const kept = note[section].filter((entry) => !retired.has(entry))
    const added = (add[section] ?? []).map((entry) => entry.trim()).filter((entry) => entry !== "")
    return [...new Set([...kept, ...added])]
  })

/** The characters it takes up. */
export const sizeOf = (note: Note): number => textOf(note).length

/** What a section costs beside its entries, and an entry beside its text. */
const heading = 15
const bullet = 3

/** The note without its longest entries, so that it fits and as many as possible are left; and how many had to go. */
export const fitting = (note: Note, size: number): { readonly note: Note; readonly dropped: number } => {
  if (sizeOf(note) <= size) return { note, dropped: 0 }
  const entries = sections.flatMap((section) => note[section].map((text) => ({ section, text })))
  const kept = new Set<(typeof entries)[number]>()
  let used = sections.length * heading
  for (const entry of [...entries].sort((one, other) => one.text.length - other.text.length)) {
    used += entry.text.length + bullet
    if (used > size) break
    kept.add(entry)
  }
  return {
    note: each((section) =>
      entries.filter((entry) => entry.section === section && kept.has(entry)).map(({ text }) => text)
    ),
    dropped: entries.length - kept.size
  }
}
