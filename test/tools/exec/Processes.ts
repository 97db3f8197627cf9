/** Real folders and real processes, watched by their state and never by the time that has passed. */
import type { Fiber } from "effect"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"

/** A folder of the test's own, removed with its Scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fiberclaw-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const realPause = Effect.promise(() => setTimeout(5))

/** Waits, in real time, until the condition holds. */
export const until = (condition: () => boolean) =>
  Effect.repeat(Effect.andThen(realPause, Effect.sync(condition)), { until: (holds) => holds })

/** The process ids a command wrote into this file, once it has written a whole line. */
export const pidsIn = Effect.fnUntraced(function* (file: string) {
  yield* until(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"))
  return readFileSync(file, "utf8").trim().split(/\s+/).map(Number)
})

/** Whether a process can still act: it exists and is no zombie. */
export const isRunning = (pid: number): boolean => {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, "utf8"))
}

/** Lets virtual time pass in small steps, and real processes have their turns, until the fiber has ended. */
export const drive = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.repeat(Effect.andThen(TestClock.adjust("10 millis"), realPause), {
    until: () => fiber.pollUnsafe() !== undefined
  })
