/**
 * Where a session lives.
 *
 * Whoever has something to say to a session says it here, without knowing whether the session sleeps as rows on
 * disk, runs on this node or on another. What is accepted is on disk.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type { Effect, Option } from "effect"
import type { Verdict } from "../domain/Approval.ts"
import { AgentId, type ApprovalId, SessionId, type TurnId } from "../domain/Ids.ts"
import type { PriorMessage } from "../domain/PriorMessage.ts"
import type { StoreUnavailable } from "../sessions/SessionStore.ts"
import type { AgentUnknown } from "./Agents.ts"

/** A message on its way in. `externalId` is its sender's own id for it, unique within `channel`. */
export interface Incoming {
  readonly session: SessionId
  /** Needed for a new session; must be the session's own for an old one. */
  readonly agent?: AgentId | undefined
  readonly channel: string
  readonly externalId?: string | undefined
  readonly text: string
  readonly preceding?: ReadonlyArray<PriorMessage> | undefined
}

/** Where the message is in the log; `repeated` when it had been accepted before. */
export interface Accepted {
  readonly session: SessionId
  readonly turn: TurnId
  readonly seq: number
  readonly repeated: boolean
}

/** The session belongs to another agent. */
export class SessionTaken extends Schema.TaggedError<SessionTaken>()("SessionTaken", {
  session: SessionId,
  agent: AgentId
}) {
  override get message() {
    return `session ${this.session} belongs to agent ${this.agent}`
  }
}

/** A new session has to say which agent it is with. */
export class AgentMissing extends Schema.TaggedError<AgentMissing>()("AgentMissing", { session: SessionId }) {
  override get message() {
    return `session ${this.session} is new: say which agent it is with`
  }
}

/** Nothing was ever said in this session. */
export class SessionUnknown extends Schema.TaggedError<SessionUnknown>()("SessionUnknown", { session: SessionId }) {
  override get message() {
    return `there is no session ${this.session}`
  }
}

/** The tenant has as many sessions as it may. */
export class SessionLimitReached extends Schema.TaggedError<SessionLimitReached>()("SessionLimitReached", {
  limit: Schema.Int
}) {
  override get message() {
    return `the tenant has reached its limit of ${this.limit} sessions`
  }
}

/** The service is stopping and takes nothing new. */
export class Draining extends Schema.TaggedError<Draining>()("Draining", {}) {
  override get message() {
    return "the service is stopping; send it again in a moment"
  }
}

export class Directory extends Context.Service<
  Directory,
  {
    /** Takes a message in: on disk when this succeeds, and the session wakes. */
    accept(
      message: Incoming
    ): Effect.Effect<
      Accepted,
      AgentUnknown | AgentMissing | SessionTaken | SessionLimitReached | Draining | StoreUnavailable
    >
    /** Asks the running turn to stop; none when nothing runs. */
    cancel(session: SessionId, reason: string): Effect.Effect<Option.Option<TurnId>, SessionUnknown | StoreUnavailable>
    /** Records how a request for approval ended; false when it is not open any more. */
    settle(
      session: SessionId,
      approval: ApprovalId,
      verdict: Verdict | "expired",
      options: { readonly by?: string | undefined; readonly reason?: string | undefined }
    ): Effect.Effect<boolean, StoreUnavailable>
    /** Sessions that are being served right now. */
    readonly active: Effect.Effect<number>
    /** Waits until no session is being served. Meant for when nothing new is taken any more. */
    readonly quiet: Effect.Effect<void>
  }
>()("fiberclaw/agents/Directory") {}
