/** A folder of one's own. */
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Exists as long as the Scope. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fiberclaw-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
