/** `fiberclaw restore`: puts a backup in the place of the data folder. */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { dataFlag, jsonFlag } from "./Options.ts"

const flags = {
  from: Argument.String("FROM").pipe(Argument.withDescription("The backup's folder")),
  data: dataFlag,
  json: jsonFlag,
  yes: Flag.Boolean("yes").pipe(Flag.withDescription("Do not ask"), Flag.withDefault(false))
}

export const restore = Command.make("restore", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Restoring.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription(
    "Puts a backup in the place of the data folder of a stopped service, once all of it has been verified. What was " +
      "there is kept beside it"
  ),
  Command.withExamples([
    { command: "fiberclaw restore data/backups/2026-01-31T12-00-00.000Z", description: "Into the folder data" }
  ])
)
