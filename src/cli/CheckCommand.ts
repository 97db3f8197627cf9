/** `fiberclaw check`: whether the configuration is valid, and every fault if not. */
import { Effect } from "effect"
import { Command } from "effect/cli"
import { known } from "../app/Known.ts"
import { load } from "../config/ConfigLoader.ts"
import { render } from "../config/Fault.ts"
import { configFlag, environment, folders, jsonFlag } from "./Options.ts"
import { Failed, print, say } from "./Output.ts"

export const check = Command.make(
  "check",
  { config: configFlag, json: jsonFlag },
  Effect.fnUntraced(function* ({ config, json }) {
    const env = yield* environment
    const folder = folders({ config }, env).config
    const loaded = yield* load(folder, env, known).pipe(
      Effect.catchTag("ConfigInvalid", ({ faults }) =>
        (json ? print(JSON.stringify({ valid: false, faults })) : say(faults.map(render).join("\n"))).pipe(
          Effect.andThen(Effect.fail(new Failed({ reason: `${faults.length} faults` })))
        )
      )
    )
    const tenants = Array.from(loaded.tenants.values(), ({ agents, id }) => ({ id, agents: Array.from(agents.keys()) }))
    if (json) return yield* print(JSON.stringify({ valid: true, tenants }))
    const lines = tenants.map(({ agents, id }) => `  ${id}: ${agents.join(", ")}`)
    yield* print([`the configuration in ${folder} is valid`, ...lines].join("\n"))
  })
).pipe(Command.withDescription("Checks the configuration and lists every fault with file, line and column"))
