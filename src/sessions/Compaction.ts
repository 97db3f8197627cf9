/**
 * What is left out of what the model is sent when it becomes too much: pure.
 *
 * Every compaction makes the part of the log that is sent as it was said begin later, or leaves out outputs up to a later
 * event, so that there are never more of them than there are events. The running turn is never cut.
 */
import type { CompactionReason } from "../domain/ContextEvent.ts"
import { blank, type Note, type SummaryRequest } from "../domain/Note.ts"
import type { NewSessionEventOf } from "../domain/SessionEvent.ts"
import { type Estimate, estimate, type Limits, limitOf } from "./Estimate.ts"
import * as History from "./History.ts"
import * as NoteChange from "./NoteChange.ts"
import type { SessionState, TurnState } from "./SessionState.ts"
import * as Transcript from "./Transcript.ts"
import { boundariesOf, carriedOf, compacted, withoutOutputs } from "./Window.ts"

type Compacted = NewSessionEventOf<"Compacted">

/** A state in the middle of a turn. */
export type Running = SessionState & { readonly turn: TurnState }

/** What is to be done before the model may be asked for the next step; `count`: ask first how much it would be. */
export type Room =
  | { readonly _tag: "Enough"; readonly count: boolean }
  | { readonly _tag: "Summarise"; readonly reason: CompactionReason; readonly through: number }
  | { readonly _tag: "LeaveOut"; readonly event: Compacted }
  | { readonly _tag: "TooLarge" }

/** The share of what there is room for that is aimed at where something has to go anyway. */
const ease = 0.75

export const roomFor = (state: Running, limits: Limits): Room => {
  const now = estimate(state, limits)
  const limit = limitOf(limits)
  const { overflowing } = state.turn
  if (!overflowing && limits.counts && now.low < limit && now.high >= limit) return { _tag: "Enough", count: true }
  if (!overflowing && now.tokens < limit) return { _tag: "Enough", count: false }
  const reason = overflowing ? "overflow" : "window"
  const through = cutOf(state, limits, now)
  if (through !== undefined) return { _tag: "Summarise", reason, through }
  const event = withoutOldOutputs(state, limits, reason, "no older turn was left to be summarised")
  if (event !== undefined) return { _tag: "LeaveOut", event }
  // The model itself has not said that it is too much.
  return overflowing ? { _tag: "TooLarge" } : { _tag: "Enough", count: false }
}

/** Up to where the oldest turns are summarised next; none if there is only the running one. */
const cutOf = (state: Running, limits: Limits, { rate }: Estimate): number | undefined => {
  const cuts = cutsOf(state)
  const note = (noteTokens(limits) + rate * NoteChange.sizeOf(noteOf(state))) / 2
  const afterwards = ({ kept }: Cut) => rate * (limits.overhead + kept) + note
  const limit = limitOf(limits)
  const wanted = cuts.at(-1 - limits.keepTurns)
  const furthest =
    wanted !== undefined && afterwards(wanted) < limit
      ? wanted
      : (cuts.find((cut) => afterwards(cut) < limit * ease) ?? cuts.at(-1))
  const room = roomForSummary(rate, limits)
  const atOnce = cuts.filter((cut) => furthest !== undefined && cut.through <= furthest.through && cut.told <= room)
  return (atOnce.at(-1) ?? cuts[0])?.through
}

/** A place before a turn: how long the transcript is up to it, and what is sent from it on, in characters. */
interface Cut {
  readonly through: number
  readonly told: number
  readonly kept: number
}

/** Every place at which there is something to be cut off, the oldest first. */
const cutsOf = ({ boundary, history }: Running): ReadonlyArray<Cut> => {
  const said = History.saidSince(history, 0)
  const cuts: Array<Cut> = []
  let next = 0
  let told = 0
  let kept = said.reduce((size, { message }) => size + History.sizeOf(message), 0)
  for (const { through } of boundariesOf(boundary)) {
    for (let entry = said[next]; entry !== undefined && entry.event <= through; entry = said[++next]) {
      told += Transcript.sizeOf(Transcript.transcriptOf([entry]))
      kept -= History.sizeOf(entry.message)
    }
    if (next > 0) cuts.push({ through, told, kept })
  }
  return cuts
}

/** Tokens that a note may have. */
const noteTokens = ({ window }: Limits): number => Math.min(window / 5, 8_000)

/** Characters that a note may have. */
export const roomForNote = (state: Running, limits: Limits): number =>
  noteTokens(limits) / Math.max(0.1, estimate(state, limits).rate)

/** Characters that are summarised in one request: half of what the model takes in. */
const roomForSummary = (rate: number, { window }: Limits): number => window / 2 / Math.max(0.1, rate)

const toSummarise = ({ history }: Running, through: number) => Transcript.transcriptOf(saidUpTo(history, through))

