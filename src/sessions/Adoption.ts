/**
 * What follows from a whole log that becomes a new session: its row, and the messages it holds. Every store that adopts
 * one asks this, event by event. A log that is not fit to be adopted is a mistake of the caller, and thrown.
 */
import type { AgentId, SessionId, TurnId } from "../domain/Ids.ts"
import type { SessionEvent, SessionEventOf } from "../domain/SessionEvent.ts"
import { agentOf, detailsAfter, type MessageRow, plain, type SessionDetails, type SessionRow } from "./Projection.ts"

export class Adoption {
  readonly messages: Array<MessageRow> = []
  private readonly session: SessionId
  private readonly unended = new Set<TurnId>()
  private agent: AgentId | undefined
  private first: SessionEvent | undefined
  private last: SessionEvent | undefined
  private details = plain

  constructor(session: SessionId) {
    this.session = session
  }

  /** The next event; throws unless it is numbered on from the last one. */
  take(event: SessionEvent): void {
    const next = (this.last?.seq ?? 0) + 1
    if (event.seq !== next) throw this.unfit(`has event ${event.seq} where ${next} was to come`)
    this.first ??= event
    this.last = event
    this.agent ??= agentOf([event])
    this.details = detailsAfter(this.details, event)
    if (event.type === "TurnEnded") this.unended.delete(event.turn)
    if (event.type === "MessageAccepted") this.accepted(event)
  }

  /** The session's row, once the last event is taken; throws when a turn has not ended or no event names an agent. */
  row(): SessionRow & SessionDetails {
    const { agent, details, first, last, session: id } = this
    if (this.unended.size > 0) throw this.unfit("has a turn that has not ended")
    if (agent === undefined || first === undefined || last === undefined) throw this.unfit("names no agent")
    return { id, agent, createdAt: first.at, updatedAt: last.at, seq: last.seq, ...details }
  }

  private accepted({ channel, externalId, seq, turn }: SessionEventOf<"MessageAccepted">): void {
    this.unended.add(turn)
    if (externalId !== undefined) this.messages.push({ channel, externalId, session: this.session, turn, seq })
  }

  private unfit(fault: string): Error {
    return new Error(`the log that is to become session ${this.session} ${fault}`)
  }
}
