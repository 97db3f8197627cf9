import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { folder, isRunning, pidsIn, until } from "./Processes.ts"

describe("OrphanGuard", () => {
  it.live("ends a running command when the service is killed", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const command = "sleep 1000 & echo $$ $! > pids; wait"
      const service = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [join(import.meta.dirname, "service.ts"), path, command])),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const pids = yield* pidsIn(join(path, "pids"))
      assert.deepStrictEqual(pids.map(isRunning), [true, true])
      service.kill("SIGKILL")
      yield* until(() => !pids.some(isRunning))
    })
  )
})
