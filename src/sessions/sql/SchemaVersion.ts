/**
 * Which versions of the tables this program knows. A database that a newer program has written is refused: what it keeps
 * there may not mean what this one takes it for.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"

/** The number of the newest migration in `Migrations.ts`. */
export const sessionsVersion = 5

/** The number of the newest migration of the service's own tables (`tenants/Tokens.ts`). */
export const tokensVersion = 1

/** A newer program has brought the tables to a version that this one does not know. */
export class SchemaNewer extends Schema.TaggedError<SchemaNewer>()("SchemaNewer", {
  version: Schema.Int,
  known: Schema.Int
}) {
  override get message() {
    return (
      `the database is of version ${this.version}, written by a newer fiberclaw, and this one knows versions up to ` +
      `${this.known}: start the newer one, or restore a backup from before it`
    )
  }
}

/** Fails when the migrations in `table`, which is there, have gone further than `known`. */
export const refuseNewer = Effect.fn("SchemaVersion.refuseNewer")(function* (table: string, known: number) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ version: number | null }>`SELECT MAX(migration_id) AS version FROM ${sql(table)}`
  const version = row?.version ?? 0
  if (version > known) return yield* new SchemaNewer({ version, known })
})
