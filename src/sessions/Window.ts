/**
 * Which part of a session the model is sent as it was said, and what stands for the rest.
 *
 * A state that is restored from a `Compacted` and folded on from event `through` is, from that `Compacted` on, the same
 * as one that was folded from the first event.
 */
import type { Prompt } from "effect/ai"
import type { Carried } from "../domain/ContextEvent.ts"
import type { Pin } from "../domain/SessionChange.ts"
import type { NewSessionEventOf } from "../domain/SessionEvent.ts"
import * as History from "./History.ts"
import { prefaceOf } from "./Preface.ts"
import type { Boundary, Compaction, SessionState, TurnState } from "./SessionState.ts"

/** The state after event `through` of a `Compacted`, without anything that had been said up to then. */
export const restored = ({
  carried,
  through
}: Pick<NewSessionEventOf<"Compacted">, "carried" | "through">): SessionState => {
  const { agent, allowed, pinned, settings, waiting } = carried
  const history = History.silence
  return { seq: through, agent, waiting, abandoned: [], history, alwaysAllowed: new Set(allowed), pinned, settings }
}

/** What is written down of a place in the log, so that a session can be restored from there. */
export const carriedOf = ({ agent, alwaysAllowed, pinned, settings, waiting }: Boundary): Carried => ({
  agent,
  waiting,
  allowed: [...alwaysAllowed],
  pinned,
  settings
})

/** The state once the note has taken the place of what was said up to event `through`. */
export const compacted = (
  state: SessionState,
  turn: TurnState,
  { after, note, outputs, through }: NewSessionEventOf<"Compacted">
): SessionState => {
  const compaction: Compaction = { through, outputs, note }
  const { boundary: _, ...rest } = state
  const boundary = boundariesSince(state.boundary, through)
  const history = inFront(rest, compaction, rest.pinned, kept(state.history, through, outputs))
  return {
    ...rest,
    ...(boundary === undefined ? {} : { boundary }),
    compaction,
    history,
    measure: { tokens: after, size: history.size },
    turn: { ...turn, compacting: false, overflowing: false, resumes: 0 }
  }
}

/** What is left of a history, once this is left out of it. */
const kept = (history: History.History, through: number, outputs: number): History.History =>
  History.saidSince(history, through).reduce(
    (shorter, { event, message, source }) =>
      History.append(shorter, event, [event <= outputs ? withoutOutputs(message) : message], source),
    History.silence
  )

const boundariesSince = (newest: Boundary | undefined, through: number): Boundary | undefined =>
  boundariesOf(newest)
    .filter((boundary) => boundary.through >= through)
    .reduce<Boundary | undefined>((before, boundary) => ({ ...boundary, before }), undefined)

/** From the oldest to this one. */
export const boundariesOf = (newest: Boundary | undefined): ReadonlyArray<Boundary> => {
  const boundaries: Array<Boundary> = []
  for (let next = newest; next !== undefined; next = next.before) boundaries.push(next)
  return boundaries.reverse()
}

/** What a model reads in place of an output that was left out. */
export const leftOut = "[This output was left out to make room.]"

/** The same message with every output that takes up room replaced; the same object if there is none. */
export const withoutOutputs = (message: Prompt.MessageEncoded): Prompt.MessageEncoded => {
  if (message.role !== "tool" || !message.content.some(isLong)) return message
  return { ...message, content: message.content.map((part) => (isLong(part) ? { ...part, result: leftOut } : part)) }
}

const isLong = (part: Prompt.ToolMessagePartEncoded): part is Prompt.ToolResultPartEncoded =>
  part.type === "tool-result" && typeof part.result === "string" && part.result.length > leftOut.length

export const pinned = (state: SessionState, pin: Pin): SessionState =>
  withPins(state, [...state.pinned.filter(({ event }) => event !== pin.event), pin])

export const unpinned = (state: SessionState, event: number): SessionState =>
  withPins(
    state,
    state.pinned.filter((pin) => pin.event !== event)
  )

const withPins = (state: SessionState, pins: ReadonlyArray<Pin>): SessionState =>
  state.compaction === undefined
    ? { ...state, pinned: pins }
    : { ...state, pinned: pins, history: inFront(state, state.compaction, pins, state.history) }

/** The history behind the note, and behind those pins which it does not hold itself and which are still to come. */
const inFront = (
  { turn, waiting }: SessionState,
  compaction: Compaction,
  pins: ReadonlyArray<Pin>,
  history: History.History
): History.History => {
  const { through } = compaction
  const old = pins.filter(({ event }) => event <= through)
  if (old.length === 0) return History.prefaced(history, prefaceOf(compaction, []))
  const whole = new Set([
    ...History.saidSince(history, through).map(({ source }) => source),
    ...[...waiting, ...(turn?.steering ?? []), ...(turn?.aside ?? [])].map(({ seq }) => seq)
  ])
  return History.prefaced(
    history,
    prefaceOf(
      compaction,
      old.filter(({ event }) => !whole.has(event))
    )
  )
}
