/**
 * The session store in memory: the same rules as every other, and nothing is kept. `SessionStore.layerMemory` provides it.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Stream from "effect/Stream"
import type { ApprovalId, SessionId } from "../domain/Ids.ts"
import { type NewSessionEvent, type SessionEvent, type SessionEventOf, SessionSummary } from "../domain/SessionEvent.ts"
import { gathered } from "../domain/Usage.ts"
import { admit, answerTo, duplicate } from "./Admission.ts"
import { Adoption } from "./Adoption.ts"
import * as MemoryFiles from "./MemoryFiles.ts"
import {
  addUsage,
  type Changes,
  detailsAfter,
  type MessageRow,
  noChanges,
  pairKey,
  plain,
  type SessionDetails,
  type SessionRow,
  type TurnRow,
  type UsageRow
} from "./Projection.ts"
import { bestFirst, hitOf, wordsOf } from "./Search.ts"
import {
  type ApprovalRecord,
  cursorOf,
  type Page,
  named,
  type SearchQuery,
  type SessionQuery,
  type UsageQuery
} from "./SessionQuery.ts"
import { SessionExists } from "./StoreError.ts"

interface Tables {
  readonly logs: Map<SessionId, Array<SessionEvent>>
  readonly sessions: Map<SessionId, SessionRow & SessionDetails>
  readonly messages: Map<string, MessageRow>
  readonly turns: Map<string, TurnRow>
  readonly records: Map<ApprovalId, ApprovalRecord>
  readonly usage: Map<string, UsageRow>
}

/** A store of its own, empty. */
export const makeMemory = () => {
  const tables: Tables = {
    logs: new Map(),
    sessions: new Map(),
    messages: new Map(),
    turns: new Map(),
    records: new Map(),
    usage: new Map()
  }
  const { file, keep, tidy } = MemoryFiles.make(tables.logs)
  return {
    ...writing(tables, tidy),
    file,
    keep,
    ...logReading(tables),
    ...sessionReading(tables),
    ...approvalReading(tables),
    ...usageReading(tables)
  }
}

const writing = (tables: Tables, tidy: () => void) => ({
  append: Effect.fn("SessionStore.append")(function* (
    session: SessionId,
    after: number,
    events: readonly [NewSessionEvent, ...ReadonlyArray<NewSessionEvent>]
  ) {
    const request = { session, after, events }
    const changes = noChanges()
    const admission = admit(tables, changes, request, DateTime.formatIso(yield* DateTime.now))
    if (admission._tag === "Admitted") {
      const log = tables.logs.get(session)
      if (log === undefined) tables.logs.set(session, [...admission.events])
      else for (const event of admission.events) log.push(event)
      keep(tables, changes)
    }
    return yield* answerTo(request, admission)
  }),

  adopt: Effect.fn("SessionStore.adopt")(function* <E>(session: SessionId, log: Stream.Stream<SessionEvent, E>) {
    if (tables.sessions.has(session)) return yield* new SessionExists({ session })
    const events: Array<SessionEvent> = []
    const adoption = new Adoption(session)
    yield* Stream.runForEach(log, (event) =>
      Effect.sync(() => {
        adoption.take(event)
        events.push(event)
      })
    )
    const row = adoption.row()
    // Somebody may have begun a session of this name meanwhile.
    if (tables.sessions.has(session)) return yield* new SessionExists({ session })
    tables.sessions.set(session, row)
    tables.logs.set(session, events)
    for (const message of adoption.messages) {
      const key = pairKey(message.channel, message.externalId)
      if (!tables.messages.has(key)) tables.messages.set(key, message)
    }
    return new SessionSummary({ ...row, unfinished: 0 })
  }),

  remove: (session: SessionId) =>
    Effect.sync(() => {
      tables.logs.delete(session)
      for (const [key, turn] of tables.turns) if (turn.session === session) tables.turns.delete(key)
      for (const [id, { approval }] of tables.records) if (approval.session === session) tables.records.delete(id)
      tidy()
      return tables.sessions.delete(session)
    })
})

