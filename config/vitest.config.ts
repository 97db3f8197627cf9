/** How the tests run. Nothing waits on a duration, so the time-outs only catch what hangs. */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    watch: false,
    // node:sqlite and child processes belong to a process of their own: signals and file locks are per process.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    slowTestThreshold: 1_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text", "html", "json-summary"],
      reportsDirectory: "coverage",
      thresholds: { lines: 80, statements: 80, branches: 80, functions: 80 }
    }
  }
})
