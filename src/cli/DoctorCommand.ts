/** `fiberclaw doctor`: examines an installation and explains what is wrong. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { clientFlags, configFlag, jsonFlag } from "./Options.ts"

const flags = {
  config: configFlag,
  ...clientFlags,
  json: jsonFlag,
  deep: Flag.Boolean("deep").pipe(
    Flag.withDescription("Also decode every event and compare every index with its table, which takes long"),
    Flag.withDefault(false)
  )
}

export const doctor = Command.make("doctor", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Doctoring.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription(
    "Examines the configuration, the data folder and every database, and says what each fault means and what to do. " +
      "Changes nothing, and may run beside the service. Exit code 1 if anything is wrong"
  )
)
