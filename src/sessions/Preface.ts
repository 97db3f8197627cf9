/** How a model is told what is no longer sent to it as it was said: one message in front of everything else. */
import type { Prompt } from "effect/ai"
import { type Note, type Section, sections } from "../domain/Note.ts"
import type { Pin } from "../domain/SessionChange.ts"
import type { Compaction } from "./SessionState.ts"

const opening =
  "What was said earlier in this conversation is no longer shown. This is the note that was kept of it; take it as known."

const unnoted = "What was said earlier in this conversation is no longer shown, and nothing of it was noted."

const headings: Readonly<Record<Section, string>> = {
  goals: "Goals",
  decisions: "Decisions",
  facts: "Facts",
  openWork: "Open work",
  files: "Files",
  names: "Names"
}

const roles: Readonly<Record<Pin["role"], string>> = { user: "The person said", assistant: "You said" }

/** The message that stands for the older part of a conversation, up to event `through`; none if there is none. */
export const prefaceOf = (
  { note, through }: Pick<Compaction, "note" | "through">,
  pins: ReadonlyArray<Pin>
): ReadonlyArray<Prompt.MessageEncoded> => {
  const text = textOf(note)
  const silent = through === 0 ? [] : [unnoted]
  const parts = [...(text === "" ? silent : [`${opening}\n\n${text}`]), ...pins.map(told)]
  return parts.length === 0 ? [] : [{ role: "user", content: parts.map((part) => ({ type: "text", text: part })) }]
}

/** A note as people and models read it. */
export const textOf = (note: Note): string =>
  sections
    .filter((section) => note[section].length > 0)
    .map((section) => `${headings[section]}:\n${note[section].map((entry) => `- ${entry}`).join("\n")}`)
    .join("\n\n")

const told = ({ role, text }: Pin): string => `${roles[role]} earlier, and it was pinned:\n\n${text}`
