/** `fiberclaw status`: the supervision tree of a running service, its tenants, and whether it is well. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { clientFlags, jsonFlag } from "./Options.ts"

const flags = {
  ...clientFlags,
  json: jsonFlag,
  watch: Flag.Boolean("watch").pipe(
    Flag.withDescription("Follow it: drawn anew on a terminal, else one line (with --json one document) per change"),
    Flag.withDefault(false)
  )
}

export const status = Command.make("status", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Status.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription(
    "Shows the supervision tree of a running service, its tenants and its health. " +
      "Exit code 0 when it is ready; 1 when it is not, or does not answer"
  ),
  Command.withExamples([
    { command: "fiberclaw status", description: "Once" },
    { command: "fiberclaw status --watch", description: "Until Ctrl-C, as it changes" },
    { command: "fiberclaw status --json", description: "For programs" }
  ])
)
