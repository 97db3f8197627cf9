/**
 * Where a session lives.
 *
 * Whoever has something to say to a session says it here, without knowing whether the session sleeps as rows on
 * disk, runs on this node or on another. What is accepted is on disk.
 */
import * as Context from "effect/Context"
import type { Effect, Option, Scope, Stream } from "effect"
import type { Verdict } from "../domain/Approval.ts"
import type { AgentId, ApprovalId, SessionId, TurnId } from "../domain/Ids.ts"
import type { PriorMessage } from "../domain/PriorMessage.ts"
import type { MidTurn } from "../domain/SessionChange.ts"
import type { SessionEvent, SessionSummary } from "../domain/SessionEvent.ts"
import type { SessionExists, StoreUnavailable } from "../sessions/SessionStore.ts"
import type { AgentUnknown } from "./Agents.ts"
import type { BroughtFile } from "./BroughtFile.ts"
import type {
  AgentMissing,
  Draining,
  ForkOutOfRange,
  LogUnfit,
  ModelUnknown,
  NothingSaid,
  PinLimitReached,
  SessionCrowded,
  SessionLimitReached,
  SessionTaken,
  SessionUnknown
} from "./DirectoryError.ts"

/** Where a message belongs. `externalId` is its sender's own id for it, unique within `channel`. */
export interface Addressed {
  readonly session: SessionId
  /** Needed for a new session; must be the session's own for an old one. */
  readonly agent?: AgentId | undefined
  readonly channel: string
  readonly externalId?: string | undefined
}

/** A message that precedes the one on its way in. */
export interface IncomingPrior extends Pick<PriorMessage, "role" | "text"> {
  readonly files?: ReadonlyArray<BroughtFile>
}

/** A message on its way in. Its files are such as `BroughtFile.ts` finds nothing wrong with. */
export interface Incoming extends Addressed {
  readonly text: string
  readonly files?: ReadonlyArray<BroughtFile> | undefined
  readonly preceding?: ReadonlyArray<IncomingPrior> | undefined
}

/** Where the message is in the log; `repeated` when it had been accepted before. */
export interface Accepted {
  readonly session: SessionId
  readonly turn: TurnId
  readonly seq: number
  readonly repeated: boolean
}

/** What is to be different about a session: null takes it away, and what is not named stays as it is. */
export interface Change {
  readonly name?: string | null | undefined
  /** `provider/model`; from the next turn on. */
  readonly model?: string | null | undefined
  readonly midTurn?: MidTurn | null | undefined
}

/** A log from outside: the session was called `from` there, and is to belong to `agent` here. */
export interface Arriving<E> {
  readonly session: SessionId
  readonly from: SessionId
  readonly agent: AgentId
  /** Numbered from 1 without gaps. */
  readonly log: Stream.Stream<SessionEvent, E>
}

export class Directory extends Context.Service<
  Directory,
  {
    /** Takes a message in: on disk when this succeeds, and the session wakes. */
    accept(
      message: Incoming
    ): Effect.Effect<
      Accepted,
      AgentUnknown | AgentMissing | SessionTaken | SessionLimitReached | SessionCrowded | Draining | StoreUnavailable
    >
    /** Asks the running turn to stop, or ends the one that waits to start; none when there is neither. */
    cancel(session: SessionId, reason: string): Effect.Effect<Option.Option<TurnId>, SessionUnknown | StoreUnavailable>
    /** Records how a request for approval ended; false when it is not open any more. */
    settle(
      session: SessionId,
      approval: ApprovalId,
      verdict: Verdict | "expired",
      options: { readonly by?: string | undefined; readonly reason?: string | undefined }
    ): Effect.Effect<boolean, StoreUnavailable>
    /** Names a session, or gives it settings of its own. */
    configure(
      session: SessionId,
      change: Change
    ): Effect.Effect<SessionSummary, SessionUnknown | ModelUnknown | StoreUnavailable>
    /** Keeps what an event said whole, however often the session is compacted. Once pinned, again does nothing. */
    pin(
      session: SessionId,
      event: number
    ): Effect.Effect<void, SessionUnknown | NothingSaid | PinLimitReached | StoreUnavailable>
    /** Takes a pin away; does nothing where there is none. */
    unpin(session: SessionId, event: number): Effect.Effect<void, SessionUnknown | StoreUnavailable>
    /**
     * Copies a session up to event `through` into a new one, which gets a name of its own if none is given. The copy is at
     * rest, with a turn that was open there cancelled; the original goes on undisturbed.
     */
    fork(
      session: SessionId,
      through: number,
      into?: SessionId
    ): Effect.Effect<
      SessionSummary,
      SessionUnknown | ForkOutOfRange | LogUnfit | SessionExists | SessionLimitReached | Draining | StoreUnavailable
    >
    /** Takes in a whole log as a new session, all or nothing. It is at rest, like a fork. */
    adopt<E>(
      arriving: Arriving<E>
    ): Effect.Effect<
      SessionSummary,
      AgentUnknown | LogUnfit | SessionExists | SessionLimitReached | Draining | StoreUnavailable | E
    >
    /**
     * Deletes a session for good. What runs in it is cancelled and has stopped before; who speaks to it meanwhile waits, and
     * then speaks to a new one.
     */
    remove(session: SessionId): Effect.Effect<void, SessionUnknown | StoreUnavailable>
    /** Succeeds, with the number of its last event, when the session is removed after this; watches until the Scope closes. */
    departure(session: SessionId): Effect.Effect<Effect.Effect<number>, never, Scope.Scope>
    /** Sessions that are being served right now. */
    readonly active: Effect.Effect<number>
    /** Waits until no session is being served. Meant for when nothing new is taken any more. */
    readonly quiet: Effect.Effect<void>
  }
>()("fiberclaw/agents/Directory") {}
