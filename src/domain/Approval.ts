/** A tool call that may not run until a person says yes. */
import * as Schema from "effect/Schema"
import { AgentId, ApprovalId, CallId, SessionId, TurnId } from "./Ids.ts"

/** What a person may say: once, for this exact call from now on in this session, or no. */
export const Verdict = Schema.Literals(["allow", "allowAlways", "deny"])
export type Verdict = typeof Verdict.Type

/** How a request for approval ended: a person's verdict, nobody's in time, or a cancelled turn. */
export const Settlement = Schema.Literals(["allow", "allowAlways", "deny", "expired", "cancelled"])
export type Settlement = typeof Settlement.Type

/** An open request for approval. `askedAt` and `expiresAt` are ISO 8601 instants. */
export class Approval extends Schema.Class<Approval>("Approval")({
  id: ApprovalId,
  session: SessionId,
  agent: AgentId,
  turn: TurnId,
  call: CallId,
  tool: Schema.String,
  summary: Schema.String,
  askedAt: Schema.String,
  expiresAt: Schema.String
}) {}

/** Nobody ever asked for this approval in this tenant. */
export class ApprovalUnknown extends Schema.TaggedError<ApprovalUnknown>()("ApprovalUnknown", { id: ApprovalId }) {
  override get message() {
    return `there is no approval ${this.id}`
  }
}

/** The first verdict wins; this one came later. */
export class ApprovalAlreadySettled extends Schema.TaggedError<ApprovalAlreadySettled>()("ApprovalAlreadySettled", {
  id: ApprovalId,
  verdict: Settlement
}) {
  override get message() {
    return `approval ${this.id} is already settled: ${this.verdict}`
  }
}
