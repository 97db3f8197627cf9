/** `fiberclaw serve`: runs the service until it is stopped. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { configFlag, dataFlag } from "./Options.ts"

const flags = {
  config: configFlag,
  data: dataFlag,
  host: Flag.optional(
    Flag.String("host").pipe(Flag.withDescription("The address to listen on (FIBERCLAW_HOST, default: 127.0.0.1)"))
  ),
  port: Flag.optional(
    Flag.String("port").pipe(
      Flag.withDescription("The port to listen on, 0 for any free one (FIBERCLAW_PORT, default: 4000)")
    )
  ),
  logFormat: Flag.optional(
    Flag.String("log-format").pipe(Flag.withDescription("json or pretty (FIBERCLAW_LOG_FORMAT, default: json)"))
  )
}

export const serve = Command.make("serve", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Serving.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription("Runs the service until it is stopped (SIGINT or SIGTERM)"),
  Command.withExamples([
    { command: "fiberclaw serve", description: "On http://127.0.0.1:4000, with config/ and data/" },
    { command: "fiberclaw serve --port 8080 --data /var/lib/fiberclaw", description: "Elsewhere" }
  ])
)
