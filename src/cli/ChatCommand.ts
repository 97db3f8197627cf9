/** `fiberclaw chat`: talks to an agent of a running service in the terminal. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { AgentId, SessionId, TenantId } from "../domain/Ids.ts"
import { clientFlags, jsonFlag } from "./Options.ts"

const flags = {
  ...clientFlags,
  tenant: Flag.String("tenant").pipe(
    Flag.withSchema(TenantId),
    Flag.withDefault(TenantId.make("default")),
    Flag.withDescription("The tenant (default: default)")
  ),
  agent: Flag.String("agent").pipe(
    Flag.withSchema(AgentId),
    Flag.withDefault(AgentId.make("main")),
    Flag.withDescription("The agent (default: main)")
  ),
  session: Flag.optional(
    Flag.String("session").pipe(
      Flag.withSchema(SessionId),
      Flag.withDescription("A session to open or to go on with (default: a new one)")
    )
  ),
  file: Flag.atLeast(
    Flag.File("file").pipe(
      Flag.withDescription("A picture, a PDF or a text to send along with the first message; may be given again")
    ),
    0
  ),
  json: jsonFlag
}

export const chat = Command.make("chat", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Chatting.ts")),
    ({ run }) => run(given)
  )
).pipe(
  Command.withDescription("Talks to an agent of a running service in the terminal"),
  Command.withExamples([
    { command: "fiberclaw chat", description: "A new session with default/main" },
    { command: "fiberclaw chat --agent main --session notes", description: "Go on with the session notes" },
    { command: "fiberclaw chat --file photo.png", description: "Show the model a picture" }
  ])
)
