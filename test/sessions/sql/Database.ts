/** Real databases in folders of their own, which are gone when the test is over. */
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Incarnation } from "../../../src/kernel/Incarnation.ts"
import { layer } from "../../../src/sessions/sql/SqlSessionStore.ts"
import * as SqliteClient from "../../../src/sessions/sql/SqliteClient.ts"

/** A path for a database, in a folder that exists as long as the Scope. */
export const filename = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fiberclaw-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => join(folder, "data", "sessions.db")
)

/** A store with its client in reach, to look at and break what lies beneath. */
export const storeIn = (filename: string) =>
  Layer.provideMerge(layer, [SqliteClient.layer({ filename }), Incarnation.layerAlone])
