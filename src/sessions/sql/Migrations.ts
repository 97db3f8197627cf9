/**
 * The tables of the session store, in SQL that SQLite and PostgreSQL both understand. A migration that was released
 * is never edited: the next change is the next number.
 */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import { StoreUnavailable } from "../StoreError.ts"
import { refuseNewer, sessionsVersion } from "./SchemaVersion.ts"
import { createUsage } from "./UsageTable.ts"

const create = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    agent TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    seq INTEGER NOT NULL
  )`
  yield* sql`CREATE TABLE events (
    session TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (session, seq)
  )`
  // The external id leads, so that a list of them is looked up in one statement.
  yield* sql`CREATE TABLE messages (
    channel TEXT NOT NULL,
    external_id TEXT NOT NULL,
    session TEXT NOT NULL,
    turn TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (external_id, channel)
  )`
  yield* sql`CREATE TABLE turns (
    session TEXT NOT NULL,
    turn TEXT NOT NULL,
    ended INTEGER NOT NULL,
    PRIMARY KEY (session, turn)
  )`
  yield* sql`CREATE INDEX turns_unfinished ON turns (session) WHERE ended = 0`
  yield* sql`CREATE TABLE approvals (
    id TEXT NOT NULL PRIMARY KEY,
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    turn TEXT NOT NULL,
    call TEXT NOT NULL,
    tool TEXT NOT NULL,
    summary TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    settled TEXT
  )`
  yield* sql`CREATE INDEX approvals_open ON approvals (asked_at, id) WHERE settled IS NULL`
})

/**
 * Events under a number of their log instead of their session's name, so that a log can be written before its session
 * is there and outlive it; `id` tells in which order all of them were written.
 */
const logs = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const table of ["sessions", "events", "turns"])
    yield* sql`ALTER TABLE ${sql(table)} RENAME TO ${sql(`${table}_1`)}`
  yield* sql`CREATE TABLE sessions (
    log INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    seq INTEGER NOT NULL,
    compacted INTEGER NOT NULL,
    settings TEXT NOT NULL,
    name TEXT,
    forked_from TEXT,
    forked_through INTEGER
  )`
  yield* sql`CREATE INDEX sessions_recent ON sessions (updated_at, id)`
  yield* sql`CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY,
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (log, seq)
  )`
  // Accepted and not ended; a turn that has ended leaves no row.
  yield* sql`CREATE TABLE turns (log INTEGER NOT NULL, turn TEXT NOT NULL, PRIMARY KEY (log, turn))`
  // Logs without a session: not there yet, or not any more. Whatever stands here at a start is purged.
  yield* sql`CREATE TABLE orphans (log INTEGER NOT NULL PRIMARY KEY)`
  yield* sql`CREATE INDEX approvals_session ON approvals (session)`
  yield* sql`INSERT INTO sessions (id, agent, created_at, updated_at, seq, compacted, settings)
    SELECT id, agent, created_at, updated_at, seq, 0, '{}' FROM sessions_1 ORDER BY created_at, id`
  yield* sql`INSERT INTO events (log, seq, at, type, body)
    SELECT sessions.log, events_1.seq, at, type, body FROM events_1 JOIN sessions ON sessions.id = events_1.session
    ORDER BY at, log, events_1.seq`
  yield* sql`INSERT INTO turns (log, turn)
    SELECT sessions.log, turn FROM turns_1 JOIN sessions ON sessions.id = turns_1.session WHERE ended = 0`
  for (const table of ["sessions_1", "events_1", "turns_1"]) yield* sql`DROP TABLE ${sql(table)}`
})

/** The full-text index, which SQLite alone has in this form, and up to which event it goes. */
const search = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Its texts are words already: of these, this tokenizer takes none apart.
  yield* sql`CREATE VIRTUAL TABLE said USING
    fts5 (words, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii')`
  // Whoever writes into it merges its parts, a little each time; by itself it would merge many at once.
  yield* sql`INSERT INTO said (said, rank) VALUES ('automerge', 0)`
  yield* sql`CREATE TABLE indexed (through INTEGER NOT NULL)`
  yield* sql`INSERT INTO indexed VALUES (0)`
})

/** Bytes that messages bring, and which log names which: PostgreSQL calls bytes by another name. */
const files = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const bytes = sql.literal(sql.onDialectOrElse({ pg: () => "BYTEA", orElse: () => "BLOB" }))
  yield* sql`CREATE TABLE files (sha256 TEXT NOT NULL PRIMARY KEY, data ${bytes} NOT NULL)`
  yield* sql`CREATE TABLE brought (
    log INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    name TEXT,
    PRIMARY KEY (log, sha256)
  )`
  yield* sql`CREATE INDEX brought_file ON brought (sha256)`
})

const table = "sessions_migrations"

const run = Migrator.make({})({
  loader: Migrator.fromRecord({
    "1_create": create,
    "2_logs": logs,
    "3_search": search,
    "4_files": files,
    "5_usage": createUsage
  }),
  table
})

/** Brings the tables up to date; what was done before is not done again. Tables of a later version are left alone. */
export const migrate = Effect.mapError(
  Effect.andThen(run, refuseNewer(table, sessionsVersion)),
  (error) =>
    new StoreUnavailable({
      reason:
        error._tag === "MigrationError"
          ? `the session tables cannot be brought up to date: ${error.message}`
          : error.message,
      cause: error
    })
)
