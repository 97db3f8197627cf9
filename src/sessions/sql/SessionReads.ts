/** Which sessions there are, in SQL that SQLite and PostgreSQL both understand. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql"
import { SessionId } from "../../domain/Ids.ts"
import type { SessionSummary } from "../../domain/SessionEvent.ts"
import { cursorOf, named, type SessionQuery } from "../SessionQuery.ts"
import { decoding } from "./Rows.ts"
import { Counted, countedColumns, summaryOf } from "./SessionTable.ts"

/** The most sessions that are looked at in one stretch, in which no other fiber gets on. */
const stretch = 500

export const sessionReads = (sql: SqlClient.SqlClient) => {
  const counted = sql.literal(`SELECT ${countedColumns} FROM sessions`)

  const page = (order: SessionQuery["order"], after: string | undefined, limit: number) => {
    if (order === "id") return decodeCounted(sql`${counted} WHERE id > ${after ?? ""} ORDER BY id LIMIT ${limit}`)
    const place = after === undefined ? sql.literal("1 = 1") : behind(after)
    return decodeCounted(sql`${counted} WHERE ${place} ORDER BY updated_at DESC, id DESC LIMIT ${limit}`)
  }

  const behind = (after: string) => {
    const space = after.indexOf(" ")
    return sql`(updated_at, id) < (${after.slice(0, space)}, ${after.slice(space + 1)})`
  }

  return {
    session: Effect.fn("SessionStore.session")(function* (id: SessionId) {
      const [row] = yield* decodeCounted(sql`${counted} WHERE id = ${id}`)
      return Option.map(Option.fromUndefinedOr(row), summaryOf)
    }),
    sessions: Effect.fn("SessionStore.sessions")(function* ({ after, agent, limit, named: part, order }: SessionQuery) {
      const all = agent === undefined && part === undefined
      const found: Array<SessionSummary> = []
      let cursor = after
      while (found.length < limit) {
        const size = all ? Math.min(stretch, limit - found.length) : stretch
        const rows = (yield* page(order, cursor, size)).map(summaryOf)
        found.push(...rows.filter((row) => (agent ?? row.agent) === row.agent && named(row, part)))
        const last = rows.at(-1)
        if (last === undefined || rows.length < size) break
        cursor = cursorOf(order, last)
        yield* Effect.yieldNow
      }
      return found.slice(0, limit)
    }),
    unfinished: Effect.map(
      decodeIds(sql`SELECT id FROM sessions WHERE log IN (SELECT log FROM turns) ORDER BY id`),
      (rows) => rows.map(({ id }) => id)
    ),
    count: Effect.map(
      decodeCounts(sql`SELECT CAST(COUNT(*) AS INTEGER) AS count FROM sessions`),
      ([row]) => row?.count ?? 0
    )
  }
}

const decodeCounted = decoding(Counted)
const decodeIds = decoding(Schema.Struct({ id: SessionId }))
const decodeCounts = decoding(Schema.Struct({ count: Schema.Int }))
