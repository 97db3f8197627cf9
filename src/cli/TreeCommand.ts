/** `fiberclaw tree`: acts on a node of a running service's supervision tree. */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import type { Action } from "../api/TreeScope.ts"
import { clientFlags, jsonFlag } from "./Options.ts"

const path = Argument.String("PATH").pipe(
  Argument.withDescription(
    "The node's path, as `fiberclaw status --json` has it: fiberclaw/tenants/default/agents/main"
  )
)

const acting = (action: Action, description: string) =>
  Command.make(action, { ...clientFlags, json: jsonFlag, path }, (given) =>
    Effect.flatMap(
      Effect.promise(() => import("./TreeActing.ts")),
      ({ run }) => run(action, given)
    )
  ).pipe(Command.withDescription(description))

export const tree = Command.make("tree").pipe(
  Command.withDescription(
    "Restarts, stops, pauses, resumes or kills a node of the supervision tree. " +
      "Exit code 0 when it is done or begun, 1 when it is refused or fails"
  ),
  Command.withSubcommands([
    acting("restart", "Stops the node if it is up, and starts it; also brings back a stopped, paused or parked one"),
    acting("stop", "Stops the node"),
    acting("pause", "Stops the node until it is resumed"),
    acting("resume", "Starts a node that is stopped, paused or parked"),
    acting("kill", "Makes the node fail; its supervisor decides what follows")
  ]),
  Command.withExamples([
    { command: "fiberclaw tree restart fiberclaw/tenants/default/agents/main", description: "Start an agent anew" }
  ])
)
