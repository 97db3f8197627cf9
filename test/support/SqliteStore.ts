/** The SQL store on SQLite, without a tree around it. */
import { Layer } from "effect"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import type { SqliteOptions } from "../../src/sessions/sql/SqliteClient.ts"
import * as SqlSessionStore from "../../src/sessions/sql/SqlSessionStore.ts"

export const layerSqlite = (options: SqliteOptions) =>
  Layer.provide(SqlSessionStore.layerSqlite(options), Incarnation.layerAlone)
