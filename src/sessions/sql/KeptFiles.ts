/**
 * The bytes that messages bring, each once however many logs name it, and which log names which.
 *
 * Bytes are written before the event that names them, so that no log ever names what was not kept; they are synced with
 * that event (`Background.ts`). What no log names goes: at once where it was brought in vain or its last log is purged, and
 * at the next start where the process died in between.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql"
import { type FileBytes, type KeptFile, MediaType, type Sha256 } from "../../domain/Attachment.ts"
import type { SessionId } from "../../domain/Ids.ts"
import type { FileFound } from "../SessionStore.ts"
import { transactUnsynced } from "./Background.ts"
import { inserting, perform, type Values, type Write } from "./Insert.ts"
import { decoding, unavailable } from "./Rows.ts"

type Sql = SqlClient.SqlClient

/** How many files are let go of in one transaction, in which no other fiber gets on. */
const piece = 4

/** Which log names which file; the first name and type of one stays. */
export const writeBrought = inserting(
  "brought",
  ["log", "sha256", "media_type", "name"],
  "ON CONFLICT (log, sha256) DO NOTHING"
)

export const broughtValues = (log: number, { mediaType, name, sha256 }: KeptFile): Values => [
  log,
  sha256,
  mediaType,
  name ?? null
]

const writeFile = ({ data, sha256 }: FileBytes): Write => [
  "INSERT INTO files (sha256, data) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING",
  [sha256, data]
]

const deleteUnnamed = (sha256: Sha256): Write => [
  "DELETE FROM files WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM brought WHERE brought.sha256 = files.sha256)",
  [sha256]
]

/** Lets go of what an earlier life left. */
export const make = Effect.fnUntraced(function* (sql: Sql) {
  /** How many are about to name a file. Looked at inside the transaction that deletes it. */
  const awaited = new Map<Sha256, number>()
  yield* sql`DELETE FROM files WHERE NOT EXISTS (SELECT 1 FROM brought WHERE brought.sha256 = files.sha256)`

  const count = (hashes: ReadonlyArray<Sha256>, by: 1 | -1) => {
    for (const sha256 of hashes) {
      const now = (awaited.get(sha256) ?? 0) + by
      if (now === 0) awaited.delete(sha256)
      else awaited.set(sha256, now)
    }
  }

  const unawaited = (hashes: ReadonlyArray<Sha256>): ReadonlyArray<Write> =>
    hashes.filter((sha256) => !awaited.has(sha256)).map(deleteUnnamed)

  /** What is held until the Scope closes is told by hashes: an import may bring more bytes than there is memory. */
  const holding = (hashes: ReadonlyArray<Sha256>) =>
    Effect.acquireRelease(
      Effect.sync(() => count(hashes, 1)),
      () =>
        Effect.suspend(() => {
          count(hashes, -1)
          return Effect.ignore(
            transactUnsynced(sql, (connection) => Effect.suspend(() => perform(connection, unawaited(hashes)))),
            { log: "Warn" }
          )
        })
    )

  const keep = Effect.fn("SessionStore.keep")(function* (files: ReadonlyArray<FileBytes>) {
    yield* holding(files.map(({ sha256 }) => sha256))
    for (const file of files) {
      yield* Effect.mapError(
        transactUnsynced(sql, (connection) => perform(connection, [writeFile(file)])),
        unavailable
      )
      yield* Effect.yieldNow
    }
  })

  const file = Effect.fn("SessionStore.file")(function* (session: SessionId, sha256: Sha256) {
    const [row] = yield* decodeFiles(sql`SELECT media_type AS "mediaType", brought.name, data FROM sessions
      JOIN brought ON brought.log = sessions.log JOIN files ON files.sha256 = brought.sha256
      WHERE sessions.id = ${session} AND brought.sha256 = ${sha256}`)
    return Option.map(Option.fromUndefinedOr(row), foundIn)
  })

  /** What a log named is named by it no longer. */
  const purge = Effect.fnUntraced(function* (log: number) {
    const next = transactUnsynced(
      sql,
      Effect.fnUntraced(function* (connection) {
        const rows = yield* sql<{
          readonly sha256: Sha256
        }>`SELECT sha256 FROM brought WHERE log = ${log} LIMIT ${piece}`
        const hashes = rows.map(({ sha256 }) => sha256)
        const unnaming = hashes.map(
          (sha256): Write => ["DELETE FROM brought WHERE log = ? AND sha256 = ?", [log, sha256]]
        )
        yield* perform(connection, [...unnaming, ...unawaited(hashes)])
        return rows.length
      })
    )
    while ((yield* next) === piece) yield* Effect.yieldNow
  })

  return { keep, file, purge }
})

const FileRow = Schema.Struct({ mediaType: MediaType, name: Schema.NullOr(Schema.String), data: Schema.Uint8Array })

const decodeFiles = decoding(FileRow)

const foundIn = ({ data, mediaType, name }: typeof FileRow.Type): FileFound => ({
  mediaType,
  data,
  ...(name === null ? {} : { name })
})
