/**
 * The tables of the session store, in SQL that SQLite and PostgreSQL both understand. A migration that was released
 * is never edited: the next change is the next number.
 */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"

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

/** Brings the tables up to date; what was done before is not done again. */
export const migrate = Migrator.make({})({
  loader: Migrator.fromRecord({ "1_create": create }),
  table: "sessions_migrations"
})
