/**
 * The full-text index of what was said, with SQLite's FTS5, beside the log and never in its way.
 *
 * It is filled in the background, a little at a time, and by a search up to everything that is on disk when it
 * begins. How far it has come is committed with its rows, so a crash neither loses nor doubles any. It keeps no texts:
 * hits are read from the log. A search looks at the newest events that match, and from them answers the best.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql"
import type { SessionId } from "../../domain/Ids.ts"
import { bestFirst, hitOf, saidIn, saying, type Scored, wordsOf } from "../Search.ts"
import type { SearchQuery } from "../SessionQuery.ts"
import { StoreUnavailable } from "../StoreError.ts"
import { transactUnsynced } from "./Background.ts"
import { decodeRow, type EventRow } from "./EventBody.ts"
import { type Connection, inserting, perform, type Write } from "./Insert.ts"
import { unavailable } from "./Rows.ts"

type Sql = SqlClient.SqlClient

/** How many events are indexed in one stretch, in which no other fiber gets on, and of how many bytes: some 4 ms. */
const [piece, pieceBytes] = [100, 32_768]

/**
 * Of how many pages of the index parts are merged with every piece, instead of many at once now and then
 * (https://sqlite.org/fts5.html#the_merge_command): a piece fills up to 8 pages, each of which is merged a few times.
 */
const merged = 40

/** How many rowids of the index are searched in one stretch: at worst each of them matches and is looked up. */
const span = 4096

/** How many of the newest events that match are looked at, and how many of them in one stretch. */
const [candidateLimit, candidatePiece] = [300, 16]

/** How long one search may take, in milliseconds; it answers what it found, but not before the index is complete. */
const patience = 2000

/** How long one search waits for the index, in milliseconds. */
const indexPatience = 10_000

/** The background rests this long between pieces, so that it takes no more than a few hundredths of the time. */
const rest = "100 millis"

/** And this long when there is nothing to index. */
const pause = "5 seconds"

interface SaidRow extends EventRow {
  readonly id: number
}

interface CandidateRow extends SaidRow {
  readonly session: SessionId
}

export const search = (sql: Sql) =>
  Effect.fn("SessionStore.search")(function* (query: SearchQuery) {
    const words = new Set(wordsOf(query.text))
    if (words.size === 0) return []
    const last = yield* Effect.mapError(lastEvent(sql), unavailable)
    yield* Effect.mapError(complete(sql, last), (error) => (error._tag === "SqlError" ? unavailable(error) : error))
    const found = yield* candidates(sql, query, words, last)
    const { limit, skip = 0 } = query
    return found
      .sort(bestFirst)
      .slice(skip, skip + limit)
      .map(({ hit }) => hit)
  })

/** Indexes for ever what has been written, a little at a time; what fails is tried again later. */
export const indexing = (sql: Sql): Effect.Effect<never> =>
  indexPiece(sql).pipe(
    Effect.catch((error) => Effect.as(Effect.logWarning("search index not written", error), true)),
    Effect.flatMap((all) => Effect.sleep(all ? pause : rest)),
    Effect.withTracerEnabled(false),
    Effect.forever
  )

/** Deletes events from the log and, in the same transaction, from the index. */
export const deleteEvents = (ids: ReadonlyArray<number>): ReadonlyArray<Write> => [
  ...ids.flatMap(
    (id): ReadonlyArray<Write> => [
      ["DELETE FROM said WHERE rowid = ?", [id]],
      ["DELETE FROM events WHERE id = ?", [id]]
    ]
  ),
  // Should these have been the last ones, the next events are numbered as they were.
  [
    `UPDATE indexed SET through = (SELECT COALESCE(MAX(id), 0) FROM events)
      WHERE through > (SELECT COALESCE(MAX(id), 0) FROM events)`,
    []
  ],
  mergeSaid
]

/** Indexes everything up to event `last`, so far as it is still there. */
const complete = Effect.fnUntraced(function* (sql: Sql, last: number) {
  const deadline = (yield* Clock.currentTimeMillis) + indexPatience
  while ((yield* indexedThrough(sql)) < last && !(yield* indexPiece(sql))) {
    if ((yield* Clock.currentTimeMillis) > deadline) {
      return yield* new StoreUnavailable({ reason: "the search index is still being made; try again later" })
    }
    yield* Effect.yieldNow
  }
})

