/**
 * SQLite alone, doing what the session store did: the same rows in the same commits, written as directly as
 * node:sqlite can, with statements prepared once. The lower bound of what an append costs on this disk.
 *
 * Which appends shared a commit is told by the instant of their events, which is the same for all of one commit.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

interface EventRow {
  readonly session: string
  readonly seq: number
  readonly at: string
  readonly type: string
  readonly body: string
}

/** A statement by its place in `statements`, with its values. */
type Write = readonly [statement: number, values: ReadonlyArray<SQLInputValue>]

export interface Recording {
  readonly schema: string
  readonly commits: ReadonlyArray<ReadonlyArray<Write>>
}

const statements = [
  "INSERT INTO events (session, seq, at, type, body) VALUES (?, ?, ?, ?, ?)",
  `INSERT INTO sessions (id, agent, created_at, updated_at, seq) VALUES (?, 'demo', ?, ?, ?)
   ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, seq = excluded.seq`,
  `INSERT INTO turns (session, turn, ended) VALUES (?, ?, ?)
   ON CONFLICT (session, turn) DO UPDATE SET ended = 1 WHERE excluded.ended = 1`
]

/** What the store in this file committed for the sessions whose names begin with `prefix`. */
export const record = (file: string, prefix: string): Recording => {
  const database = new DatabaseSync(file, { readOnly: true })
  const events = database
    .prepare("SELECT session, seq, at, type, body FROM events WHERE substr(session, 1, ?) = ? ORDER BY rowid")
    .all(prefix.length, prefix) as unknown as ReadonlyArray<EventRow>
  const schema = database.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").all()
  database.close()
  const batches = Map.groupBy(events, ({ at }) => at)
  return {
    schema: schema.map(({ sql }) => String(sql)).join(";\n"),
    commits: Array.from(batches.values(), writesOf)
  }
}

const writesOf = (events: ReadonlyArray<EventRow>): ReadonlyArray<Write> => {
  const last = new Map(events.map((event) => [event.session, event]))
  return [
    ...events.map(({ at, body, seq, session, type }): Write => [0, [session, seq, at, type, body]]),
    ...Array.from(last.values(), ({ at, seq, session }): Write => [1, [session, at, at, seq]]),
    ...events.flatMap(({ body, session, type }): ReadonlyArray<Write> => {
      if (type !== "MessageAccepted" && type !== "TurnEnded") return []
      return [[2, [session, String(JSON.parse(body).turn), type === "TurnEnded" ? 1 : 0]]]
    })
  ]
}

/** Seconds that SQLite takes for it in a new file, every commit on disk. */
export const replay = ({ commits, schema }: Recording, file: string): number => {
  const database = new DatabaseSync(file)
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
  database.exec(schema)
  const prepared = statements.map((sql) => database.prepare(sql))
  const begin = database.prepare("BEGIN IMMEDIATE")
  const commit = database.prepare("COMMIT")
  const start = performance.now()
  for (const writes of commits) {
    begin.run()
    for (const [statement, values] of writes) prepared[statement]?.run(...values)
    commit.run()
  }
  const seconds = (performance.now() - start) / 1000
  database.close()
  return seconds
}
