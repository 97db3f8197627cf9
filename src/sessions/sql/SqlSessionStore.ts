/**
 * The session store in an SQL database. The log is the truth; every other table is written with it in the same
 * transaction. Appends that wait together are committed together, and an append that is refused or cannot be written
 * harms no other. A database that fails keeps nothing of the batch, says why, and is asked again by the next append.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlError from "effect/sql/SqlError"
import type { SessionEvent } from "../../domain/SessionEvent.ts"
import { Incarnation } from "../../kernel/Incarnation.ts"
import { answerTo } from "../Admission.ts"
import { SessionStore, StoreUnavailable } from "../SessionStore.ts"
import { commitBatch, type EncodedAppend, type Heads } from "./Batch.ts"
import { encodeBody } from "./EventBody.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as KeptFiles from "./KeptFiles.ts"
import { migrate } from "./Migrations.ts"
import { approvalReads, logReads } from "./Reads.ts"
import { unavailable } from "./Rows.ts"
import { indexing, search } from "./SearchIndex.ts"
import { sessionReads } from "./SessionReads.ts"
import * as SqliteClient from "./SqliteClient.ts"
import { usageReads } from "./UsageTable.ts"
import { wholeLogs } from "./WholeLogs.ts"

/** The store in whatever database SqlClient is connected to; brings its tables up to date first. */
export const layer: Layer.Layer<SessionStore, StoreUnavailable, SqlClient.SqlClient | Incarnation> = Layer.effect(
  SessionStore,
  Effect.suspend(() => make)
)

/** The store in an SQLite file of its own. */
export const layerSqlite = (
  options: SqliteClient.SqliteOptions
): Layer.Layer<SessionStore, StoreUnavailable, Incarnation> =>
  layer.pipe(
    Layer.provide(SqliteClient.layer(options)),
    Layer.catchTag("SqlError", (error) => Layer.effect(SessionStore, Effect.fail(unavailable(error))))
  )

type Service = SessionStore["Service"]
type Answer = Effect.Error<ReturnType<Service["append"]>>

/** The most appends one transaction takes: bounds how long a commit keeps the event loop. */
const batchLimit = 512

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* migrate
  const heads: Heads = new Map()
  const writer = yield* GroupCommit.make({
    commit: commitWith(sql, heads),
    limit: batchLimit,
    closed: new StoreUnavailable({ reason: "the session store is closed" })
  })
  // Without a span of its own, which would cost as much as encoding the events: that of the caller tells its time.
  const append: Service["append"] = (session, after, events) =>
    writer.submit(() => ({ session, after, events, bodies: events.map(encodeBody) }))
  const incarnation = yield* Incarnation
  const { file, keep, ...files } = yield* Effect.mapError(KeptFiles.make(sql), unavailable)
  const whole = yield* Effect.mapError(wholeLogs(sql, incarnation, heads, files), unavailable)
  yield* incarnation.fork(indexing(sql))
  return SessionStore.of({
    append,
    file,
    keep,
    ...whole,
    search: search(sql),
    ...logReads(sql),
    ...sessionReads(sql),
    ...approvalReads(sql),
    ...usageReads(sql)
  })
})

/** The writer's transactions are many and belong to nobody's trace: the spans of the appends tell their time. */
const commitWith = (sql: SqlClient.SqlClient, heads: Heads) => (batch: Arr.NonEmptyReadonlyArray<EncodedAppend>) =>
  Effect.withTracerEnabled(commitIsolated(sql, heads, batch), false)

const commitIsolated = (
  sql: SqlClient.SqlClient,
  heads: Heads,
  batch: Arr.NonEmptyReadonlyArray<EncodedAppend>
): Effect.Effect<ReadonlyArray<Exit.Exit<ReadonlyArray<SessionEvent>, Answer>>> =>
  commitBatch(sql, heads, batch).pipe(
    Effect.onError(() => Effect.sync(() => heads.clear())),
    Effect.map((admissions) => Arr.zipWith(batch, admissions, answerTo)),
    Effect.catch((error) =>
      // Another process wrote in between: only one of the batch is to blame, and alone it reads what is there now.
      error._tag === "SqlError" && error.reason._tag === "UniqueViolation" && batch.length > 1
        ? Effect.map(
            Effect.forEach(batch, (append) => commitIsolated(sql, heads, [append])),
            Arr.flatten
          )
        : Effect.succeed(batch.map(() => Exit.fail(error._tag === "SqlError" ? unavailable(error) : error)))
    ),
    Effect.catchDefect((defect) =>
      SqlError.isSqlError(defect) ? Effect.succeed(batch.map(() => Exit.fail(unavailable(defect)))) : Effect.die(defect)
    )
  )
