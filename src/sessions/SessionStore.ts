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
import type { Option, Stream } from "effect"
import type { Approval } from "../domain/Approval.ts"
import type { ApprovalId, SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent, SessionEvent, SessionEventOf, SessionSummary } from "../domain/SessionEvent.ts"
import { makeMemory } from "./MemorySessionStore.ts"
import {
  type ApprovalRecord,
  cursorOf,
  type Page,
  type SearchHit,
  type SearchQuery,
  type SessionQuery
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
  StoreUnavailable
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
     * accepted is remembered, so that a redelivery is not taken for a new message.
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
  }
>()("fiberclaw/sessions/SessionStore") {
  /** Keeps the logs in memory only: they end with the layer's Scope. */
  static readonly layerMemory: Layer.Layer<SessionStore> = Layer.effect(
    SessionStore,
    Effect.sync(() => SessionStore.of(makeMemory()))
  )
}
