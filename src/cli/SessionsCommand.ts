/** `fiberclaw sessions`: what the API offers for sessions, for people and scripts. */
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { AgentId, SessionId, TenantId } from "../domain/Ids.ts"
import { clientFlags, jsonFlag } from "./Options.ts"

const common = {
  ...clientFlags,
  tenant: Flag.String("tenant").pipe(
    Flag.withSchema(TenantId),
    Flag.withDefault(TenantId.make("default")),
    Flag.withDescription("The tenant (default: default)")
  ),
  json: jsonFlag
}

const session = Argument.String("SESSION").pipe(
  Argument.withSchema(SessionId),
  Argument.withDescription("The session's id")
)

const event = Argument.Int("EVENT").pipe(Argument.withDescription("The number of an event of its log"))

const agentFlag = (description: string) =>
  Flag.optional(Flag.String("agent").pipe(Flag.withSchema(AgentId), Flag.withDescription(description)))

const sessionFlag = (name: string, description: string) =>
  Flag.optional(Flag.String(name).pipe(Flag.withSchema(SessionId), Flag.withDescription(description)))

const number = (name: string, otherwise: number, description: string) =>
  Flag.Int(name).pipe(Flag.withDefault(otherwise), Flag.withDescription(`${description} (default: ${otherwise})`))

const afterEvent = (description: string) => Flag.optional(Flag.Int("after").pipe(Flag.withDescription(description)))

const listing = Effect.promise(() => import("./SessionsListing.ts"))
const changing = Effect.promise(() => import("./SessionsChanging.ts"))
const carrying = Effect.promise(() => import("./SessionsCarrying.ts"))
const following = Effect.promise(() => import("./SessionsFollowing.ts"))

const list = Command.make(
  "list",
  {
    ...common,
    agent: agentFlag("Only sessions with this agent"),
    named: Flag.optional(Flag.String("named").pipe(Flag.withDescription("Only those with this in their id or name"))),
    byId: Flag.Boolean("by-id").pipe(
      Flag.withDefault(false),
      Flag.withDescription("By id, instead of the one that was written to last first")
    ),
    after: Flag.optional(Flag.String("after").pipe(Flag.withDescription("What the page before said"))),
    limit: number("limit", 50, "At most this many")
  },
  (given) => Effect.flatMap(listing, (module) => module.list(given))
).pipe(Command.withDescription("Lists sessions, the one that was written to last first"))

const show = Command.make(
  "show",
  {
    ...common,
    session,
    after: afterEvent("Events behind this one, instead of the last ones"),
    events: number("events", 20, "At most this many events")
  },
  (given) => Effect.flatMap(listing, (module) => module.show(given))
).pipe(Command.withDescription("Shows a session and its last events"))

const search = Command.make(
  "search",
  {
    ...common,
    words: Argument.String("WORD").pipe(
      Argument.variadic({ min: 1 }),
      Argument.withDescription("All of them have to be in what was said")
    ),
    session: sessionFlag("session", "Only in this session"),
    agent: agentFlag("Only in sessions with this agent"),
    skip: number("skip", 0, "Pass over this many"),
    limit: number("limit", 20, "At most this many")
  },
  (given) => Effect.flatMap(listing, (module) => module.search(given))
).pipe(Command.withDescription("Searches what people, models and tools said, the best match first"))

const follow = Command.make(
  "follow",
  { ...common, session, after: afterEvent("Begin behind this event (default: with what comes)") },
  (given) => Effect.flatMap(following, (module) => module.follow(given))
).pipe(Command.withDescription("Shows events and the model's text as they come, until Ctrl-C"))

const fork = Command.make(
  "fork",
  {
    ...common,
    session,
    at: Flag.Int("at").pipe(Flag.withDescription("The last event of the copy")),
    into: sessionFlag("into", "The copy's id (default: one is made)")
  },
  (given) => Effect.flatMap(changing, (module) => module.fork(given))
).pipe(Command.withDescription("Copies a session up to an event into a new one"))