const candidates = Effect.fnUntraced(function* (
  sql: Sql,
  query: SearchQuery,
  words: ReadonlySet<string>,
  last: number
) {
  const deadline = (yield* Clock.currentTimeMillis) + patience
  const found: Array<Scored> = []
  const [oldest, newest] = yield* bounds(sql, query, last)
  for (let end = newest; end >= oldest && found.length < candidateLimit; ) {
    const rows = yield* Effect.mapError(matching(sql, query, words, end - span + 1, end), unavailable)
    for (const row of rows) {
      const event = yield* Effect.fromResult(decodeRow(row.session, row))
      found.push(...hitOf(row.session, event, words))
      if (row.body.length > pieceBytes) yield* Effect.yieldNow
    }
    const oldestRow = rows[candidatePiece - 1]
    end = oldestRow === undefined ? end - span : oldestRow.id - 1
    if ((yield* Clock.currentTimeMillis) > deadline) break
    yield* Effect.yieldNow
  }
  return found
})

/** Between which events to search. */
const bounds = Effect.fnUntraced(function* (sql: Sql, { session }: SearchQuery, last: number) {
  if (session === undefined) return [1, last] as const
  const [row] = yield* Effect.mapError(
    sql<{ readonly first: number | null; readonly last: number | null }>`SELECT
      (SELECT id FROM events WHERE log = sessions.log ORDER BY seq LIMIT 1) AS first,
      (SELECT id FROM events WHERE log = sessions.log ORDER BY seq DESC LIMIT 1) AS last
      FROM sessions WHERE id = ${session}`,
    unavailable
  )
  return [row?.first ?? 1, Math.min(row?.last ?? 0, last)] as const
})

/** What a person wrote never is syntax of the index: each of its words is quoted. */
const matching = (sql: Sql, query: SearchQuery, words: ReadonlySet<string>, from: number, to: number) => {
  const expression = Array.from(words, (word) => `"${word}"`).join(" ")
  const within = [
    sql`said MATCH ${expression}`,
    sql`said.rowid BETWEEN ${from} AND ${to}`,
    ...(query.session === undefined ? [] : [sql`sessions.id = ${query.session}`]),
    ...(query.agent === undefined ? [] : [sql`sessions.agent = ${query.agent}`])
  ]
  return sql<CandidateRow>`SELECT events.id, sessions.id AS session, events.seq, at, body
    FROM said JOIN events ON events.id = said.rowid JOIN sessions ON sessions.log = events.log
    WHERE ${sql.and(within)} ORDER BY said.rowid DESC LIMIT ${candidatePiece}`
}

const lastEvent = (sql: Sql) =>
  Effect.map(sql<{ readonly last: number | null }>`SELECT MAX(id) AS last FROM events`, ([row]) => row?.last ?? 0)

const indexedThrough = (sql: Sql) =>
  Effect.map(sql<{ readonly through: number }>`SELECT through FROM indexed`, ([row]) => row?.through ?? 0)

/** Indexes the next events; answers whether nothing is left. */
const indexPiece = Effect.fnUntraced(function* (sql: Sql) {
  const through = yield* indexedThrough(sql)
  if ((yield* lastEvent(sql)) <= through) return true
  return yield* transactUnsynced(sql, (connection) => writePiece(sql, connection))
})

const writePiece = Effect.fnUntraced(function* (sql: Sql, connection: Connection) {
  const through = yield* indexedThrough(sql)
  const to = yield* endOfPiece(sql, through)
  const rows = yield* sql<SaidRow>`SELECT events.id, events.seq, at, body FROM events
    WHERE events.id > ${through} AND events.id <= ${to} AND ${sql.in("type", saying)}`
  const said = rows.flatMap((row): ReadonlyArray<readonly [number, string]> => {
    // One that cannot be read says so when it is read itself; here it would keep all others from being found.
    const event = decodeRow("" as SessionId, row)
    return event._tag === "Success" ? [[row.id, Array.from(new Set(wordsOf(saidIn(event.success)))).join(" ")]] : []
  })
  yield* perform(connection, [...writeSaid(said), mergeSaid])
  const last = yield* lastEvent(sql)
  yield* sql`UPDATE indexed SET through = ${Math.min(last, to)}`
  return last <= to
})

/** The last event of the piece behind `through`, which has one event that says something, or as many as it may have. */
const endOfPiece = Effect.fnUntraced(function* (sql: Sql, through: number) {
  const rows = yield* sql<{ readonly id: number; readonly bytes: number }>`
    SELECT id, octet_length(body) AS bytes FROM events
    WHERE id > ${through} AND id <= ${through + piece} AND ${sql.in("type", saying)} ORDER BY id`
  let to: number | undefined
  let sum = 0
  for (const { bytes, id } of rows) {
    sum += bytes
    if (to !== undefined && sum > pieceBytes) return to
    to = id
  }
  return through + piece
})

const writeSaid = inserting("said", ["rowid", "words"])
const mergeSaid: Write = ["INSERT INTO said (said, rank) VALUES ('merge', ?)", [merged]]
