/**
 * `npm run crash`: strikes at every point of the crash matrix in every way, where `npm test` strikes at a part of them.
 * `--write` puts what came of it into docs/crash-matrix.md. Ends with 1 if anything was lost or done twice.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "fiberclaw-crash-"))
const results = join(folder, "results.jsonl")

const passes = (env: Readonly<Record<string, string>>, ...files: ReadonlyArray<string>): boolean => {
  const args = ["run", "--config", "config/vitest.config.ts", ...files]
  return spawnSync("vitest", args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } }).status === 0
}

const files = ["Killed", "KilledAmongOthers", "Struck"].map((name) => `test/crash/${name}.test.ts`)
const survived = passes({ CRASH_MATRIX: "full", CRASH_RESULTS: results }, ...files)
const written = process.argv.includes("--write") && survived
const published = passes(written ? { CRASH_RESULTS: results } : {}, "test/crash/Matrix.test.ts")

rmSync(folder, { recursive: true })
process.exitCode = survived && published ? 0 : 1
