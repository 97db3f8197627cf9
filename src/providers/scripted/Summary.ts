/**
 * How the demo model keeps the notes of a conversation: by a rule anybody can check, never by guessing.
 *
 * Only what the person wrote is noted, word for word: lines that begin with `goal:`, `decided:`, `remember:`, `todo:`
 * or say what is theirs ("my name is Ada"), paths of files, and names in quotation marks. `done:` retires a `todo:`.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Prompt } from "effect/ai"
import { type Note, type Section, sections, SummaryReply, SummaryRequest, summaryMarker } from "../../domain/Note.ts"

/** What the demo model is asked to note, if that is what it is asked. */
export const summaryRequest = (prompt: Prompt.Prompt): SummaryRequest | undefined => {
  const system = prompt.content.find((message) => message.role === "system")
  if (system === undefined || !system.content.trimStart().startsWith(summaryMarker)) return undefined
  const said = prompt.content.flatMap((message) => (message.role === "user" ? message.content : []))
  const requests = said.flatMap((part) => (part.type === "text" ? Option.toArray(read(part.text)) : []))
  return requests.at(-1) ?? { note: nothing, transcript: [] }
}

const nothing: Note = { goals: [], decisions: [], facts: [], openWork: [], files: [], names: [] }

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(SummaryRequest))

/** The request may stand among other words. */
const read = (text: string) => decode(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1))

const encode = Schema.encodeSync(Schema.fromJsonString(SummaryReply))

/** The reply as the demo model writes it. */
export const summarise = ({ note, transcript }: SummaryRequest): string => {
  const lines = transcript.flatMap(({ role, text }) => (role === "user" ? text.split("\n") : []))
  const found = lines.flatMap(entriesOf)
  const done = lines.flatMap((line) => told(line, "done"))
  const known = (section: Section) => new Set([...note[section], ...(section === "openWork" ? done : [])])
  const add = sections.map((section) => {
    const seen = known(section)
    const fresh = found.flatMap((entry) => (entry.section === section && !seen.has(entry.text) ? [entry.text] : []))
    return [section, Array.from(new Set(fresh))] as const
  })
  const openWork = note.openWork.filter((work) => done.includes(work))
  return encode({
    add: Object.fromEntries(add.filter(([, entries]) => entries.length > 0)),
    ...(openWork.length === 0 ? undefined : { retire: { openWork } })
  })
}

interface Entry {
  readonly section: Section
  readonly text: string
}

/** The words of a line that is addressed to the notes. */
const told = (line: string, ...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [, word = "", text = ""] = /^\s*(\w+):\s*(.*\S)\s*$/.exec(line) ?? []
  return words.includes(word.toLowerCase()) ? [text] : []
}

const owned = /^\s*(?:and |but |so )?(my\s.+\s(?:is|are)\s.*\S)\s*$/i
const path = /(?<![\w/.~:-])(?:~|\.{1,2})?(?:\/[\w.@+-]+)+\/?|(?<![\w/.-])[\w@+-]+(?:\/[\w.@+-]+)+/g
const quoted = /"([^"\n]{1,80})"|“([^”\n]{1,80})”/g

const entriesOf = (line: string): ReadonlyArray<Entry> => [
  ...told(line, "goal").map((text) => ({ section: "goals" as const, text })),
  ...told(line, "decided", "decision").map((text) => ({ section: "decisions" as const, text })),
  ...told(line, "remember", "fact").map((text) => ({ section: "facts" as const, text })),
  ...told(line, "todo").map((text) => ({ section: "openWork" as const, text })),
  ...Array.from(owned.exec(line)?.slice(1) ?? [], (text) => ({ section: "facts" as const, text })),
  ...Array.from(line.matchAll(path), ([text]) => ({ section: "files" as const, text })),
  ...Array.from(line.matchAll(quoted), ([, straight, curly]) => ({
    section: "names" as const,
    text: straight ?? curly ?? ""
  }))
]
