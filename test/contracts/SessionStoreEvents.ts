/** Short ways to say what is appended. */
import type { Settlement } from "../../src/domain/Approval.ts"
import { AgentId, ApprovalId, CallId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"

export const session = SessionId.make
export const turn = TurnId.make

export const accepted = (
  inTurn: string,
  externalId?: string,
  channel = "discord",
  agent = "main"
): NewSessionEvent => ({
  type: "MessageAccepted",
  turn: turn(inTurn),
  agent: AgentId.make(agent),
  channel,
  text: "hello",
  ...(externalId !== undefined && { externalId })
})

export const called = (inTurn: string, step: number): NewSessionEvent => ({
  type: "ModelCalled",
  turn: turn(inTurn),
  step,
  model: "demo/demo"
})

export const ended = (inTurn: string): NewSessionEvent => ({
  type: "TurnEnded",
  turn: turn(inTurn),
  outcome: "completed"
})

export const asked = (inTurn: string, id: string): NewSessionEvent => ({
  type: "ApprovalAsked",
  turn: turn(inTurn),
  approval: ApprovalId.make(id),
  agent: AgentId.make("main"),
  call: CallId.make("call"),
  tool: "exec",
  summary: "rm -rf /",
  expiresAt: "2030-01-01T00:00:00.000Z"
})

export const settled = (inTurn: string, id: string, verdict: Settlement): NewSessionEvent => ({
  type: "ApprovalSettled",
  turn: turn(inTurn),
  approval: ApprovalId.make(id),
  verdict
})