const saidUpTo = (history: History.History, through: number) =>
  History.saidSince(history, 0).filter(({ event }) => event <= through)

/** What the model is asked to summarise, so that everything up to event `through` may go. */
export const summaryRequest = (state: Running, limits: Limits, through: number): SummaryRequest => ({
  note: noteOf(state),
  transcript: Transcript.fitting(toSummarise(state, through), roomForSummary(estimate(state, limits).rate, limits))
})

/** The note before a compaction. */
export const noteOf = ({ compaction }: SessionState): Note => compaction?.note ?? blank

const instruction = "Instruction: "

/** The note with what clients have ever instructed the model to do, which no summary may reword or retire. */
export const withInstructions = (state: Running, through: number, note: Note): Note => {
  const noted = noteOf(state).decisions.filter((entry) => entry.startsWith(instruction))
  const fresh = Transcript.instructionsIn(saidUpTo(state.history, through)).map((text) => `${instruction}${text}`)
  return NoteChange.merge(note, { add: { decisions: [...noted, ...fresh] } })
}

/** What to say of entries of a note for which there was no room; undefined if there were none. */
export const droppedDetail = (dropped: number): string | undefined =>
  dropped === 0 ? undefined : `${dropped} entries of the note were left out for want of room`

/** A summary as the event that says so; none if it does not make the request smaller. */
export const summarised = (
  state: Running,
  limits: Limits,
  { through, reason }: { readonly through: number; readonly reason: CompactionReason },
  note: Note,
  more: { readonly detail?: string } & Partial<Pick<Compacted, "usage" | "model" | "cost">>
): Compacted | undefined => {
  const outputs = state.compaction?.outputs ?? 0
  const event = eventOf(state, limits, { method: "summarised", reason, through, outputs, note, ...more })
  return event.after < event.before ? event : undefined
}

/** What is left out when a summary came to nothing: the oldest outputs if that is enough, else the turns themselves. */
export const withoutSummary = (
  state: Running,
  limits: Limits,
  { through, reason }: { readonly through: number; readonly reason: CompactionReason },
  detail: string
): Compacted => {
  const outputs = withoutOldOutputs(state, limits, reason, detail)
  if (outputs !== undefined && outputs.after < limitOf(limits)) return outputs
  const first = (state.compaction?.through ?? 0) + 1
  const gap = `Events ${first} to ${through} of this conversation were left out without a summary.`
  const room = roomForNote(state, limits) - NoteChange.sizeOf({ ...blank, facts: [gap] })
  const { dropped, note: fitting } = NoteChange.fitting(withInstructions(state, through, noteOf(state)), room)
  return eventOf(state, limits, {
    method: "turnsDropped",
    reason,
    through,
    outputs: state.compaction?.outputs ?? 0,
    note: NoteChange.merge(fitting, { add: { facts: [gap] } }),
    detail: [detail, droppedDetail(dropped)].filter(Boolean).join("; ")
  })
}

/** The oldest outputs that the model has read, as many as need be; none if that gains nothing. */
const withoutOldOutputs = (
  state: Running,
  limits: Limits,
  reason: CompactionReason,
  detail: string
): Compacted | undefined => {
  const { compaction, history } = state
  const { rate, tokens } = estimate(state, limits)
  let left = tokens
  let outputs: number | undefined
  for (const { event, message } of History.saidSince(history, compaction?.outputs ?? 0)) {
    if (event === history.newest?.event || left <= limitOf(limits) * ease) break
    const gained = History.sizeOf(message) - History.sizeOf(withoutOutputs(message))
    if (gained <= 0) continue
    left -= gained * rate
    outputs = event
  }
  if (outputs === undefined) return undefined
  const { note, through } = compaction ?? { note: blank, through: 0 }
  return eventOf(state, limits, { method: "outputsDropped", reason, through, outputs, note, detail })
}

type Change = Pick<Compacted, "method" | "reason" | "through" | "outputs" | "note" | "detail" | "usage">

const eventOf = (state: Running, limits: Limits, change: Change): Compacted => {
  const { rate, tokens } = estimate(state, limits)
  const event: Compacted = {
    type: "Compacted",
    turn: state.turn.id,
    ...change,
    carried: carriedAt(state, change.through),
    before: Math.round(tokens),
    after: 0
  }
  const { history } = compacted(state, state.turn, event)
  return { ...event, after: Math.round(rate * (limits.overhead + history.size)) }
}

/** Every cut is before a turn that is still known; before the first event there is nothing. */
const carriedAt = ({ agent, boundary, turn }: Running, through: number): Compacted["carried"] => {
  const found = boundariesOf(boundary).find((candidate) => candidate.through === through)
  if (found !== undefined) return carriedOf(found)
  return { agent: agent ?? turn.agent, waiting: [], allowed: [], pinned: [], settings: {} }
}
