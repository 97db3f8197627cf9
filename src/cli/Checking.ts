/** Checks the configuration and tells every fault. */
import * as Effect from "effect/Effect"
import type { Option } from "effect"
import { known } from "../app/Known.ts"
import { load } from "../config/ConfigLoader.ts"
import { render } from "../config/Fault.ts"
import { environment, folders } from "./Options.ts"
import { Failed, print, say } from "./Output.ts"

/** The flags of `fiberclaw check`. */
export interface Given {
  readonly config: Option.Option<string>
  readonly json: boolean
}

/** Succeeds if the configuration is valid. */
export const run = Effect.fnUntraced(function* ({ config, json }: Given) {
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
