import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as ToolsLayer from "../../src/app/ToolsLayer.ts"
import { AgentId } from "../../src/domain/Ids.ts"
import { Toolbox } from "../../src/tools/Toolbox.ts"

describe("ToolsLayer", () => {
  it.effect("knows every tool that files may name", () =>
    Effect.gen(function* () {
      const { names } = yield* Toolbox
      assert.deepStrictEqual(names, ToolsLayer.names)
    }).pipe(Effect.provide(ToolsLayer.make("data")))
  )

  it.effect("gives an agent a workspace that is the same from everywhere", () =>
    Effect.gen(function* () {
      const { prepare } = yield* Toolbox
      const { summary } = yield* Effect.fromResult(
        Result.mapError(prepare("exec", { command: "pwd" }, AgentId.make("main")), ({ message }) => message)
      )
      assert.strictEqual(summary, `in ${join(process.cwd(), "data/workspaces/main")}: pwd`)
    }).pipe(Effect.provide(ToolsLayer.make("data")))
  )
})
