/**
 * `npm run check`: types, Effect mistakes, lint with formatting, architecture.
 *
 * Runs every step even when one failed and fails at the end if any did. The tools whose platform packages may not
 * stand in the lockfile are run pinned through `npm exec` (docs/dependencies.md says why). `--write` repairs what the
 * linter can repair safely, formatting included, and runs nothing else.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const effectDiagnostics = [
  "@effect/tsgo@0.45.0",
  "effect-tsgo",
  "diagnostics",
  "--strict",
  "--severity=error,warning"
] as const
const biome = ["@biomejs/biome@2.6.8", "biome", "check", "--config-path=config", "--error-on-warnings"] as const

interface Step {
  readonly name: string
  readonly command: ReadonlyArray<string>
}

const pinned = ([tool, ...command]: ReadonlyArray<string>): ReadonlyArray<string> => [
  "npm",
  "exec",
  "--yes",
  `--package=${tool}`,
  "--",
  ...command
]

const steps: ReadonlyArray<Step> = [
  { name: "types", command: ["tsc", "--project", "tsconfig.json"] },
  { name: "effect", command: pinned([...effectDiagnostics, "--project", "tsconfig.json"]) },
  { name: "lint and format", command: pinned([...biome, "."]) },
  {
    name: "architecture",
    command: ["vitest", "run", "--config", "config/vitest.config.ts", "test/architecture.test.ts"]
  }
]

const repairs: ReadonlyArray<Step> = [{ name: "format", command: pinned([...biome, "--write", "."]) }]

/** Whether the step succeeded; its output goes straight to the terminal. */
const passes = ({ command: [program = "", ...args], name }: Step): boolean => {
  console.log(`\n── ${name}`)
  const windows = process.platform === "win32"
  const { error, status } = spawnSync(program, args, { cwd: root, stdio: "inherit", shell: windows })
  if (error !== undefined) console.error(`${program} does not start: ${error.message}`)
  return status === 0
}

const failed = (process.argv.includes("--write") ? repairs : steps).filter((step) => !passes(step))

console.log(failed.length === 0 ? "\nall checks passed" : `\nfailed: ${failed.map((step) => step.name).join(", ")}`)
process.exitCode = failed.length === 0 ? 0 : 1
