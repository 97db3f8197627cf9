/**
 * How a log that was cut off at any event is brought to rest: what its copy begins with is never resumed.
 *
 * Pure. The turn that is open ends as cancelled, by the rules by which every cancelled turn does: each open call gets its
 * result, open approvals are dropped, and nothing is done outside. Turns that only wait end as well.
 */
import * as Duration from "effect/Duration"
import type { TurnId } from "../domain/Ids.ts"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import { empty, foldAll, type SessionState } from "../sessions/SessionLog.ts"
import { cancel } from "./Arrival.ts"
import { type Circumstances, record } from "./TurnPlan.ts"
import { decide, type Policy } from "./TurnStep.ts"

/** A log up to some event: what it amounts to, and the turns in it that have not ended, oldest first. */
export interface Cut {
  readonly state: SessionState
  readonly open: ReadonlyArray<TurnId>
}

export const blank: Cut = { state: empty, open: [] }

/** A session as it is now. */
export const cutOf = (state: SessionState): Cut => ({
  state,
  open: [...new Set([...(state.turn === undefined ? [] : [state.turn.id]), ...state.waiting.map(({ turn }) => turn)])]
})

/** The log goes on. What was said in it is not kept, so that the cut of a long log is as small as that of a short one. */
export const goOn = ({ open, state }: Cut, events: ReadonlyArray<NewSessionEvent>): Cut => {
  const turns = new Set(open)
  for (const event of events) {
    if (event.type === "MessageAccepted" || event.type === "TurnStarted") turns.add(event.turn)
    if (event.type === "TurnEnded") turns.delete(event.turn)
  }
  const { boundary: _, ...next } = foldAll(state, events)
  return { state: { ...next, history: empty.history }, open: [...turns] }
}

/** The events that bring a session to rest. */
export const closing = ({ open, state }: Cut, reason: string): ReadonlyArray<NewSessionEvent> => {
  const events: Array<NewSessionEvent> = []
  let next = state
  const tell = (told: ReadonlyArray<NewSessionEvent>) => {
    events.push(...told)
    next = foldAll(next, told)
  }
  const { turn } = state
  if (turn !== undefined && turn.cancelling === undefined) tell([cancel(turn.id, reason)])
  // A log from elsewhere may name its calls so that settling one opens another again.
  for (let steps = mostSteps(state); next.turn !== undefined && steps > 0; steps--) {
    tell(record(next, decide(next, nobody), nowhere))
  }
  if (next.turn !== undefined) tell([ended(next.turn.id)])
  const over = new Set(events.flatMap((event) => (event.type === "TurnEnded" ? [event.turn] : [])))
  for (const waiting of open) if (!over.has(waiting)) tell(endWaiting(waiting, reason))
  return events
}

/** An approval is dropped and a result is written for every call, and turns end that were to, the open one among them. */
const mostSteps = ({ abandoned, turn }: SessionState) => 2 * (turn?.calls.length ?? 0) + abandoned.length + 1

const ended = (turn: TurnId): NewSessionEvent => ({ type: "TurnEnded", turn, outcome: "cancelled" })

/** A turn that nobody has begun needs nobody to end it. */
export const endWaiting = (turn: TurnId, reason: string): ReadonlyArray<NewSessionEvent> => [
  cancel(turn, reason),
  ended(turn)
]

/** What is cancelled is not judged any more. */
const nobody: Policy = { maxSteps: 0, maxResumes: 0, judge: () => ({ _tag: "Refuse", reason: "it is cancelled" }) }

/** Nothing that ends a turn looks at its circumstances. */
const nowhere: Circumstances = { session: "", generation: 0, model: "", patience: Duration.zero, now: 0 }