const rename = Command.make(
  "rename",
  {
    ...common,
    session,
    name: Argument.String("NAME").pipe(
      Argument.withDescription("The name people see; none takes it away"),
      Argument.optional
    )
  },
  (given) => Effect.flatMap(changing, (module) => module.rename(given))
).pipe(Command.withDescription("Gives a session a name, or takes it away"))

const set = Command.make(
  "set",
  {
    ...common,
    session,
    model: Flag.optional(
      Flag.String("model").pipe(
        Flag.withDescription("provider/model, from the next turn on; `default` for its agent's")
      )
    ),
    midTurn: Flag.optional(
      Flag.Literals("mid-turn", ["steer", "queue", "interrupt", "default"]).pipe(
        Flag.withDescription("What a message does that arrives during a turn; `default` for its agent's")
      )
    )
  },
  (given) => Effect.flatMap(changing, (module) => module.set(given))
).pipe(Command.withDescription("Gives a session settings of its own, or takes them away"))

const cancel = Command.make("cancel", { ...common, session }, (given) =>
  Effect.flatMap(changing, (module) => module.cancel(given))
).pipe(Command.withDescription("Stops the running turn, or drops the one that waits to start"))

const remove = Command.make(
  "delete",
  {
    ...common,
    session,
    yes: Flag.Boolean("yes").pipe(Flag.withDefault(false), Flag.withDescription("Without asking"))
  },
  (given) => Effect.flatMap(changing, (module) => module.remove(given))
).pipe(Command.withDescription("Deletes a session for good; what runs in it is cancelled"))

const exporting = Command.make(
  "export",
  {
    ...common,
    session,
    output: Flag.optional(
      Flag.String("output").pipe(Flag.withMetavar("FILE"), Flag.withDescription("Where to (default: stdout)"))
    ),
    force: Flag.Boolean("force").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Also over a file that is there already")
    )
  },
  (given) => Effect.flatMap(carrying, (module) => module.carryOut(given))
).pipe(Command.withDescription("Writes a session as JSON Lines: a header, then its whole log"))

const importing = Command.make(
  "import",
  {
    ...common,
    session,
    file: Argument.String("FILE").pipe(Argument.withDescription("What `export` wrote; - for stdin")),
    agent: agentFlag("The agent it is to be with here (default: the one in the file)")
  },
  (given) => Effect.flatMap(carrying, (module) => module.bringIn(given))
).pipe(Command.withDescription("Takes in what `export` wrote as a new session"))

const pin = Command.make("pin", { ...common, session, event }, (given) =>
  Effect.flatMap(changing, (module) => module.pin(given))
).pipe(Command.withDescription("Keeps what was said in an event whole, however often the session is compacted"))

const unpin = Command.make("unpin", { ...common, session, event }, (given) =>
  Effect.flatMap(changing, (module) => module.unpin(given))
).pipe(Command.withDescription("Takes a pin away"))

const send = Command.make(
  "send",
  {
    ...common,
    session,
    text: Argument.String("TEXT").pipe(Argument.withDescription("What to say")),
    agent: agentFlag("The agent; needed for a new session")
  },
  (given) => Effect.flatMap(changing, (module) => module.send(given))
).pipe(Command.withDescription("Says something and does not wait for the answer"))

export const sessions = Command.make("sessions").pipe(
  Command.withDescription("Finds, shows, changes and carries the sessions of a running service"),
  Command.withSubcommands([
    list,
    show,
    search,
    follow,
    send,
    cancel,
    fork,
    rename,
    set,
    pin,
    unpin,
    exporting,
    importing,
    remove
  ]),
  Command.withExamples([
    { command: "fiberclaw sessions list --agent main", description: "The latest sessions with main" },
    { command: "fiberclaw sessions search invoice 2026", description: "Where both words were said" },
    {
      command: "fiberclaw sessions fork notes --at 12 --into notes-2",
      description: "Try another way from event 12 on"
    },
    { command: "fiberclaw sessions export notes --output notes.jsonl", description: "The whole log as a file" }
  ])
)
