/** Short ways to say what is appended. */
import type { Settlement } from "../../src/domain/Approval.ts"
import { type FileBytes, Sha256 } from "../../src/domain/Attachment.ts"
import { AgentId, ApprovalId, CallId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import { blank } from "../../src/domain/Note.ts"
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

/** Bytes, under a hash that is only made up. */
export const fileOf = (digit: string): FileBytes => ({
  sha256: Sha256.make(digit.repeat(64)),
  data: new TextEncoder().encode(`bytes of ${digit}`)
})

export const dot = fileOf("d")

/** A message that brings these files. */
export const bringing = (inTurn: string, ...files: ReadonlyArray<FileBytes>): NewSessionEvent => ({
  type: "MessageAccepted",
  turn: turn(inTurn),
  agent: AgentId.make("main"),
  channel: "api",
  text: "look",
  files: files.map(({ data, sha256 }) => ({ name: "dot.png", mediaType: "image/png", bytes: data.length, sha256 }))
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

/** A message with this text. */
export const said = (inTurn: string, text: string, agent = "main"): NewSessionEvent => ({
  type: "MessageAccepted",
  turn: turn(inTurn),
  agent: AgentId.make(agent),
  channel: "api",
  text
})

export const replied = (inTurn: string, text: string): NewSessionEvent => ({
  type: "ModelReplied",
  turn: turn(inTurn),
  step: 1,
  content: [{ type: "text", text }],
  finishReason: "stop",
  usage: { inputTokens: { total: 1, uncached: 1 }, outputTokens: { total: 1 } }
})

export const returned = (inTurn: string, output: string): NewSessionEvent => ({
  type: "ToolReturned",
  turn: turn(inTurn),
  step: 1,
  call: CallId.make("call"),
  outcome: "succeeded",
  output
})

export const compacted = (inTurn: string, through: number): NewSessionEvent => ({
  type: "Compacted",
  turn: turn(inTurn),
  reason: "window",
  method: "summarised",
  through,
  outputs: 0,
  note: blank,
  carried: { agent: AgentId.make("main"), waiting: [], allowed: [], pinned: [], settings: {} },
  before: 2,
  after: 1
})
