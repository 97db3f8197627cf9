/**
 * From decisions to what is written: which events announce a directive, and how many directives one append can
 * carry before the outside world has to be touched.
 *
 * Pure. Ids made here are derived from the turn, so that the same turn records the same ids however often it is
 * resumed.
 */
import * as Duration from "effect/Duration"
import type { ApprovalId, CallId, TurnId } from "../domain/Ids.ts"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import type { EffectClass } from "../domain/ToolEffect.ts"
import { type CallState, fold, foldAll, type SessionState, type TurnState } from "../sessions/SessionLog.ts"
import { type Directive, decide, type Policy, underWay } from "./TurnStep.ts"

/** What `record` needs to know beside the directive. `now` is in milliseconds since the epoch. */
export interface Circumstances {
  readonly session: string
  readonly generation: number
  /** The model that a turn which begins now runs on, as `provider/model`. */
  readonly model: string
  /** What a turn that runs on this model really asks; the model itself if not given. */
  asks?(model: string): string
  readonly patience: Duration.Duration
  readonly now: number
}

/** The events that announce a directive; none for those that only wait. */
export const record = (
  state: SessionState,
  directive: Directive,
  at: Circumstances
): ReadonlyArray<NewSessionEvent> => {
  switch (directive._tag) {
    case "Idle":
    case "Wait":
      return []
    case "StartTurn":
      return started(state, directive.turn, at)
    case "Steer":
      return [{ type: "Steered", turn: directive.turn, messages: directive.messages }]
    case "CallModel":
      return [{ type: "ModelCalled", turn: directive.turn, step: directive.step, model: asked(state, at) }]
    case "Compact": {
      const { reason, through, turn } = directive
      return [{ type: "CompactionStarted", turn, reason, through }]
    }
    case "LeaveOut":
      return [directive.event]
    case "RunTool":
    case "QueryTool":
      return [toolCalled(directive.turn, directive.call, directive.effect, at)]
    case "AskApproval":
      return [approvalAsked(directive.turn, directive.call, directive.summary, at)]
    case "DropApproval":
      return [{ type: "ApprovalSettled", turn: directive.turn, approval: directive.approval, verdict: "cancelled" }]
    case "SettleCall": {
      const { call, outcome, output, turn } = directive
      return [{ type: "ToolReturned", turn: turn.id, step: turn.step, call, outcome, output }]
    }
    case "GoOn":
      return [{ type: "ReplyContinued", turn: directive.turn, cause: directive.cause }]
    case "EndTurn": {
      const { cutShort, failure, outcome, turn } = directive
      const why = failure === undefined ? {} : { failure }
      return [{ type: "TurnEnded", turn, outcome, ...why, ...(cutShort === undefined ? {} : { cutShort }) }]
    }
  }
}

const asked = ({ turn }: SessionState, at: Circumstances): string => {
  const model = turn?.model ?? at.model
  return at.asks?.(model) ?? model
}

const started = (state: SessionState, turn: TurnId, at: Circumstances): ReadonlyArray<NewSessionEvent> =>
  state.waiting
    .filter((message) => message.turn === turn)
    .slice(0, 1)
    .map(({ agent }) => ({ type: "TurnStarted", turn, agent, generation: at.generation, model: at.model }))

const toolCalled = (turn: TurnState, call: CallState, effect: EffectClass, at: Circumstances): NewSessionEvent => ({
  type: "ToolCalled",
  turn: turn.id,
  step: turn.step,
  call: call.id,
  tool: call.tool,
  input: call.input as never,
  effect,
  key: toolKey(at.session, turn.id, turn.step, call.id)
})

/** The same for every run of one call, and for no other call: what an `idempotent` tool recognises it by. */
export const toolKey = (session: string, turn: TurnId, step: number, call: CallId): string =>
  `${session}/${turn}/${step}/${call}`

const approvalAsked = (turn: TurnState, call: CallState, summary: string, at: Circumstances): NewSessionEvent => ({
  type: "ApprovalAsked",
  turn: turn.id,
  approval: `${turn.id}.${turn.step}.${turn.calls.indexOf(call) + 1}` as ApprovalId,
  agent: turn.agent,
  call: call.id,
  tool: call.tool,
  summary,
  expiresAt: new Date(at.now + Duration.toMillis(at.patience)).toISOString()
})

/** A directive that has to be performed once its events are on disk. */
export type Act = Extract<Directive, { readonly _tag: "CallModel" | "Compact" | "RunTool" | "QueryTool" }>

const isAct = (directive: Directive): directive is Act =>
  directive._tag === "CallModel" ||
  directive._tag === "Compact" ||
  directive._tag === "RunTool" ||
  directive._tag === "QueryTool"

export interface Plan {
  /** What has to be on disk before `acts` begin. */
  readonly events: ReadonlyArray<NewSessionEvent>
  readonly acts: ReadonlyArray<Act>
  /**
   * Where it stopped. `Wait`: acts are under way. `Rest`: nothing is, there is nothing to say or only a person to
   * wait for. `Ended`: a turn is over, and the next is planned anew, as its policy may be another.
   */
  readonly rest: "Rest" | "Wait" | "Ended"
}

/** Whether the turn still waits for this; false for a report that is in the log already or came too late. */
export const awaited = ({ compaction, turn }: SessionState, event: NewSessionEvent): boolean => {
  if (turn === undefined || !("turn" in event) || event.turn !== turn.id) return false
  switch (event.type) {
    case "ModelReplied":
    case "ReplyCut":
    case "ContextMeasured":
    case "ContextOverflowed":
      return turn.asking && turn.step === event.step
    case "Compacted":
      return (
        turn.compacting &&
        (event.through > (compaction?.through ?? 0) || event.outputs > (compaction?.outputs ?? 0)) &&
        event.through >= (compaction?.through ?? 0)
      )
    case "ToolReturned":
      return turn.calls.some((call) => call.id === event.call && call.status === "running")
    case "TurnEnded":
      return true
    default:
      return false
  }
}

/**
 * Decides until nothing more can be decided: all events of one append, and what to do once they are on disk.
 * `happened` are reports of earlier acts, oldest first; those nobody waits for any more are left out.
 */
export const plan = (
  state: SessionState,
  happened: ReadonlyArray<NewSessionEvent>,
  policy: Policy,
  at: Circumstances
): Plan => {
  const events: Array<NewSessionEvent> = []
  const acts: Array<Act> = []
  let next = state
  for (const event of happened) {
    if (!awaited(next, event)) continue
    events.push(event)
    next = fold(next, event)
    if (event.type === "TurnEnded") return { events, acts, rest: "Ended" }
  }
  for (;;) {
    const directive = decide(next, policy)
    if (directive._tag === "Idle" || directive._tag === "Wait") {
      return { events, acts, rest: underWay(next) ? "Wait" : "Rest" }
    }
    const recorded = record(next, directive, at)
    events.push(...recorded)
    next = foldAll(next, recorded)
    // One that ends before it began leaves the running one alone.
    if (directive._tag === "EndTurn" && next.turn === undefined) return { events, acts, rest: "Ended" }
    if (isAct(directive)) acts.push(directive)
  }
}
