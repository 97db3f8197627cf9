/**
 * The entries of a session's log, in the past tense. The log is the only truth about a session: what the model
 * is sent, what happens next and what a person is shown are all folds over it.
 *
 * An event is written before the act it announces and after the act it reports; nothing is ever changed or
 * removed. Content a model wrote or will read is kept in the vocabulary of `effect/ai`'s Prompt.
 */
import * as Schema from "effect/Schema"
import * as Tuple from "effect/Tuple"
import * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import { Settlement } from "./Approval.ts"
import { Attachment, type KeptFile } from "./Attachment.ts"
import { CompactionStarted, Compacted, ContextMeasured, ContextOverflowed } from "./ContextEvent.ts"
import { AgentId, ApprovalId, CallId, SessionId, TurnId } from "./Ids.ts"
import { PriorMessage } from "./PriorMessage.ts"
import {
  Pinned,
  SessionConfigured,
  SessionForked,
  SessionImported,
  SessionRenamed,
  SessionSettings,
  Unpinned
} from "./SessionChange.ts"
import { EffectClass } from "./ToolEffect.ts"

/** Why a turn failed: a stable lower_snake_case `type` for programs and a sentence for people. */
export const Failure = Schema.Struct({ type: Schema.String, message: Schema.String })
export type Failure = typeof Failure.Type

/**
 * A person's message is on disk, with the files it brings; only then is its sender acknowledged. Unique by (channel,
 * externalId). Its text is empty only where it brings files.
 */
export const MessageAccepted = Schema.Struct({
  type: Schema.tag("MessageAccepted"),
  turn: TurnId,
  agent: AgentId,
  channel: Schema.String,
  externalId: Schema.optionalKey(Schema.String),
  text: Schema.String,
  files: Schema.optionalKey(Schema.Array(Attachment)),
  preceding: Schema.optionalKey(Schema.Array(PriorMessage))
})

/** The turn began, on this generation of the tenant's config. */
export const TurnStarted = Schema.Struct({
  type: Schema.tag("TurnStarted"),
  turn: TurnId,
  agent: AgentId,
  generation: Schema.Int,
  model: Schema.String
})

/** An earlier incarnation was cut off while a model or a tool was at work; the turn goes on from here. */
export const TurnResumed = Schema.Struct({ type: Schema.tag("TurnResumed"), turn: TurnId })

/** The model is about to be asked. Steps count from 1 within a turn. */
export const ModelCalled = Schema.Struct({
  type: Schema.tag("ModelCalled"),
  turn: TurnId,
  step: Schema.Int,
  model: Schema.String
})

/** A model that was asked in vain before another one answered. */
export const Detour = Schema.Struct({ model: Schema.String, reason: Schema.String, detail: Schema.String })
export type Detour = typeof Detour.Type

/**
 * The model's whole reply. `model` is who gave it, as `provider/model`; `detours` are those asked before, in vain; `id` is
 * the vendor's own of the reply; `cost` is in US dollars, and absent where the model has no known price; `stop` says why
 * the model would not go on, where it said so.
 */
export const ModelReplied = Schema.Struct({
  type: Schema.tag("ModelReplied"),
  turn: TurnId,
  step: Schema.Int,
  content: Schema.Array(Schema.toEncoded(Prompt.AssistantMessagePart)),
  finishReason: Response.FinishReason,
  usage: Schema.toEncoded(Response.Usage),
  model: Schema.optionalKey(Schema.String),
  detours: Schema.optionalKey(Schema.Array(Detour)),
  id: Schema.optionalKey(Schema.String),
  cost: Schema.optionalKey(Schema.Finite),
  stop: Schema.optionalKey(
    Schema.Struct({ category: Schema.optionalKey(Schema.String), explanation: Schema.optionalKey(Schema.String) })
  )
})

/**
 * The reply broke off after some of it had been shown. `text` is what is kept of it and gone on with; where that is empty
 * the reply is begun again with the next step, and what was shown of it is superseded. `usage` and `cost` are guesses: the vendor, which counts
 * it as well, says only at the end of a reply what it took.
 */
export const ReplyCut = Schema.Struct({
  type: Schema.tag("ReplyCut"),
  turn: TurnId,
  step: Schema.Int,
  text: Schema.String,
  reason: Schema.String,
  detail: Schema.String,
  model: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Schema.toEncoded(Response.Usage)),
  cost: Schema.optionalKey(Schema.Finite)
})

/** The model is asked to go on where its reply stopped: at its length limit, or where it was cut off. */
export const ReplyContinued = Schema.Struct({
  type: Schema.tag("ReplyContinued"),
  turn: TurnId,
  cause: Schema.Literals(["length", "cut"])
})

/** A tool is about to run. `key` is the same for every run of this call, so that a tool can recognise it. */
export const ToolCalled = Schema.Struct({
  type: Schema.tag("ToolCalled"),
  turn: TurnId,
  step: Schema.Int,
  call: CallId,
  tool: Schema.String,
  input: Schema.Json,
  effect: EffectClass,
  key: Schema.String
})

/**
 * How a tool call ended. `unknown`: it was cut off and must not be repeated. `refused`: it was never run
 * (no such tool, bad input, denied, nobody answered). Every call the model made gets exactly one.
 */
