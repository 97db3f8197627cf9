/**
 * Events about what the model is sent of a session, which may be less than all that was said: the log itself keeps
 * everything.
 */
import * as Schema from "effect/Schema"
import * as Response from "effect/ai/Response"
import { Attachment } from "./Attachment.ts"
import { AgentId, TurnId } from "./Ids.ts"
import { Note } from "./Note.ts"
import { PriorMessage } from "./PriorMessage.ts"
import { Pin, SessionSettings } from "./SessionChange.ts"

/** The provider has counted what a step would send, in tokens, and it is too much: the step is not counted. */
export const ContextMeasured = Schema.Struct({
  type: Schema.tag("ContextMeasured"),
  turn: TurnId,
  step: Schema.Int,
  tokens: Schema.Int
})

/** The model refused a step because it was sent more than it takes; the step is not counted. */
export const ContextOverflowed = Schema.Struct({
  type: Schema.tag("ContextOverflowed"),
  turn: TurnId,
  step: Schema.Int,
  detail: Schema.String
})

/** What makes a compaction due: the window is nearly full, or the model said it is. */
export const CompactionReason = Schema.Literals(["window", "overflow"])
export type CompactionReason = typeof CompactionReason.Type

/** The model is about to be asked for a note on everything up to event `through`. */
export const CompactionStarted = Schema.Struct({
  type: Schema.tag("CompactionStarted"),
  turn: TurnId,
  reason: CompactionReason,
  through: Schema.Int
})

/** A message that waited for its turn as the compacted part of the log ended. */
export const CarriedMessage = Schema.Struct({
  seq: Schema.Int,
  turn: TurnId,
  agent: AgentId,
  text: Schema.String,
  files: Schema.optionalKey(Schema.Array(Attachment)),
  preceding: Schema.Array(PriorMessage)
})

/** What else a session was, beside what had been said, as event `through` was its last. */
export const Carried = Schema.Struct({
  agent: AgentId,
  waiting: Schema.Array(CarriedMessage),
  allowed: Schema.Array(Schema.String),
  pinned: Schema.Array(Pin),
  settings: SessionSettings
})
export type Carried = typeof Carried.Type

/**
 * From here on `note` is sent in place of everything up to event `through`, the last one before a turn that is kept whole;
 * outputs of tools up to event `outputs` are left out of what is kept. How it was made: by the model's summary, or, where
 * that failed or did not help (`detail` says why), by leaving out old outputs or old turns. Sizes are estimates in tokens.
 */
export const Compacted = Schema.Struct({
  type: Schema.tag("Compacted"),
  turn: TurnId,
  reason: CompactionReason,
  method: Schema.Literals(["summarised", "outputsDropped", "turnsDropped"]),
  through: Schema.Int,
  outputs: Schema.Int,
  note: Note,
  carried: Carried,
  before: Schema.Int,
  after: Schema.Int,
  detail: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Schema.toEncoded(Response.Usage)),
  model: Schema.optionalKey(Schema.String),
  cost: Schema.optionalKey(Schema.Finite)
})
