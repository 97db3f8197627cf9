import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { isAlive, parseStat, terminate } from "../../../src/tools/exec/ProcessGroup.ts"

const group = Effect.acquireRelease(
  Effect.sync(() => spawn("sleep", ["1000"], { detached: true, stdio: "ignore" })),
  (child) => Effect.sync(() => child.kill("SIGKILL"))
)

describe("ProcessGroup", () => {
  it.each<readonly [string, string, number]>([
    ["12 (sh) S 1 34 34 0 -1", "S", 34],
    ["12 (a) Z 1 (b) Z 1 99 0) Z 1 34 34 0 -1", "Z", 34]
  ])("reads %j", (line, state, id) => {
    assert.deepStrictEqual(parseStat(line), { state, group: id })
  })

  it.live("ends a group and then finds it gone", () =>
    Effect.gen(function* () {
      const { pid = 0 } = yield* group
      assert.isTrue(yield* isAlive(pid))
      yield* terminate(pid)
      assert.isFalse(yield* isAlive(pid))
      yield* terminate(pid)
    })
  )
})