const keep = ({ messages, records, sessions, turns, usage }: Tables, changes: Changes) => {
  for (const [id, row] of changes.sessions) {
    const details = (changes.detailing.get(id) ?? []).reduce(detailsAfter, sessions.get(id) ?? plain)
    sessions.set(id, { ...details, ...row })
  }
  for (const [key, row] of changes.messages) messages.set(key, row)
  for (const [key, row] of changes.turns) {
    if (row.ended) turns.delete(key)
    else turns.set(key, row)
  }
  for (const [id, approval] of changes.asked) if (!records.has(id)) records.set(id, { approval })
  for (const { id, session, settlement } of changes.settled.values()) {
    const record = records.get(id)
    if (record?.approval.session === session) records.set(id, { settled: settlement, ...record })
  }
  for (const row of changes.usage.values()) addUsage(usage, row)
}

const logReading = ({ logs, messages, sessions }: Tables) => {
  return {
    read: (session: SessionId, { after = 0, limit }: Page<number>) =>
      Effect.sync(() => (logs.get(session) ?? []).slice(after, after + limit)),
    accepted: (channel: string, externalId: string) =>
      Effect.sync(() => Option.map(Option.fromUndefinedOr(messages.get(pairKey(channel, externalId))), duplicate)),
    compaction: (session: SessionId) =>
      Effect.sync(() => {
        const event = logs.get(session)?.[(sessions.get(session)?.compacted ?? 0) - 1]
        return event?.type === "Compacted" ? Option.some(event) : Option.none<SessionEventOf<"Compacted">>()
      }),
    search: ({ agent, limit, session, skip = 0, text }: SearchQuery) =>
      Effect.sync(() => {
        const words = new Set(wordsOf(text))
        return Array.from(sessions.values())
          .filter((row) => (session ?? row.id) === row.id && (agent ?? row.agent) === row.agent)
          .flatMap(({ id }) => (logs.get(id) ?? []).flatMap((event) => hitOf(id, event, words)))
          .sort(bestFirst)
          .slice(skip, skip + limit)
          .map(({ hit }) => hit)
      })
  }
}

const sessionReading = ({ sessions, turns }: Tables) => {
  const summary = (row: SessionRow & SessionDetails) => {
    const own = Array.from(turns.values()).filter((turn) => turn.session === row.id)
    return new SessionSummary({ ...row, unfinished: own.length })
  }
  return {
    session: (id: SessionId) => Effect.sync(() => Option.map(Option.fromUndefinedOr(sessions.get(id)), summary)),
    sessions: ({ after, agent, limit, named: part, order }: SessionQuery) =>
      Effect.sync(() => {
        const behind = Order.isGreaterThan(orders[order])
        const cursor = (row: SessionRow) => cursorOf(order, row)
        return Array.from(sessions.values())
          .filter((row) => (agent ?? row.agent) === row.agent && named(row, part))
          .filter((row) => after === undefined || behind(cursor(row), after))
          .sort(Order.mapInput(orders[order], cursor))
          .slice(0, limit)
          .map(summary)
      }),
    unfinished: Effect.sync(() => sortedBy(new Set(Array.from(turns.values(), ({ session }) => session)), (id) => id)),
    count: Effect.sync(() => sessions.size)
  }
}

/** How the cursors of a list follow each other. */
const orders = { id: Order.String, recent: Order.flip(Order.String) }

const approvalReading = ({ records }: Tables) => ({
  approvals: Effect.sync(() => {
    const open = Array.from(records.values()).filter(({ settled }) => settled === undefined)
    return sortedBy(
      open.map(({ approval }) => approval),
      ({ askedAt, id }) => `${askedAt} ${id}`
    )
  }),
  approval: (id: ApprovalId) => Effect.sync(() => Option.fromUndefinedOr(records.get(id)))
})

const usageReading = ({ usage }: Tables) => ({
  usage: ({ by, from, to }: UsageQuery) =>
    Effect.sync(() => {
      const within = Array.from(usage.values()).filter(({ day }) => (from ?? day) <= day && day <= (to ?? day))
      return gathered(within, by)
    })
})

const sortedBy = <A>(values: Iterable<A>, key: (value: A) => string) =>
  Array.from(values).sort(Order.mapInput(Order.String, key))
