/**
 * A tenant's database looked at from outside, for worker threads: plain functions that block, and throw when SQLite does.
 *
 * Nothing is written. Each stretch is one read transaction, so that what a running service appends meanwhile is either
 * wholly in it or not at all; it ends soon, so that the write-ahead log can be written back behind it.
 */
import { closeSync, openSync, statSync } from "node:fs"
import { DatabaseSync, type SQLOutputValue } from "node:sqlite"
import type { Kind, Stretch, StretchRequest, Survey } from "../../upkeep/Databases.ts"
import { approvalsBetween, examiner, orphans } from "./LogLaws.ts"
import { sessionsVersion, tokensVersion } from "./SchemaVersion.ts"

/** How long a lock is waited for, in milliseconds. */
const busyTimeout = 1000

/** Opens the file for reading, and closes it whatever happens. */
const reading = <A>(file: string, use: (database: DatabaseSync) => A): A => {
  const database = new DatabaseSync(file, { readOnly: true, timeout: busyTimeout })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

const sizeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.size

/** The migrations' table and the newest version there is of it. */
const versions = {
  service: { table: "token_migrations", known: tokensVersion },
  sessions: { table: "sessions_migrations", known: sessionsVersion }
} as const

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const states = new Map<number, Survey["state"]>([
  [5, "locked"],
  [6, "locked"],
  [11, "damaged"],
  [26, "foreign"]
])

/** Looks at the database as a whole. Whatever SQLite refuses is an answer too. */
export const survey = (file: string, kind: Kind, thorough: boolean): Survey => {
  const bytes = sizeOf(file)
  const sizes = { bytes: bytes ?? 0, wal: sizeOf(`${file}-wal`) ?? 0 }
  const { known } = versions[kind]
  const blank = { ...sizes, known, version: 0, damage: [], sessions: 0, events: 0, detail: "" }
  if (bytes === undefined) return { ...blank, state: "missing" }
  try {
    return { ...blank, state: "open", ...reading(file, (database) => lookAt(database, kind, thorough)) }
  } catch (error) {
    const { errcode = 0, message = "" } = error as { readonly errcode?: number; readonly message?: string }
    return { ...blank, state: states.get(errcode & 0xff) ?? "unreadable", detail: message }
  }
}

const lookAt = (database: DatabaseSync, kind: Kind, thorough: boolean) => {
  const check = thorough ? "integrity_check" : "quick_check"
  const complaints = database.prepare(`PRAGMA ${check}(10)`).all()
  const damage = complaints.map((row) => String(row[check])).filter((line) => line !== "ok")
  const { known, table } = versions[kind]
  const version = has(database, table) ? number(database, `SELECT MAX(migration_id) AS n FROM ${table}`) : 0
  // Another version's tables may be called otherwise.
  if (kind === "service" || version !== known) return { damage, version }
  const sessions = number(database, "SELECT COUNT(*) AS n FROM sessions")
  const events = number(database, "SELECT SUM(seq) AS n FROM sessions")
  return { damage, version, sessions, events }
}

const has = (database: DatabaseSync, table: string): boolean =>
  database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined

const number = (database: DatabaseSync, sql: string): number => Number(database.prepare(sql).get()?.["n"] ?? 0)

/** The most sessions and the most breaches that one answer is about. */
const sessionLimit = 5000
const breachLimit = 20

/** Checks whole sessions until about `budget` events have been looked at; orphans are told with the last ones. */
export const examine = ({ after, budget, deep, file }: StretchRequest): Stretch =>
  reading(file, (database) => {
    database.exec("BEGIN")
    const rows = within(budget, sessionsBehind(database, after ?? ""))
    const last = rows.at(-1)?.["id"] ?? null
    const approvals = approvalsBetween(database, after ?? "", String(last ?? ""))
    const inSession = examiner(database, deep)
    const found = rows.flatMap((row) => inSession(row, approvals.get(String(row["id"])) ?? new Map()))
    const finished = last === null || sessionsBehind(database, String(last), 1).length === 0
    const breaches = finished ? [...found, ...orphans(database)] : found
    const told = breaches.slice(0, breachLimit)
    return {
      next: finished ? null : String(last),
      sessions: rows.length,
      events: rows.reduce((sum, { seq }) => sum + Number(seq), 0),
      breaches: told,
      more: breaches.length - told.length
    }
  })

const sessionsBehind = (database: DatabaseSync, after: string, limit = sessionLimit) =>
  database.prepare("SELECT id, log, seq, updated_at FROM sessions WHERE id > ? ORDER BY id LIMIT ?").all(after, limit)

/** The first rows, and with them about as many events as the budget allows; one row at least. */
const within = (budget: number, rows: ReadonlyArray<Readonly<Record<string, SQLOutputValue>>>) => {
  let events = 0
  return rows.filter(({ seq }, index) => {
    const fits = index === 0 || events + Number(seq) <= budget
    events += Number(seq)
    return fits
  })
}

/** Copies the database as it is now into a file that is not there yet, readable by its owner only. */
export const snapshot = (from: string, to: string): void => {
  // SQLite takes an empty file for none, and keeps its mode.
  closeSync(openSync(to, "wx", 0o600))
  reading(from, (database) => void database.prepare("VACUUM INTO ?").run(to))
}