export const ToolReturned = Schema.Struct({
  type: Schema.tag("ToolReturned"),
  turn: TurnId,
  step: Schema.Int,
  call: CallId,
  outcome: Schema.Literals(["succeeded", "failed", "refused", "cancelled", "unknown"]),
  output: Schema.String
})

/** A tool call waits for a person until `expiresAt` (ISO 8601). */
export const ApprovalAsked = Schema.Struct({
  type: Schema.tag("ApprovalAsked"),
  turn: TurnId,
  approval: ApprovalId,
  agent: AgentId,
  call: CallId,
  tool: Schema.String,
  summary: Schema.String,
  expiresAt: Schema.String
})

/** The first verdict, or nobody's in time. */
export const ApprovalSettled = Schema.Struct({
  type: Schema.tag("ApprovalSettled"),
  turn: TurnId,
  approval: ApprovalId,
  verdict: Settlement,
  reason: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String)
})

/** Messages that arrived mid-turn, by the sequence numbers of their acceptance, join before the next step. */
export const Steered = Schema.Struct({ type: Schema.tag("Steered"), turn: TurnId, messages: Schema.Array(Schema.Int) })

/** Somebody asked for the turn to stop; what runs is interrupted and the turn ends as cancelled. */
export const CancelRequested = Schema.Struct({
  type: Schema.tag("CancelRequested"),
  turn: TurnId,
  reason: Schema.String
})

/** The turn is over; a failure says why. `cutShort`: its answer is not whole, as it reached its length limit too often. */
export const TurnEnded = Schema.Struct({
  type: Schema.tag("TurnEnded"),
  turn: TurnId,
  outcome: Schema.Literals(["completed", "failed", "cancelled"]),
  failure: Schema.optionalKey(Failure),
  cutShort: Schema.optionalKey(Schema.Literal("length"))
})

/** An event that is not in a log yet. */
export const NewSessionEvent = Schema.Union([
  MessageAccepted,
  TurnStarted,
  TurnResumed,
  ModelCalled,
  ModelReplied,
  ReplyCut,
  ReplyContinued,
  ToolCalled,
  ToolReturned,
  ApprovalAsked,
  ApprovalSettled,
  Steered,
  CancelRequested,
  ContextMeasured,
  ContextOverflowed,
  CompactionStarted,
  Compacted,
  TurnEnded,
  Pinned,
  Unpinned,
  SessionRenamed,
  SessionConfigured,
  SessionForked,
  SessionImported
])
export type NewSessionEvent = typeof NewSessionEvent.Type

/**
 * One entry of a session's log, as stored, streamed and answered over HTTP. `seq` counts from 1 within its
 * session without gaps; `at` is an ISO 8601 instant.
 */
export const SessionEvent = NewSessionEvent.mapMembers(
  Tuple.map(Schema.fieldsAssign({ seq: Schema.Int, at: Schema.String }))
)
export type SessionEvent = typeof SessionEvent.Type

export type SessionEventOf<Type extends SessionEvent["type"]> = Extract<SessionEvent, { readonly type: Type }>
export type NewSessionEventOf<Type extends SessionEvent["type"]> = Extract<NewSessionEvent, { readonly type: Type }>

/** The turn an event is part of; none for what concerns the session as a whole. */
export const turnOf = (event: NewSessionEvent | SessionEvent): TurnId | undefined =>
  "turn" in event ? event.turn : undefined

/** The files whose bytes have to be kept for a message. */
export const keptBy = ({
  files = [],
  preceding = []
}: Pick<NewSessionEventOf<"MessageAccepted">, "files" | "preceding">): ReadonlyArray<KeptFile> =>
  [...preceding.flatMap((prior) => prior.files ?? []), ...files].filter((file) => "sha256" in file)

/** What a reply says, without its thinking and its tool calls; of one that was cut off, what is kept of it. */
export const textOf = (
  reply: Pick<NewSessionEventOf<"ModelReplied">, "content"> | Pick<NewSessionEventOf<"ReplyCut">, "text">
): string =>
  "text" in reply ? reply.text : reply.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")

/** What is left to show of a reply of which `shown` was seen already; a reply that came out otherwise is shown anew. */
export const unseen = (whole: string, shown: string, anew: string): string =>
  whole.startsWith(shown) ? whole.slice(shown.length) : `${anew}${whole}`

/**
 * A session as lists show it. `unfinished` counts accepted turns that have not ended; `compacted` is the sequence number of
 * the newest `Compacted`, 0 if there is none; `forkedFrom` says of which session's events it began as a copy.
 */
export class SessionSummary extends Schema.Class<SessionSummary>("SessionSummary")({
  id: SessionId,
  agent: AgentId,
  name: Schema.optionalKey(Schema.String),
  createdAt: Schema.String,
  updatedAt: Schema.String,
  seq: Schema.Int,
  unfinished: Schema.Int,
  compacted: Schema.Int,
  settings: SessionSettings,
  forkedFrom: Schema.optionalKey(Schema.Struct({ session: SessionId, through: Schema.Int }))
}) {}
