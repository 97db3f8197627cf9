/** `fiberclaw backup`: makes a backup, of a running service or of a stopped one. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { clientFlags, jsonFlag } from "./Options.ts"

const flags = {
  ...clientFlags,
  to: Flag.optional(
    Flag.String("to").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription(
        "The folder in which the backup gets a folder of its own (default: backups in the data folder)"
      )
    )
  ),
  json: jsonFlag
}

export const backup = Command.make("backup", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./BackingUp.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription(
    "Makes a backup of all databases, the administrator's token and the workspaces. A running service makes it itself, " +
      "without a pause, in its data folder; with --to it is then copied"
  ),
  Command.withExamples([
    { command: "fiberclaw backup --to /mnt/backups", description: "On another disk, as it should be" }
  ])
)
