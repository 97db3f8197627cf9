/** What a session's log amounts to, as a value. How it comes about is `SessionLog`'s business. */
import type { Settlement } from "../domain/Approval.ts"
import type { Attachment } from "../domain/Attachment.ts"
import type { AgentId, ApprovalId, CallId, TurnId } from "../domain/Ids.ts"
import type { Note } from "../domain/Note.ts"
import type { PriorMessage } from "../domain/PriorMessage.ts"
import type { Pin, SessionSettings } from "../domain/SessionChange.ts"
import type { NewSessionEventOf } from "../domain/SessionEvent.ts"
import type { EffectClass } from "../domain/ToolEffect.ts"
import type { History } from "./History.ts"

/** An accepted message that has not reached the model yet. */
export interface WaitingMessage {
  readonly seq: number
  readonly turn: TurnId
  readonly agent: AgentId
  readonly text: string
  readonly files?: ReadonlyArray<Attachment>
  readonly preceding: ReadonlyArray<PriorMessage>
}

/**
 * How far a tool call has come: `asked` by the model, `awaiting` a person, settled by one (`allowed`,
 * `declined`), `running`, `cut` off by a crash while it ran, or `returned`.
 */
export type CallStatus = "asked" | "awaiting" | "allowed" | "declined" | "running" | "cut" | "returned"

export interface CallState {
  readonly id: CallId
  readonly tool: string
  readonly input: unknown
  readonly status: CallStatus
  readonly approval?: ApprovalId
  readonly verdict?: { readonly verdict: Settlement; readonly reason?: string | undefined }
  readonly effect?: EffectClass
  /** What the model wrote as its input makes no sense, as where it was cut off: it must not run. */
  readonly malformed?: boolean
  readonly result?: { readonly failed: boolean; readonly output: string }
}

export interface TurnState {
  readonly id: TurnId
  readonly agent: AgentId
  /** The model it runs on, as `provider/model`. */
  readonly model: string
  readonly generation: number
  readonly step: number
  /** Whether the model is being asked right now. */
  readonly asking: boolean
  /** Whether the model is being asked for a note right now. */
  readonly compacting: boolean
  /** How often in a row the model refused the step because it was sent too much. */
  readonly overflows: number
  /** Whether nothing was left out since it last refused. */
  readonly overflowing: boolean
  /** Why the last reply ended, once nothing of it is left to do; absent when the model has to be asked. */
  readonly finished?: NewSessionEventOf<"ModelReplied">["finishReason"]
  /** Whether the last reply said anything to a person, and why the model would not go on; as long as `finished` is there. */
  readonly spoke?: boolean
  readonly stop?: NewSessionEventOf<"ModelReplied">["stop"] & {}
  /** Why the last reply broke off, and whether what it had said is kept; until the model is asked again. */
  readonly broken?: { readonly reason: string; readonly detail: string; readonly kept: boolean }
  /** How often in a row replies broke off, and how often in a row one was gone on with at its length limit. */
  readonly cuts: number
  readonly continued: number
  /** How many of its steps went on with a reply or began it again: these are no steps further. */
  readonly goneOn: number
  /** The calls of the last reply, until every one of them has returned. */
  readonly calls: ReadonlyArray<CallState>
  readonly steering: ReadonlyArray<WaitingMessage>
  /** Messages whose own turns were cancelled before they began: the model is told them when this one is over. */
  readonly aside: ReadonlyArray<WaitingMessage>
  readonly cancelling?: string
  /** How often in a row the turn was resumed without getting any further. */
  readonly resumes: number
}

/** Where a turn began, and what the session was there beside what had been said. */
export interface Boundary extends Pick<SessionState, "waiting" | "alwaysAllowed" | "pinned" | "settings"> {
  /** The last event before the turn. */
  readonly through: number
  readonly agent: AgentId
  readonly before: Boundary | undefined
}

/** How much of the log is no longer sent to the model as it was said. */
export interface Compaction {
  readonly through: number
  readonly outputs: number
  readonly note: Note
}

/** What the provider said of a request: its tokens, when the history had `size` characters. */
export interface Measure {
  readonly tokens: number
  readonly size: number
}

export interface SessionState {
  /** The sequence number of the last event; 0 before the first. */
  readonly seq: number
  readonly agent?: AgentId
  readonly waiting: ReadonlyArray<WaitingMessage>
  /** Turns that wait and are to end before they begin. */
  readonly abandoned: ReadonlyArray<TurnId>
  readonly turn?: TurnState
  readonly history: History
  /** The turns whose messages are still sent as they were said, the newest first. */
  readonly boundary?: Boundary
  readonly compaction?: Compaction
  readonly measure?: Measure
  /** The vendor's id of the last reply. */
  readonly lastReply?: string
  /** Who made the last reply, as `provider/model`: the turn's own model, or one that stood in for it. */
  readonly answeredBy?: string
  /** Calls that a person allowed once and for all in this session, as `callKey` names them. */
  readonly alwaysAllowed: ReadonlySet<string>
  readonly pinned: ReadonlyArray<Pin>
  /** What it has of its own instead of its agent's. */
  readonly settings: SessionSettings
}
