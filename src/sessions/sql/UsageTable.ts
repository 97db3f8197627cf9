/**
 * What models were used for, by day, agent, session and model: written in the transaction of the replies, and kept when
 * their session is deleted.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { Statement } from "effect/sql"
import { Day } from "../../domain/Day.ts"
import { gathered, UsageShare } from "../../domain/Usage.ts"
import type { UsageRow } from "../Projection.ts"
import type { UsageQuery } from "../SessionQuery.ts"
import { inserting, type Values } from "./Insert.ts"
import { decoding } from "./Rows.ts"

/**
 * The table, and in it what the logs say so far: replies of earlier versions do not name their model, which is the one that
 * was called last, nor what they cost. What came before the last `SessionForked` or `SessionImported` of a log was used
 * elsewhere.
 */
export const createUsage = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE usage (
    day TEXT NOT NULL,
    agent TEXT NOT NULL,
    session TEXT NOT NULL,
    model TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_usd DOUBLE PRECISION NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    PRIMARY KEY (day, agent, session, model)
  )`
  yield* sql`INSERT INTO usage
    WITH adopted AS (
      SELECT log, MAX(seq) AS through FROM events WHERE type IN ('SessionForked', 'SessionImported') GROUP BY log
    ), replies AS (
      SELECT substr(events.at, 1, 10) AS day, agent, sessions.id AS session, body ->> '$.cost' AS cost,
        COALESCE(body ->> '$.model', (
          SELECT called.body ->> '$.model' FROM events AS called
          WHERE called.log = events.log AND called.seq < events.seq AND called.type IN ('ModelCalled', 'TurnStarted')
          ORDER BY called.seq DESC LIMIT 1
        ), 'unknown') AS model,
        body -> '$.usage.inputTokens' AS input, body -> '$.usage.outputTokens' AS output
      FROM events JOIN sessions ON sessions.log = events.log LEFT JOIN adopted ON adopted.log = events.log
      WHERE events.type IN ('ModelReplied', 'Compacted') AND events.seq > COALESCE(adopted.through, 0)
    )
    SELECT day, agent, session, model, COUNT(*), SUM(COALESCE(input ->> '$.total', 0)),
      SUM(COALESCE(input ->> '$.cacheRead', 0)), SUM(COALESCE(input ->> '$.cacheWrite', 0)),
      SUM(COALESCE(output ->> '$.total', 0)), SUM(COALESCE(cost, 0.0)), COUNT(*) - COUNT(cost)
    FROM replies WHERE input IS NOT NULL GROUP BY day, agent, session, model`
})

const sums = {
  calls: "calls",
  inputTokens: "input_tokens",
  cacheReadTokens: "cache_read_tokens",
  cacheWriteTokens: "cache_write_tokens",
  outputTokens: "output_tokens",
  costUsd: "cost_usd",
  unpricedCalls: "unpriced_calls"
} as const

/** Adds to what is there already. */
export const writeUsage = inserting(
  "usage",
  ["day", "agent", "session", "model", ...Object.values(sums)],
  `ON CONFLICT (day, agent, session, model) DO UPDATE SET ${Object.values(sums)
    .map((sum) => `${sum} = usage.${sum} + excluded.${sum}`)
    .join(", ")}`
)

export const usageValues = (row: UsageRow): Values => {
  const { cacheReadTokens, cacheWriteTokens, calls, costUsd, inputTokens, outputTokens, unpricedCalls } = row
  const names = [row.day, row.agent, row.session, row.model]
  return [...names, calls, inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, costUsd, unpricedCalls]
}

/** What to select for the sums of a `UsageShare`. */
const summed = Object.entries(sums)
  .map(([name, sum]) => `${name === "costUsd" ? `SUM(${sum})` : `CAST(SUM(${sum}) AS BIGINT)`} AS "${name}"`)
  .join(", ")

/** Days are read one by one, so that others get on in between, however many there are. */
export const usageReads = (sql: SqlClient.SqlClient) => ({
  usage: Effect.fn("SessionStore.usage")(function* ({ by, from, to }: UsageQuery) {
    const names = sql.literal(["day", ...by.filter((name) => name !== "day")].join(", "))
    const found: Array<UsageShare> = []
    let day = yield* firstDay(sql`SELECT MIN(day) AS day FROM usage WHERE day >= ${from ?? ""}`)
    while (day !== null && (to === undefined || day <= to)) {
      const shares = sql`SELECT ${names}, ${sql.literal(summed)} FROM usage WHERE day = ${day} GROUP BY ${names}`
      for (const share of yield* decodeShares(shares)) found.push(share)
      yield* Effect.yieldNow
      day = yield* firstDay(sql`SELECT MIN(day) AS day FROM usage WHERE day > ${day}`)
    }
    return gathered(found, by)
  })
})

const firstDay = (statement: Statement.Statement<unknown>) =>
  Effect.map(decodeDays(statement), ([row]) => row?.day ?? null)

const decodeDays = decoding(Schema.Struct({ day: Schema.NullOr(Day) }))
const decodeShares = decoding(UsageShare)
