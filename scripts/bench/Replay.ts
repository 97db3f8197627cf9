/**
 * SQLite alone, doing what the session store did: the same rows in the same commits, written as directly as
 * node:sqlite can, with statements prepared once. The lower bound of what an append costs on this disk.
 *
 * Which appends shared a commit is told by the instant of their events, which is the same for all of one commit.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { pragmas } from "../../src/sessions/sql/SqliteClient.ts"

interface EventRow {
  readonly session: string
  readonly log: number
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
  "INSERT INTO events (log, seq, at, type, body) VALUES (?, ?, ?, ?, ?)",
  `INSERT INTO sessions (log, id, agent, created_at, updated_at, seq, compacted, settings)
   VALUES (?, ?, 'demo', ?, ?, ?, 0, '{}')`,
  "UPDATE sessions SET updated_at = ?, seq = ? WHERE log = ?",
  "INSERT INTO turns (log, turn) VALUES (?, ?)",
  "DELETE FROM turns WHERE log = ? AND turn = ?",
  `INSERT INTO usage (day, agent, session, model, calls, input_tokens, cache_read_tokens, cache_write_tokens,
     output_tokens, cost_usd, unpriced_calls)
   VALUES (?, 'demo', ?, ?, 1, ?, 0, 0, ?, ?, 1) ON CONFLICT (day, agent, session, model) DO UPDATE SET
     calls = calls + 1, input_tokens = input_tokens + excluded.input_tokens,
     cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
     cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
     output_tokens = output_tokens + excluded.output_tokens, cost_usd = cost_usd + excluded.cost_usd,
     unpriced_calls = unpriced_calls + 1`
]

/** The tables that are written, without what is made of them later. */
const tables = ["sessions", "events", "turns", "usage"]

/** What the store in this file committed for the sessions whose names begin with `prefix`. */
export const record = (file: string, prefix: string): Recording => {
  const database = new DatabaseSync(file, { readOnly: true })
  const events = database
    .prepare(
      `SELECT sessions.id AS session, events.log, events.seq, at, type, body
       FROM events JOIN sessions ON sessions.log = events.log
       WHERE substr(sessions.id, 1, ?) = ? ORDER BY events.id`
    )
    .all(prefix.length, prefix) as unknown as ReadonlyArray<EventRow>
  const schema = database.prepare("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
  database.close()
  const batches = Map.groupBy(events, ({ at }) => at)
  const kept = schema.filter(({ tbl_name }) => tables.includes(String(tbl_name)))
  return {
    schema: kept.map(({ sql }) => String(sql)).join(";\n"),
    commits: Array.from(batches.values(), writesOf)
  }
}

/** Commits up to the request to the model and behind it, per turn of those sessions. */
export const commitsAround = (file: string, prefix: string): { readonly before: number; readonly after: number } => {
  const database = new DatabaseSync(file, { readOnly: true })
  const count = (types: string) =>
    Number(
      database
        .prepare(
          `SELECT COUNT(DISTINCT at) AS count FROM events JOIN sessions ON sessions.log = events.log
           WHERE substr(sessions.id, 1, ?) = ? AND type IN (${types})`
        )
        .get(prefix.length, prefix)?.["count"]
    )
  const turns = count("'TurnEnded'")
  const around = {
    before: count("'MessageAccepted', 'TurnStarted', 'ModelCalled'") / turns,
    after: count("'ModelReplied', 'TurnEnded'") / turns
  }
  database.close()
  return around
}

const writesOf = (events: ReadonlyArray<EventRow>): ReadonlyArray<Write> => {
  const sessions = Map.groupBy(events, ({ session }) => session)
  return [
    ...events.map(({ at, body, log, seq, type }): Write => [0, [log, seq, at, type, body]]),
    ...Array.from(sessions.values(), ([first, ...rest]): Write => {
      if (first === undefined) throw new Error("a group without events")
      const { at, log, seq, session } = rest.at(-1) ?? first
      return first.seq === 1 ? [1, [log, session, at, at, seq]] : [2, [at, seq, log]]
    }),
    ...events.flatMap(({ body, log, type }): ReadonlyArray<Write> => {
      if (type !== "MessageAccepted" && type !== "TurnEnded") return []
      return [[type === "TurnEnded" ? 4 : 3, [log, String(JSON.parse(body).turn)]]]
    }),
    ...events.flatMap(({ at, body, session, type }): ReadonlyArray<Write> => {
      if (type !== "ModelReplied") return []
      const { cost = 0, model = "unknown", usage } = JSON.parse(body)
      return [[5, [at.slice(0, 10), session, model, usage.inputTokens.total ?? 0, usage.outputTokens.total ?? 0, cost]]]
    })
  ]
}

/** Seconds that SQLite takes for it in a new file, every commit on disk. */
export const replay = ({ commits, schema }: Recording, file: string): number => {
  const database = new DatabaseSync(file)
  database.exec(pragmas)
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
