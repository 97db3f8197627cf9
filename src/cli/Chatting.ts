/** Talks to an agent of a running service, line by line, with the answer as it comes. */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Terminal from "effect/Terminal"
import type { Cause } from "effect"
import { lookup } from "../config/Environment.ts"
import { type AgentId, SessionId, type TenantId } from "../domain/Ids.ts"
import { type EncodedFile, encodedFiles } from "./BringingFiles.ts"
import { ask, cancel, speak, type Talk } from "./ChatTurn.ts"
import { type Client, type ClientOptions, connect } from "./Client.ts"
import { environment } from "./Options.ts"
import { fail, say } from "./Output.ts"
import { inLine } from "./SessionTables.ts"
import { coloured, plain } from "./Transcript.ts"

/** The flags of `fiberclaw chat`. */
export interface Given extends ClientOptions {
  readonly tenant: TenantId
  readonly agent: AgentId
  readonly session: Option.Option<SessionId>
  /** Paths of what goes along with the first message. */
  readonly file: ReadonlyArray<string>
  readonly json: boolean
}

const help =
  "Type a message and Enter. /cancel stops the running turn, /quit or Ctrl-D leaves; the session stays. " +
  "What you type during a turn joins it."

/** Talks until the person leaves. */
export const run = Effect.fnUntraced(function* (given: Given) {
  const files = yield* encodedFiles(given.file)
  const client = yield* connect(given)
  const session = Option.getOrElse(given.session, () => SessionId.make(`terminal-${randomUUID().slice(0, 8)}`))
  const params = { tenant: given.tenant, session }
  const { name, seq } = yield* found(client, params)
  const seen = yield* Ref.make(seq)
  const colourless = lookup(yield* environment, "NO_COLOR")
  const style = process.stdout.isTTY && !colourless ? coloured : plain
  const title = name === undefined ? "" : ` (${inLine(name)})`
  yield* say(`${given.tenant}/${given.agent}, session ${session}${title}. ${help}`)
  const lines = yield* readLines
  const { agent, json } = given
  const failed = yield* Ref.make(false)
  yield* converse({ client, params, agent, json, seen, failed, lines, style, interactive: process.stdin.isTTY }, files)
}, Effect.scoped)

interface Found {
  readonly name: string | undefined
  readonly seq: number
}

/** How far the session is, and what it is called; a new one has neither events nor a name. */
const found = (client: Client, params: Talk["params"]) =>
  client.sessions.session({ params }).pipe(
    Effect.map(({ name, seq }): Found => ({ name, seq })),
    Effect.catchTag("NotFound", () => Effect.succeed<Found>({ name: undefined, seq: 0 })),
    Effect.catch((error) => fail(error.message))
  )

/** What is typed or piped in, line by line, until the input ends. */
const readLines = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const lines = yield* Queue.unbounded<string, Cause.Done>()
  const line = Effect.flatMap(terminal.readLine, (text) => Queue.offer(lines, text))
  yield* Effect.forkScoped(Effect.ensuring(Effect.ignore(Effect.forever(line)), Queue.end(lines)))
  return lines
})

/** Nobody at a pipe reads what became of it. */
const lastTurn = ({ failed }: Talk) =>
  Effect.flatMap(Ref.get(failed), (is) => (is ? fail("the last turn failed") : Effect.void))

const converse = Effect.fnUntraced(function* (talk: Talk, files: ReadonlyArray<EncodedFile>) {
  let unsent = files
  for (;;) {
    const line = yield* ask(talk, "you> ")
    const text = Option.getOrElse(line, () => "/quit").trim()
    if (text === "/quit") return yield* talk.interactive ? Effect.void : lastTurn(talk)
    if (text === "/help") yield* say(help)
    else if (text === "/cancel") yield* cancel(talk)
    else if (text !== "" && (yield* speak(talk, { text, files: unsent }))) unsent = []
  }
})
