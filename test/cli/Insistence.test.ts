import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"

const program = fileURLToPath(new URL("NeverStopping.ts", import.meta.url))

const ending = (child: ChildProcess) =>
  Effect.callback<number | string | null>((resume) => {
    child.on("close", (code, signal) => resume(Effect.succeed(code ?? signal)))
  })

/** The program, asked to stop once and once more, with everything it says from then on. */
const insisted = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )
  const said = yield* Queue.unbounded<string>()
  createInterface(child.stdout).on("line", (line) => Queue.offerUnsafe(said, line))
  const until = (text: string) => Effect.repeat(Queue.take(said), { until: (line) => line.includes(text) })
  yield* until("ready")
  child.kill("SIGTERM")
  yield* until("stopping")
  child.kill("SIGINT")
  yield* until("hurried")
  return { child, until }
})

describe("Insistence", () => {
  it.live("ends the process with 1 at the third signal", () =>
    Effect.gen(function* () {
      const { child, until } = yield* insisted()
      child.kill("SIGTERM")
      yield* until("service did not stop in order")
      assert.strictEqual(yield* ending(child), 1)
    })
  )

  it.live("ends the process with 1 when the stop still hangs 5 seconds after the second signal", () =>
    Effect.gen(function* () {
      const { child } = yield* insisted("--fast")
      assert.strictEqual(yield* ending(child), 1)
    })
  )
})
