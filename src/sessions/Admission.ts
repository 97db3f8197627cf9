/**
 * Whether an append may be written: the one rule every store follows.
 *
 * A message that was accepted before is told before anything else, so that a redelivery learns where the original
 * is however far its log has gone on. Then the log has to end where the caller saw it end.
 */
import * as Exit from "effect/Exit"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../domain/SessionEvent.ts"
import { agentOf, type Changes, type MessageRow, pairKey, project, type SessionRow } from "./Projection.ts"
import { AppendConflict, DuplicateMessage } from "./StoreError.ts"

/** `events` are to follow sequence number `after` of `session`. */
export interface Append {
  readonly session: SessionId
  readonly after: number
  readonly events: NonEmptyReadonlyArray<NewSessionEvent>
}

/** The rows that were there before: at least those of every session and external id an append names. */
export interface Known {
  readonly sessions: ReadonlyMap<SessionId, SessionRow>
  readonly messages: ReadonlyMap<string, MessageRow>
}

/** `Agentless`: the session is new and none of its first events names an agent, a mistake of the caller. */
export type Admission =
  | { readonly _tag: "Admitted"; readonly events: NonEmptyReadonlyArray<SessionEvent> }
  | { readonly _tag: "Conflict" }
  | { readonly _tag: "Duplicate"; readonly original: MessageRow }
  | { readonly _tag: "Agentless" }

const conflict: Admission = { _tag: "Conflict" }
const agentless: Admission = { _tag: "Agentless" }

/**
 * Decides about one append at the instant `at` (ISO 8601), given what was `known` and the `changes` of the appends
 * admitted before it in the same transaction. If it is admitted, its rows are added to `changes`.
 */
export const admit = (known: Known, changes: Changes, append: Append, at: string): Admission => {
  const original = originalOf(known, changes, append)
  if (original !== undefined) return { _tag: "Duplicate", original }
  const before = changes.sessions.get(append.session) ?? known.sessions.get(append.session)
  if (append.after !== (before?.seq ?? 0)) return conflict
  const agent = before?.agent ?? agentOf(append.events)
  if (agent === undefined) return agentless
  const events = stamp(append, at)
  project(changes, append.session, before, agent, events)
  return { _tag: "Admitted", events }
}

const stamp = ({ after, events: [first, ...rest] }: Append, at: string): NonEmptyReadonlyArray<SessionEvent> => [
  { ...first, seq: after + 1, at },
  ...rest.map((event, index): SessionEvent => ({ ...event, seq: after + 2 + index, at }))
]

const originalOf = (known: Known, changes: Changes, append: Append): MessageRow | undefined => {
  let own: Map<string, MessageRow> | undefined
  for (const [index, event] of append.events.entries()) {
    if (event.type !== "MessageAccepted" || event.externalId === undefined) continue
    const key = pairKey(event.channel, event.externalId)
    const original = known.messages.get(key) ?? changes.messages.get(key) ?? own?.get(key)
    if (original !== undefined) return original
    const { channel, externalId, turn } = event
    own ??= new Map()
    own.set(key, { channel, externalId, session: append.session, turn, seq: append.after + 1 + index })
  }
  return undefined
}

/** What the caller of an append is told. A session whose first events name no agent is a mistake in our own code. */
export const answerTo = (
  { after, session }: Append,
  admission: Admission
): Exit.Exit<ReadonlyArray<SessionEvent>, AppendConflict | DuplicateMessage> => {
  switch (admission._tag) {
    case "Admitted":
      return Exit.succeed(admission.events)
    case "Conflict":
      return Exit.fail(new AppendConflict({ session, after }))
    case "Duplicate":
      return Exit.fail(duplicate(admission.original))
    case "Agentless":
      return Exit.die(new Error(`the first events of session ${session} name no agent`))
  }
}

/** Where a message is that was accepted before. */
export const duplicate = ({ seq, session, turn }: MessageRow): DuplicateMessage =>
  new DuplicateMessage({ session, turn, seq })
