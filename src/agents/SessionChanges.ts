/** What a change of a session's name or settings, and what pinning a thing said, means for its log. Pure. */
import { titleOf } from "../domain/Attachment.ts"
import type { Pin } from "../domain/SessionChange.ts"
import {
  type NewSessionEvent,
  type SessionEvent,
  type SessionEventOf,
  type SessionSummary,
  textOf
} from "../domain/SessionEvent.ts"
import type { Change } from "./Directory.ts"

/** The events that make a session what it is to be; none for what it is already. */
export const changes = (
  { name, settings }: Pick<SessionSummary, "name" | "settings">,
  change: Change
): ReadonlyArray<NewSessionEvent> => {
  const events: Array<NewSessionEvent> = []
  if (differs(name, change.name)) events.push({ type: "SessionRenamed", name: change.name })
  const model = differs(settings.model, change.model) ? { model: change.model } : undefined
  const midTurn = differs(settings.midTurn, change.midTurn) ? { midTurn: change.midTurn } : undefined
  if (model !== undefined || midTurn !== undefined) events.push({ type: "SessionConfigured", ...model, ...midTurn })
  return events
}

const differs = <A>(present: A | undefined, wanted: A | null | undefined): wanted is A | null =>
  wanted !== undefined && wanted !== (present ?? null)

/** What an event said, as it is pinned; undefined for one in which neither a person nor the model said anything. */
export const pinOf = (event: SessionEvent | undefined): Pin | undefined => {
  if (event?.type === "MessageAccepted") return { event: event.seq, role: "user", text: withFiles(event) }
  if (event?.type !== "ModelReplied") return undefined
  const text = textOf(event)
  return text.trim() === "" ? undefined : { event: event.seq, role: "assistant", text }
}

/** The files themselves are not pinned: what was said of them is. */
const withFiles = ({ files = [], text }: SessionEventOf<"MessageAccepted">): string =>
  [...(text === "" ? [] : [text]), ...files.map((file) => `[with the file ${titleOf(file)}]`)].join("\n")
