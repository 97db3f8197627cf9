/**
 * The logs of one tenant's sessions.
 *
 * An append succeeds only when its events are on disk, all of them or none, directly after the sequence number
 * its caller saw. Two writers of one session, or the same message twice, are told apart by the store itself:
 * (session, seq) and (channel, externalId) are unique.
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import type { Stream } from "effect"
import type { Approval, Settlement } from "../domain/Approval.ts"
import { type AgentId, type ApprovalId, SessionId, TurnId } from "../domain/Ids.ts"
import { type NewSessionEvent, type SessionEvent, type SessionEventOf, SessionSummary } from "../domain/SessionEvent.ts"
import { type Admission, admit, type Append } from "./Admission.ts"
import { type Changes, type MessageRow, noChanges, pairKey, type SessionRow, type TurnRow } from "./Projection.ts"

/** Somebody else appended first: the log of `session` no longer ends at `after`. Nothing was written. */
export class AppendConflict extends Schema.TaggedError<AppendConflict>()("AppendConflict", {
  session: SessionId,
  after: Schema.Int
}) {
  override get message() {
    return `session ${this.session} has gone on past event ${this.after}`
  }
}

/** A message with this (channel, externalId) is already in a log; where it is stands here. Nothing was written. */
export class DuplicateMessage extends Schema.TaggedError<DuplicateMessage>()("DuplicateMessage", {
  session: SessionId,
  turn: TurnId,
  seq: Schema.Int
}) {
  override get message() {
    return `the message is already event ${this.seq} of session ${this.session}`
  }
}

/**
 * The disk or the database cannot do it now; `reason` is one clear sentence. Nothing was written, unless only the
 * answer was lost: whoever goes on with the log reads it again first.
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  reason: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.reason
  }
}

/** There is a session of this name already. Nothing was written. */
export class SessionExists extends Schema.TaggedError<SessionExists>()("SessionExists", { session: SessionId }) {
  override get message() {
    return `there is a session ${this.session} already`
  }
}

/** Which sessions, and in which order: by id, or the one that was written to last first. */
export interface SessionQuery {
  readonly order: "id" | "recent"
  /** Behind this one, as `cursorOf` names it. */
  readonly after?: string | undefined
  readonly limit: number
  readonly agent?: AgentId | undefined
  /** Part of the id or the name, whatever its case. */
  readonly named?: string | undefined
}

/** The place of a session in a list of this order. */
export const cursorOf = (order: SessionQuery["order"], { id, updatedAt }: SessionSummary): string =>
  order === "id" ? id : `${updatedAt} ${id}`

export interface SearchQuery {
  readonly text: string
  readonly session?: SessionId | undefined
  readonly agent?: AgentId | undefined
  /** How many hits to pass over. */
  readonly skip?: number | undefined
  readonly limit: number
}

/** An event that holds what was searched for, and the words around it. */
export interface SearchHit {
  readonly session: SessionId
  readonly seq: number
  readonly at: string
  readonly type: SessionEvent["type"]
  readonly excerpt: string
}

/** Which part of a list: at most `limit` items behind the last one seen. */
export interface Page<Cursor> {
  readonly after?: Cursor | undefined
  readonly limit: number
}

/** An approval with its fate; `settled` is absent while it is open. */
export interface ApprovalRecord {
  readonly approval: Approval
  readonly settled?: Settlement | undefined
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
    Effect.sync(() => makeMemory())
  )
}

/** What the caller of an append is told. A session whose first events name no agent is a mistake in our own code. */
export const answerTo = (
  { after, session }: Append,
  admission: Admission
): Exit.Exit<ReadonlyArray<SessionEvent>, AppendConflict | DuplicateMessage> => {
  switch (admission._tag) {
    case "Admitted":
      return Exit.succeed(admission.events)
    case "Conflict":
      return Exit.fail(new AppendConflict({ session, after }))
    case "Duplicate":
      return Exit.fail(duplicate(admission.original))
    case "Agentless":
      return Exit.die(new Error(`the first events of session ${session} name no agent`))
  }
}

const duplicate = ({ seq, session, turn }: MessageRow) => new DuplicateMessage({ session, turn, seq })

const makeMemory = () => {
  const logs = new Map<SessionId, Array<SessionEvent>>()
  const sessions = new Map<SessionId, SessionRow>()
  const messages = new Map<string, MessageRow>()
  const turns = new Map<string, TurnRow>()
  const records = new Map<ApprovalId, ApprovalRecord>()

  const keep = (changes: Changes) => {
    for (const [id, row] of changes.sessions) sessions.set(id, row)
    for (const [key, row] of changes.messages) messages.set(key, row)
    for (const [key, row] of changes.turns) if (row.ended || !turns.has(key)) turns.set(key, row)
    for (const [id, approval] of changes.asked) if (!records.has(id)) records.set(id, { approval })
    for (const [id, settled] of changes.settled) {
      const record = records.get(id)
      if (record !== undefined && record.settled === undefined) records.set(id, { ...record, settled })
    }
  }

  const append: SessionStore["Service"]["append"] = Effect.fn("SessionStore.append")(
    function* (session, after, events) {
      const request = { session, after, events }
      const changes = noChanges()
      const admission = admit({ sessions, messages }, changes, request, DateTime.formatIso(yield* DateTime.now))
      if (admission._tag === "Admitted") {
        const log = logs.get(session)
        if (log === undefined) logs.set(session, [...admission.events])
        else for (const event of admission.events) log.push(event)
        keep(changes)
      }
      return yield* answerTo(request, admission)
    }
  )

  const unended = () => Array.from(turns.values()).filter((turn) => !turn.ended)

  const summary = (row: SessionRow) =>
    new SessionSummary({ ...row, unfinished: unended().filter((turn) => turn.session === row.id).length })

  const sortedBy = <A>(values: Iterable<A>, key: (value: A) => string) =>
    Array.from(values).sort(Order.mapInput(Order.String, key))

  return SessionStore.of({
    append,
    read: (session, { after = 0, limit }) => Effect.sync(() => (logs.get(session) ?? []).slice(after, after + limit)),
    accepted: (channel, externalId) =>
      Effect.sync(() => Option.map(Option.fromUndefinedOr(messages.get(pairKey(channel, externalId))), duplicate)),
    session: (id) => Effect.sync(() => Option.map(Option.fromUndefinedOr(sessions.get(id)), summary)),
    sessions: ({ after = "", limit }) =>
      Effect.sync(() =>
        sortedBy(sessions.values(), ({ id }) => id)
          .filter(({ id }) => id > after)
          .slice(0, limit)
          .map(summary)
      ),
    unfinished: Effect.sync(() => sortedBy(new Set(unended().map(({ session }) => session)), (id) => id)),
    count: Effect.sync(() => sessions.size),
    approvals: Effect.sync(() => {
      const open = Array.from(records.values()).filter(({ settled }) => settled === undefined)
      return sortedBy(
        open.map(({ approval }) => approval),
        ({ askedAt, id }) => `${askedAt} ${id}`
      )
    }),
    approval: (id) => Effect.sync(() => Option.fromUndefinedOr(records.get(id)))
  })
}
