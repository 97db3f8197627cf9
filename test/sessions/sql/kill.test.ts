import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { SessionId } from "../../../src/domain/Ids.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import { layerSqlite } from "../../support/SqliteStore.ts"
import { filename } from "./Database.ts"

const program = fileURLToPath(new URL("appendUntilKilled.ts", import.meta.url))

/** Runs the program until it has acknowledged this many appends, kills it, and answers all it ever acknowledged. */
const acknowledgedBeforeKill = (path: string, enough: number) =>
  Effect.callback<ReadonlyArray<string>>((resume) => {
    const child = spawn(process.execPath, [program, path], { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
      if (output.split("\n").length > enough) child.kill("SIGKILL")
    })
    // A line without its end was cut off by the kill: what it would have said was never said.
    child.on("close", () => resume(Effect.succeed(output.split("\n").slice(0, -1))))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("a killed process", () => {
  it.effect("has lost nothing that it had acknowledged", () =>
    Effect.gen(function* () {
      const path = yield* filename
      const lines = yield* acknowledgedBeforeKill(path, 300)
      assert.isAtLeast(lines.length, 300)
      const last = new Map(
        lines.map((line): [string, number] => {
          const [name = "", seq] = line.split(" ")
          return [name, Number(seq)]
        })
      )
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        for (const [name, seq] of last) {
          const id = SessionId.make(name)
          const log = yield* store.read(id, { limit: 1_000_000 })
          assert.isAtLeast(log.length, seq)
          assert.deepStrictEqual(
            log.map(({ seq }) => seq),
            Array.from({ length: log.length }, (_, index) => index + 1)
          )
          assert.strictEqual(Option.getOrThrow(yield* store.session(id)).seq, log.length)
          assert.isTrue(Option.isSome(yield* store.accepted("discord", `${name}-${seq - 2}`)))
        }
        assert.deepStrictEqual(yield* store.unfinished, [])
      }).pipe(Effect.provide(layerSqlite({ filename: path })))
    })
  )
})
