/** A service in miniature, to be killed: runs the command it is given in the folder it is given. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { exec } from "../../../src/tools/exec/Exec.ts"
import { runTool } from "../../../src/tools/Toolbox.ts"
import { toolContext } from "../../support/Tools.ts"

const [workspace = "", command = ""] = process.argv.slice(2)

NodeRuntime.runMain(
  Effect.gen(function* () {
    const prepared = yield* Effect.fromResult(exec({ workspace: () => workspace }).prepare({ command }))
    yield* runTool(prepared, toolContext())
  })
)
