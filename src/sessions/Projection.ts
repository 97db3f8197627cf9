/**
 * The rows that follow from appended events: which sessions there are, which messages were accepted, which turns
 * are unfinished, which approvals are open, what models were used for.
 *
 * Every store writes them in the same transaction as the events, so they never say anything the logs do not.
 * `changes` is filled by folding over events; rows of one key are folded into one.
 */
import { Approval, type Settlement } from "../domain/Approval.ts"
import type { KeptFile } from "../domain/Attachment.ts"
import { type Day, dayOf } from "../domain/Day.ts"
import type { AgentId, ApprovalId, SessionId, TurnId } from "../domain/Ids.ts"
import type { SessionSettings } from "../domain/SessionChange.ts"
import { keptBy, type NewSessionEvent, type SessionEvent, type SessionEventOf } from "../domain/SessionEvent.ts"
import { none, plus, type Usage, usedIn } from "../domain/Usage.ts"
import { configured } from "./SessionLog.ts"

export interface SessionRow {
  readonly id: SessionId
  readonly agent: AgentId
  readonly createdAt: string
  readonly updatedAt: string
  readonly seq: number
}

/** What else there is to say of a session, which few events change. */
export interface SessionDetails {
  /** The sequence number of the newest `Compacted`; 0 if there is none. */
  readonly compacted: number
  readonly settings: SessionSettings
  readonly name?: string
  readonly forkedFrom?: { readonly session: SessionId; readonly through: number }
}

export interface MessageRow {
  readonly channel: string
  readonly externalId: string
  readonly session: SessionId
  readonly turn: TurnId
  readonly seq: number
}

/** A turn that was accepted; what has ended needs no row. */
export interface TurnRow {
  readonly session: SessionId
  readonly turn: TurnId
  readonly ended: boolean
}

/** A file that a session's log names. */
export interface BroughtRow {
  readonly session: SessionId
  readonly file: KeptFile
}

/** An approval of another session is none of this one's. */
export interface SettledRow {
  readonly session: SessionId
  readonly id: ApprovalId
  readonly settlement: Settlement
}

/** What a session used of one model on one day; in `Changes`, what is to be added to that. */
export interface UsageRow extends Usage {
  readonly day: Day
  readonly agent: AgentId
  readonly session: SessionId
  readonly model: string
}

/**
 * Rows by key: `pairKey` of (channel, externalId) for messages, (session, turn) for turns, (session, id) for `settled`;
 * usage by day, agent, session and model.
 */
export interface Changes {
  readonly sessions: Map<SessionId, SessionRow>
  /** The events that change a session's details, for `detailsAfter`. */
  readonly detailing: Map<SessionId, Array<DetailEvent>>
  readonly messages: Map<string, MessageRow>
  readonly turns: Map<string, TurnRow>
  readonly brought: Array<BroughtRow>
  readonly asked: Map<ApprovalId, Approval>
  /** The first settlement of each approval; one that was settled before keeps its own. */
  readonly settled: Map<string, SettledRow>
  readonly usage: Map<string, UsageRow>
}

export const noChanges = (): Changes => ({
  sessions: new Map(),
  detailing: new Map(),
  messages: new Map(),
  turns: new Map(),
  brought: [],
  asked: new Map(),
  settled: new Map(),
  usage: new Map()
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
  for (const event of events) {
    projectEvent(changes, session, event)
    projectUsage(changes, session, agent, event)
  }
  const { at, seq } = events.at(-1) ?? events[0]
  const createdAt = before?.createdAt ?? events[0].at
  changes.sessions.set(session, { id: session, agent, createdAt, updatedAt: at, seq })
}

export type DetailEvent = SessionEventOf<"Compacted" | "SessionConfigured" | "SessionForked" | "SessionRenamed">

/** The details of a session that has none. */
export const plain: SessionDetails = { compacted: 0, settings: {} }

/** Details after one more event. */
export const detailsAfter = (details: SessionDetails, event: SessionEvent): SessionDetails => {
  switch (event.type) {
    case "Compacted":
      return { ...details, compacted: event.seq }
    case "SessionConfigured":
      return { ...details, settings: configured(details.settings, event) }
    case "SessionForked":
      return { ...details, forkedFrom: { session: event.from, through: event.through } }
    case "SessionRenamed": {
      const { name: _, ...rest } = details
      return event.name === null ? rest : { ...rest, name: event.name }
    }
    default:
      return details
  }
}

const projectEvent = (changes: Changes, session: SessionId, event: SessionEvent): void => {
  switch (event.type) {
    case "Compacted":
    case "SessionConfigured":
    case "SessionForked":
    case "SessionRenamed": {
      const before = changes.detailing.get(session)
      if (before === undefined) changes.detailing.set(session, [event])
      else before.push(event)
      return
    }
    case "MessageAccepted": {
      projectTurn(changes, { session, turn: event.turn, ended: false })
      for (const file of keptBy(event)) changes.brought.push({ session, file })
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
    case "ApprovalSettled": {
      const key = pairKey(session, event.approval)
      if (changes.settled.has(key)) return
      changes.settled.set(key, { session, id: event.approval, settlement: event.verdict })
      return
    }
  }
}

const projectUsage = ({ usage }: Changes, session: SessionId, agent: AgentId, event: SessionEvent): void => {
  const used = usedIn(event)
  if (used !== undefined) addUsage(usage, { day: dayOf(event.at), agent, session, model: used.model, ...used.usage })
}

/** Adds to the row of the same day, agent, session and model. */
export const addUsage = (rows: Map<string, UsageRow>, row: UsageRow): void => {
  const { agent, day, model, session } = row
  const key = `${day} ${agent} ${session} ${model}`
  rows.set(key, { day, agent, session, model, ...plus(rows.get(key) ?? none, row) })
}

const projectTurn = (changes: Changes, row: TurnRow): void => {
  changes.turns.set(pairKey(row.session, row.turn), row)
}
