/**
 * Reads the results vitest wrote as JSON (its path is the only argument), names the slowest tests and closes with one
 * plain line: `N passed, N failed, N skipped`. A test file that could not run counts as one failed test.
 */
import { readFileSync } from "node:fs"

const slow = 1000

const results = JSON.parse(readFileSync(process.argv[2], "utf8"))
const files = results.testResults
const tests = files.flatMap((file) => file.assertionResults)
const count = (...statuses) => tests.filter((test) => statuses.includes(test.status)).length
const broken = files.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length

const slowest = tests.filter((test) => test.duration > slow).sort((a, b) => b.duration - a.duration)
for (const test of slowest.slice(0, 10)) {
  process.stdout.write(`slow: ${(test.duration / 1000).toFixed(1)} s  ${test.fullName}\n`)
}

const failed = count("failed") + broken
process.stdout.write(`${count("passed")} passed, ${failed} failed, ${count("skipped", "pending", "todo")} skipped\n`)
