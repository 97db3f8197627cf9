/**
 * `effect/sql`'s SqlClient over `node:sqlite`: one connection to one file, in WAL mode, every commit synced to disk.
 *
 * Statements run synchronously and are prepared once; a semaphore keeps everything else out of an open transaction.
 * Every failure is a SqlError whose message is one sentence for people. A database that is not there yet is created
 * readable by its owner only (0600, its folder 0700). Closing writes the WAL back into the file.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import { closeSync, mkdirSync, openSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import type { Connection } from "./Insert.ts"

export interface SqliteOptions {
  /** A path, or `:memory:`. */
  readonly filename: string
}

/** Provides SqlClient; the file is open as long as the layer's Scope. */
export const layer = (options: SqliteOptions): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

/** How long a statement waits for another process's lock, in milliseconds. The event loop stands still meanwhile. */
const busyTimeout = 1000

/**
 * Every commit is synced. The WAL is written back every thousand pages (SQLite's default) and begun anew; should a reader
 * in another process have kept it from that, it is cut to 64 MiB afterwards. Pages are cached up to 8 MiB, as the default
 * of 2 MiB is too little for the logs of a thousand active sessions.
 */
export const pragmas = `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -8192`

/** How many prepared statements a connection keeps. */
const preparedLimit = 256

const make = Effect.fnUntraced(function* (options: SqliteOptions) {
  const database = yield* Effect.acquireRelease(open(options.filename), close)
  const semaphore = yield* Semaphore.make(1)
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(connect(database)),
    semaphore,
    isTransaction: () => database.isTransaction
  })
  return yield* SqlClient.make({
    ...acquirers,
    compiler: Statement.makeCompilerSqlite(),
    driver: "node-sqlite",
    spanAttributes: [["db.system.name", "sqlite"]],
    // A transaction that reads first and writes later could otherwise fail half-way, without waiting for the lock.
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    prepareTransactionControls: true
  })
})

const open = (filename: string) =>
  Effect.try({
    try: () => {
      if (filename !== ":memory:") createPrivate(filename)
      const database = new DatabaseSync(filename, { timeout: busyTimeout, enableForeignKeyConstraints: true })
      database.exec(pragmas)
      return database
    },
    catch: (cause) => sqlError(cause, "open", `the database ${filename} cannot be opened: ${textOf(cause)}`)
  })

const createPrivate = (filename: string) => {
  mkdirSync(dirname(filename), { recursive: true, mode: 0o700 })
  closeSync(openSync(filename, "a", 0o600))
}

// A full disk refuses the checkpoint; what is in the WAL is safe there and the next start reads it.
const close = (database: DatabaseSync) =>
  Effect.ignore(Effect.try(() => database.exec("PRAGMA wal_checkpoint(TRUNCATE)"))).pipe(
    Effect.andThen(Effect.sync(() => database.close()))
  )

const connect = (database: DatabaseSync): Connection => {
  const prepareRows = (sql: string) => database.prepare(sql)
  const prepareValues = (sql: string) => database.prepare(sql, { returnArrays: true })
  const rows = query((statement, params) => statement.all(...params))
  // With returnArrays a row is an array, which the types of node:sqlite do not say.
  const values = query((statement, params) => statement.all(...params) as unknown as ReadonlyArray<Array<unknown>>)
  const raw = query((statement, params) => statement.run(...params))
  const transforming =
    (prepare: Prepare): Connection["execute"] =>
    (sql, params, transformRows) =>
      transformRows === undefined ? rows(prepare, sql, params) : Effect.map(rows(prepare, sql, params), transformRows)

  const cachedRows = cached(prepareRows)
  const cachedValues = cached(prepareValues)
  const execute = transforming(cachedRows)
  return {
    execute,
    executeRaw: (sql, params) => raw(cachedRows, sql, params),
    executeStream: (sql, params, transformRows) => Stream.fromIterableEffect(execute(sql, params, transformRows)),
    executeValues: (sql, params) => values(cachedValues, sql, params),
    executeValuesUnprepared: (sql, params) => values(prepareValues, sql, params),
    executeUnprepared: transforming(prepareRows),
    executeAll: (writes) =>
      Effect.try({
        try: () => {
          for (const [text, values] of writes) cachedRows(text).run(...values)
        },
        catch: (cause) => sqlError(cause, "execute")
      })
  }
}

type Prepare = (sql: string) => StatementSync

const query =
  <A>(run: (statement: StatementSync, params: ReadonlyArray<SQLInputValue>) => A) =>
  (prepare: Prepare, sql: string, params: ReadonlyArray<unknown>): Effect.Effect<A, SqlError.SqlError> =>
    Effect.try({
      // What SQLite cannot store is refused by node:sqlite itself.
      try: () => run(prepare(sql), params as ReadonlyArray<SQLInputValue>),
      catch: (cause) => sqlError(cause, "execute")
    })

/** Remembers the statements prepared last; the oldest one makes room. */
const cached = (prepare: Prepare): Prepare => {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = prepare(sql)
    for (const oldest of statements.keys()) {
      if (statements.size < preparedLimit) break
      statements.delete(oldest)
    }
    statements.set(sql, statement)
    return statement
  }
}

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const sentences = new Map([
  [5, "another process holds the database's lock"],
  [6, "another process holds the database's lock"],
  [8, "the database is read-only"],
  [10, "the disk failed to read or write the database"],
  [11, "the database file is damaged"],
  [13, "the disk is full"],
  [14, "the database file cannot be opened"],
  [26, "the database file is damaged"]
])

const primaryKeyViolation = 1555
const uniqueViolation = 2067

/** `node:sqlite` puts the extended result code into `errcode`, where `effect/sql` does not look. */
const sqlError = (cause: unknown, operation: string, message?: string): SqlError.SqlError => {
  const code = Predicate.hasProperty(cause, "errcode") && Predicate.isNumber(cause.errcode) ? cause.errcode : undefined
  const text = message ?? sentences.get((code ?? 0) & 0xff) ?? `the database failed: ${textOf(cause)}`
  // PostgreSQL does not tell a primary key from any other unique one; nor need our callers.
  const errno = code === primaryKeyViolation ? uniqueViolation : code
  return new SqlError.SqlError({
    reason: SqlError.classifySqliteError({ errno, message: textOf(cause), cause }, { message: text, operation })
  })
}

const textOf = (cause: unknown): string => (Predicate.isError(cause) ? cause.message : String(cause))
