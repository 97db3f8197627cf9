/**
 * The logs of one tenant's sessions.
 *
 * An append succeeds only when its events are on disk, all of them or none, directly after the sequence number
 * its caller saw. Two writers of one session, or the same message twice, are told apart by the store itself:
 * (session, seq) and (channel, externalId) are unique.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Option, Scope, Stream } from "effect"
import type { Approval } from "../domain/Approval.ts"
import type { FileBytes, MediaType, Sha256 } from "../domain/Attachment.ts"
import type { ApprovalId, SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent, SessionEventOf, SessionSummary } from "../domain/SessionEvent.ts"
import type { UsageShare } from "../domain/Usage.ts"
import { makeMemory } from "./MemorySessionStore.ts"
import {
  type ApprovalRecord,
  cursorOf,
  type Page,
  type SearchHit,
  type SearchQuery,
  type SessionQuery,
  type UsageQuery
} from "./SessionQuery.ts"
import { AppendConflict, DuplicateMessage, SessionExists, StoreUnavailable } from "./StoreError.ts"

// Part of the contract; they stand in files of their own because the store in memory needs them too.
export {
  AppendConflict,
  type ApprovalRecord,
  cursorOf,
  DuplicateMessage,
  type Page,
  type SearchHit,
  type SearchQuery,
  SessionExists,
  type SessionQuery,
  StoreUnavailable,
  type UsageQuery
}

/** The bytes of a file, and what they are. */
export interface FileFound {
  readonly name?: string
  readonly mediaType: MediaType
  readonly data: Uint8Array
}

export class SessionStore extends Context.Service<
  SessionStore,
  {
    /**
     * Appends `events` behind sequence number `after` (0: a new session) in one transaction and returns them
     * with the sequence numbers and the instant they got. Concurrent appends share one commit.
     */
    append(
      session: SessionId,
      after: number,
      events: readonly [NewSessionEvent, ...ReadonlyArray<NewSessionEvent>]
    ): Effect.Effect<ReadonlyArray<SessionEvent>, AppendConflict | DuplicateMessage | StoreUnavailable>
    /** The events of a session behind `after`, oldest first; none for a session that is not there. */
    read(session: SessionId, page: Page<number>): Effect.Effect<ReadonlyArray<SessionEvent>, StoreUnavailable>
    /**
     * Keeps the bytes that messages are about to name: they are on disk no later than such an event. When the Scope closes,
     * those that no log names are let go of.
     */
    keep(files: ReadonlyArray<FileBytes>): Effect.Effect<void, StoreUnavailable, Scope.Scope>
    /** A file that a message of this session brought; none for one of other sessions only. */
    file(session: SessionId, sha256: Sha256): Effect.Effect<Option.Option<FileFound>, StoreUnavailable>
    /** Where the message with this external id is, if it was ever accepted. */
    accepted(channel: string, externalId: string): Effect.Effect<Option.Option<DuplicateMessage>, StoreUnavailable>
    /** The newest `Compacted` of a session: its state needs nothing of the log before event `through` of that one. */
    compaction(session: SessionId): Effect.Effect<Option.Option<SessionEventOf<"Compacted">>, StoreUnavailable>
    /** One session, if it exists. */
    session(id: SessionId): Effect.Effect<Option.Option<SessionSummary>, StoreUnavailable>
    /** Sessions, in pages. */
    sessions(query: SessionQuery): Effect.Effect<ReadonlyArray<SessionSummary>, StoreUnavailable>
    /**
     * What was said in sessions (by people, models and tools) that holds every word of a text, the best match first. What
     * is on disk when the search begins is found.
     */
    search(query: SearchQuery): Effect.Effect<ReadonlyArray<SearchHit>, StoreUnavailable>
    /**
     * Writes a whole log as a new session, all or nothing: it is there once its last event is on disk. Events keep their
     * instants and are numbered from 1 without gaps; every turn in them has ended. Messages that are known already stay
     * where they are known.
     */
    adopt<E>(
      session: SessionId,
      log: Stream.Stream<SessionEvent, E>
    ): Effect.Effect<SessionSummary, SessionExists | StoreUnavailable | E>
    /**
     * Deletes a session with its log and its approvals for good; false when it is not there. That its messages were
     * accepted is remembered, so that a redelivery is not taken for a new message. Files that no other session names go.
     */
    remove(session: SessionId): Effect.Effect<boolean, StoreUnavailable>
    /** Sessions with a turn that was accepted and has not ended: what a start has to wake. */
    readonly unfinished: Effect.Effect<ReadonlyArray<SessionId>, StoreUnavailable>
    /** How many sessions there are. */
    readonly count: Effect.Effect<number, StoreUnavailable>
    /** Open approvals, oldest first. */
    readonly approvals: Effect.Effect<ReadonlyArray<Approval>, StoreUnavailable>
    /** One approval, open or settled. */
    approval(id: ApprovalId): Effect.Effect<Option.Option<ApprovalRecord>, StoreUnavailable>
    /**
     * What models were used for, by the days on which their replies were appended, oldest first. Written with the replies
     * and kept when a session is deleted; what a session was adopted with does not count.
     */
    usage(query: UsageQuery): Effect.Effect<ReadonlyArray<UsageShare>, StoreUnavailable>
  }
>()("fiberclaw/sessions/SessionStore") {
  /** Keeps the logs in memory only: they end with the layer's Scope. */
  static readonly layerMemory: Layer.Layer<SessionStore> = Layer.effect(
    SessionStore,
    Effect.sync(() => SessionStore.of(makeMemory()))
  )
}
