/**
 * The rows that follow from appended events: which sessions there are, which messages were accepted, which turns
 * are unfinished, which approvals are open.
 *
 * Every store writes them in the same transaction as the events, so they never say anything the logs do not.
 * `changes` is filled by folding over events; rows of one key are folded into one.
 */
import { Approval, type Settlement } from "../domain/Approval.ts"
import type { AgentId, ApprovalId, SessionId, TurnId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../domain/SessionEvent.ts"

export interface SessionRow {
  readonly id: SessionId
  readonly agent: AgentId
  readonly createdAt: string
  readonly updatedAt: string
  readonly seq: number
}

export interface MessageRow {
  readonly channel: string
  readonly externalId: string
  readonly session: SessionId
  readonly turn: TurnId
  readonly seq: number
}

/** A turn that has ended never becomes unfinished again. */
export interface TurnRow {
  readonly session: SessionId
  readonly turn: TurnId
  readonly ended: boolean
}

/** Rows by key: `pairKey` of (channel, externalId) for messages and of (session, turn) for turns. */
export interface Changes {
  readonly sessions: Map<SessionId, SessionRow>
  readonly messages: Map<string, MessageRow>
  readonly turns: Map<string, TurnRow>
  readonly asked: Map<ApprovalId, Approval>
  /** The first settlement of each approval; one that was settled before keeps its own. */
  readonly settled: Map<ApprovalId, Settlement>
}

export const noChanges = (): Changes => ({
  sessions: new Map(),
  messages: new Map(),
  turns: new Map(),
  asked: new Map(),
  settled: new Map()
})

/** One key for two strings: the first one's length keeps ("a", "bc") and ("ab", "c") apart. */
export const pairKey = (first: string, second: string): string => `${first.length}:${first}${second}`

/** The agent a log belongs to: the one its first event that names any names. */
export const agentOf = (events: ReadonlyArray<NewSessionEvent>): AgentId | undefined => {
  for (const event of events) if ("agent" in event) return event.agent
  return undefined
}

/** Folds events that continue the log of `session`, whose row was `before`, into `changes`. */
export const project = (
  changes: Changes,
  session: SessionId,
  before: SessionRow | undefined,
  agent: AgentId,
  events: readonly [SessionEvent, ...ReadonlyArray<SessionEvent>]
): void => {
  for (const event of events) projectEvent(changes, session, event)
  const last = events.at(-1) ?? events[0]
  const createdAt = before?.createdAt ?? events[0].at
  changes.sessions.set(session, { id: session, agent, createdAt, updatedAt: last.at, seq: last.seq })
}

const projectEvent = (changes: Changes, session: SessionId, event: SessionEvent): void => {
  switch (event.type) {
    case "MessageAccepted": {
      projectTurn(changes, { session, turn: event.turn, ended: false })
      const { channel, externalId, seq, turn } = event
      if (externalId === undefined) return
      changes.messages.set(pairKey(channel, externalId), { channel, externalId, session, turn, seq })
      return
    }
    case "TurnEnded":
      return projectTurn(changes, { session, turn: event.turn, ended: true })
    case "ApprovalAsked": {
      const { agent, approval: id, at: askedAt, call, expiresAt, summary, tool, turn } = event
      changes.asked.set(id, new Approval({ id, session, agent, turn, call, tool, summary, askedAt, expiresAt }))
      return
    }
    case "ApprovalSettled":
      if (!changes.settled.has(event.approval)) changes.settled.set(event.approval, event.verdict)
      return
  }
}

const projectTurn = (changes: Changes, row: TurnRow): void => {
  const key = pairKey(row.session, row.turn)
  if (row.ended || !changes.turns.has(key)) changes.turns.set(key, row)
}
