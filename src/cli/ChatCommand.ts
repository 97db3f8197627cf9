/** `fiberclaw chat`: talks to an agent of a running service, line by line, with the answer as it comes. */
import { randomUUID } from "node:crypto"
import { Effect, Option, Ref, Stream, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import type { Verdict } from "../domain/Approval.ts"
import { AgentId, SessionId, TenantId, type TurnId } from "../domain/Ids.ts"
import type { SessionEventOf } from "../domain/SessionEvent.ts"
import { type Client, clientFlags, connect } from "./Client.ts"
import { jsonFlag } from "./Options.ts"
import { fail, say } from "./Output.ts"
import { coloured, plain, show } from "./Transcript.ts"

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
  json: jsonFlag
}

interface Talk {
  readonly client: Client
  readonly params: { readonly tenant: TenantId; readonly session: SessionId }
  readonly agent: AgentId
  readonly json: boolean
  /** The last event that has been shown. */
  readonly seen: Ref.Ref<number>
}

const help = "Type a message and Enter. /cancel stops the running turn, /quit or Ctrl-D leaves; the session stays."

const run = Effect.fnUntraced(function* (given: Command.Command.Config.Infer<typeof flags>) {
  const client = yield* connect(given)
  const session = Option.getOrElse(given.session, () => SessionId.make(`terminal-${randomUUID().slice(0, 8)}`))
  const params = { tenant: given.tenant, session }
  const seen = yield* Ref.make(yield* lastSeq(client, params))
  yield* say(`${given.tenant}/${given.agent}, session ${session}. ${help}`)
  yield* converse({ client, params, agent: given.agent, json: given.json, seen })
})

const lastSeq = (client: Client, params: Talk["params"]) =>
  client.sessions.session({ params }).pipe(
    Effect.map(({ seq }) => seq),
    Effect.catchTag("NotFound", () => Effect.succeed(0)),
    Effect.catch((error) => fail(error.message))
  )

const converse = Effect.fnUntraced(function* (talk: Talk) {
  for (;;) {
    const line = yield* ask("you> ")
    if (Option.isNone(line) || line.value === "/quit") return
    const text = line.value.trim()
    if (text === "/help") yield* say(help)
    else if (text === "/cancel") yield* cancel(talk)
    else if (text !== "") yield* speak(talk, text)
  }
})

/** Asks on stderr, so that stdout holds nothing but the answers; none at the end of the input. */
const ask = Effect.fnUntraced(function* (question: string) {
  const terminal = yield* Terminal.Terminal
  if (process.stdin.isTTY) yield* Effect.sync(() => process.stderr.write(question))
  return yield* Effect.option(terminal.readLine)
})

const cancel = ({ client, params }: Talk) =>
  client.sessions.cancel({ params }).pipe(
    Effect.flatMap(({ cancelled }) => say(cancelled === null ? "nothing is running" : "cancelled")),
    Effect.catch((error) => say(error.message))
  )

const speak = Effect.fnUntraced(function* (talk: Talk, text: string) {
  const { agent, client, params } = talk
  const said = yield* client.sessions.say({ params, payload: { agent, text } }).pipe(
    Effect.map(Option.some),
    Effect.catch((error) => Effect.as(say(`! ${error.message}`), Option.none()))
  )
  if (Option.isSome(said)) yield* attend(talk, said.value.turn)
})

/** Shows the turn until it has ended. */
const attend = Effect.fnUntraced(function* (talk: Talk, turn: TurnId) {
  const { client, params } = talk
  const after = yield* Ref.get(talk.seen)
  const response = yield* client.sessions
    .events({ params, query: { after }, headers: { accept: "text/event-stream" } })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (!Stream.isStream(response)) return yield* fail("the service does not stream events")
  let shown = ""
  yield* response.pipe(
    Stream.map(({ data }) => data),
    Stream.takeUntil((event) => event.type === "TurnEnded" && event.turn === turn),
    Stream.runForEach(
      Effect.fnUntraced(function* (event) {
        if ("seq" in event) yield* Ref.set(talk.seen, event.seq)
        if (event.turn !== turn) return
        const [text, next] = show(event, shown, process.stdout.isTTY ? coloured : plain)
        shown = next
        yield* write(talk.json ? `${JSON.stringify(event)}\n` : text)
        if (event.type === "ApprovalAsked") yield* consent(talk, event)
      })
    ),
    Effect.catch((error) =>
      error._tag === "Failed" ? Effect.fail(error) : fail("the connection to the service was lost; the turn goes on there")
    )
  )
})

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

const verdicts: Record<string, Verdict> = { y: "allow", yes: "allow", a: "allowAlways", always: "allowAlways" }

/** Anything but a clear yes is a no; the end of the input is no answer. */
const consent = Effect.fnUntraced(function* (talk: Talk, event: SessionEventOf<"ApprovalAsked">) {
  yield* say(`${event.tool} asks: ${event.summary}`)
  const answer = yield* ask("allow? [y]es once, [a]lways in this session, [n]o: ")
  if (Option.isNone(answer)) return yield* fail("the turn waits for an approval; nobody is here to give it")
  const verdict = verdicts[answer.value.trim().toLowerCase()] ?? "deny"
  yield* talk.client.tenants
    .settle({ params: { tenant: talk.params.tenant, approval: event.approval }, payload: { verdict } })
    .pipe(Effect.catch((error) => say(`! ${error.message}`)))
})

export const chat = Command.make("chat", flags, run).pipe(
  Command.withDescription("Talks to an agent of a running service in the terminal"),
  Command.withExamples([
    { command: "fiberclaw chat", description: "A new session with default/main" },
    { command: "fiberclaw chat --agent main --session notes", description: "Go on with the session notes" }
  ])
)
