/**
 * Says when a service passes a boundary of a turn, from inside its process: right before and right after each commit
 * that writes an event, whatever the statements look like that write it, and wherever a tool of the tests says so.
 *
 * The events of a transaction are recognised in the values its statements are given, whether they are performed in this
 * thread or sent to another, so this file has to be loaded before a database is opened and knows nothing of tables.
 */
import { createRequire, syncBuiltinESMExports } from "node:module"
import { DatabaseSync, StatementSync } from "node:sqlite"
import type { Worker, WorkerOptions } from "node:worker_threads"
import { NewSessionEvent } from "../../src/domain/SessionEvent.ts"

/** The one object of this module whose exports can be exchanged. */
const threads: { Worker: typeof Worker } = createRequire(import.meta.url)("node:worker_threads")

export type When = "before" | "after"

/** A boundary that is passed: of which tenant, and the events, by their types, if it is a commit. */
export interface Passing {
  readonly tenant: string
  readonly when: When
  readonly at: { readonly events: ReadonlyArray<string> } | { readonly tool: string }
}

/** Says whether it struck. */
export type Watcher = (passing: Passing) => boolean

/** Everybody who is told. */
export const watchers = new Set<Watcher>()

/** Tells them; whether anybody struck, so that whoever passes goes no further by itself. */
export const pass: Watcher = (passing) => Array.from(watchers, (watcher) => watcher(passing)).includes(true)

export const eventTypes: ReadonlyArray<NewSessionEvent["type"]> = NewSessionEvent.members.map(
  ({ fields }) => fields.type.schema.literal
)

const known: ReadonlySet<string> = new Set(eventTypes)

/** Names of types as they stand in JSON, and in JSON within JSON, where every quote is escaped. */
const typeInJson = /(\\*)"type\\*":\s*\\*"(\w+)\\*"/g

/** The types of the events in a value that is written: a body, or rows with bodies within, which are what counts then. */
export const eventsIn = (value: unknown): ReadonlyArray<string> => {
  const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : value
  if (typeof text !== "string" || !text.includes("type")) return []
  const found = Array.from(text.matchAll(typeInJson), ([, escapes = "", type = ""]) => ({
    depth: escapes.length,
    type
  }))
  const events = found.filter(({ type }) => known.has(type))
  const depth = Math.max(...events.map((event) => event.depth))
  return events.filter((event) => event.depth === depth).map(({ type }) => type)
}

/** A connection, and what its open transaction has written so far. */
interface Connection {
  readonly tenant: string
  written: Array<string>
}

const connectionTo = (file: string | null): Connection => ({
  tenant: /tenants\/([^/]+)\//.exec(file ?? "")?.[1] ?? "",
  written: []
})

/** Takes note of a statement; the events that are on disk once it has been performed. */
const note = (connection: Connection, sql: string, values: ReadonlyArray<unknown>, isAlone: boolean) => {
  const { written } = connection
  written.push(...values.flatMap(eventsIn))
  if (!isAlone && !/^\s*(COMMIT|END|ROLLBACK)\s*;?\s*$/i.test(sql)) return []
  connection.written = []
  return /^\s*ROLLBACK/i.test(sql) ? [] : written
}

const passing = ({ tenant }: Connection, when: When, events: ReadonlyArray<string>) =>
  events.length > 0 && pass({ tenant, when, at: { events } })

// Connections of this thread.

const connections = new WeakMap<DatabaseSync, Connection>()
const owners = new WeakMap<StatementSync, DatabaseSync>()

const watched = <A>(database: DatabaseSync, sql: string, values: ReadonlyArray<unknown>, run: () => A): A => {
  const connection = connections.get(database) ?? connectionTo(database.location())
  connections.set(database, connection)
  const events = note(connection, sql, values, !database.isTransaction)
  passing(connection, "before", events)
  const result = run()
  passing(connection, "after", events)
  return result
}

const { exec, prepare } = DatabaseSync.prototype

DatabaseSync.prototype.prepare = function (...options: Parameters<typeof prepare>) {
  const statement = prepare.apply(this, options)
  owners.set(statement, this)
  return statement
}
DatabaseSync.prototype.exec = function (sql) {
  return watched(this, sql, [], () => exec.call(this, sql))
}
for (const name of ["run", "all", "get", "iterate"] as const) {
  const perform: (...values: Array<never>) => unknown = StatementSync.prototype[name]
  const value = function (this: StatementSync, ...values: Array<never>) {
    const database = owners.get(this)
    const run = () => perform.apply(this, values)
    return database === undefined ? run() : watched(database, this.sourceSQL, values, run)
  }
  Object.defineProperty(StatementSync.prototype, name, { value })
}

// Connections in threads: statements go there in messages, each of which is answered by one.

interface Statement {
  readonly text: string
  readonly values: ReadonlyArray<unknown>
}

const isStatements = (message: unknown): message is ReadonlyArray<Statement> =>
  Array.isArray(message) && message.every((call) => typeof call === "object" && call !== null && "text" in call)

interface Line {
  readonly connection: Connection
  isOpen: boolean
  /** Of each message that is still to be answered; the first answer is to no message. */
  readonly sent: Array<ReadonlyArray<string>>
}

const lines = new WeakMap<Worker, Line>()

const control = /^\s*(BEGIN|COMMIT|END|ROLLBACK(?!\s+TO))\b/i

const noteAll = (line: Line, statements: ReadonlyArray<Statement>) =>
  statements.flatMap(({ text, values }) => {
    const [, keyword] = control.exec(text) ?? []
    if (keyword !== undefined) line.isOpen = keyword.toUpperCase() === "BEGIN"
    return note(line.connection, text, values, !line.isOpen && keyword === undefined)
  })

class WatchedWorker extends threads.Worker {
  constructor(file: string | URL, options: WorkerOptions = {}) {
    super(file, options)
    lines.set(this, { connection: connectionTo(options.workerData?.filename ?? null), isOpen: false, sent: [[]] })
  }

  override postMessage(message: unknown, ...rest: ReadonlyArray<never>) {
    const line = lines.get(this)
    if (line !== undefined && isStatements(message)) {
      const events = noteAll(line, message)
      passing(line.connection, "before", events)
      line.sent.push(events)
    }
    super.postMessage(message, ...rest)
  }

  override emit(event: string | symbol, ...values: Array<never>): boolean {
    const line = lines.get(this)
    const answered = event === "message" ? (line?.sent.shift() ?? []) : []
    if (line !== undefined && !("fault" in Object(values[0]))) passing(line.connection, "after", answered)
    return super.emit(event, ...values)
  }
}

threads.Worker = WatchedWorker
syncBuiltinESMExports()
