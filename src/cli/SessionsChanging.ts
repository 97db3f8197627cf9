/** Acts on a session of a running service, and tells how it is then. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Terminal from "effect/Terminal"
import type { AgentId, SessionId } from "../domain/Ids.ts"
import type { MidTurn } from "../domain/SessionChange.ts"
import type { SessionSummary } from "../domain/SessionEvent.ts"
import { connect } from "./Client.ts"
import { fail, print } from "./Output.ts"
import type { Given as Common } from "./SessionsListing.ts"
import { factLines } from "./SessionTables.ts"

export interface Given extends Common {
  readonly session: SessionId
}

const paramsOf = ({ session, tenant }: Given) => ({ tenant, session })

const refused = <A, E extends { readonly message: string }, R>(call: Effect.Effect<A, E, R>) =>
  Effect.catch(call, (error) => fail(error.message))

const told = ({ json }: Given, session: SessionSummary) =>
  print(json ? JSON.stringify(session) : factLines(session).join("\n"))

const done = ({ json, session }: Given, text: string, facts: Readonly<Record<string, unknown>> = {}) =>
  print(json ? JSON.stringify({ session, ...facts }) : text)

export interface ForkGiven extends Given {
  readonly at: number
  readonly into: Option.Option<SessionId>
}

export const fork = Effect.fnUntraced(function* (given: ForkGiven) {
  const client = yield* connect(given)
  const into = Option.isNone(given.into) ? {} : { session: given.into.value }
  yield* told(
    given,
    yield* refused(client.sessions.fork({ params: paramsOf(given), payload: { at: given.at, ...into } }))
  )
})

export interface RenameGiven extends Given {
  readonly name: Option.Option<string>
}

/** Without a name it has none any more. */
export const rename = Effect.fnUntraced(function* (given: RenameGiven) {
  const client = yield* connect(given)
  const payload = { name: Option.getOrNull(given.name) }
  yield* told(given, yield* refused(client.sessions.change({ params: paramsOf(given), payload })))
})

/** What a setting is called that is the agent's. No model has such a name: theirs hold a slash. */
const ofAgent = "default"

export interface SetGiven extends Given {
  readonly model: Option.Option<string>
  readonly midTurn: Option.Option<MidTurn | typeof ofAgent>
}

export const set = Effect.fnUntraced(function* (given: SetGiven) {
  const { midTurn, model } = given
  if (Option.isNone(model) && Option.isNone(midTurn)) {
    return yield* fail("nothing to set: give --model or --mid-turn")
  }
  const client = yield* connect(given)
  const payload = {
    ...(Option.isNone(model) ? {} : { model: model.value === ofAgent ? null : model.value }),
    ...(Option.isNone(midTurn) ? {} : { midTurn: midTurn.value === ofAgent ? null : midTurn.value })
  }
  yield* told(given, yield* refused(client.sessions.change({ params: paramsOf(given), payload })))
})

export const cancel = Effect.fnUntraced(function* (given: Given) {
  const client = yield* connect(given)
  const { cancelled } = yield* refused(client.sessions.cancel({ params: paramsOf(given) }))
  yield* done(given, cancelled === null ? "nothing runs or waits" : `${cancelled} is cancelled`, { cancelled })
})

export interface DeleteGiven extends Given {
  readonly yes: boolean
}

export const remove = Effect.fnUntraced(function* (given: DeleteGiven) {
  const client = yield* connect(given)
  const { seq } = yield* refused(client.sessions.session({ params: paramsOf(given) }))
  if (!given.yes) yield* confirm(`delete session ${given.session} with its ${seq} events for good? [y/N] `)
  yield* refused(client.sessions.remove({ params: paramsOf(given) }))
  yield* done(given, `session ${given.session} is deleted`, { deleted: true })
})

const confirm = Effect.fnUntraced(function* (question: string) {
  if (!process.stdin.isTTY) return yield* fail("nobody is here to be asked: give --yes to delete it for good")
  const terminal = yield* Terminal.Terminal
  yield* Effect.sync(() => process.stderr.write(question))
  const answer = yield* Effect.orElseSucceed(terminal.readLine, () => "")
  if (!/^y(es)?$/i.test(answer.trim())) return yield* fail("nothing was deleted")
}, Effect.scoped)

export interface PinGiven extends Given {
  readonly event: number
}

export const pin = Effect.fnUntraced(function* (given: PinGiven) {
  const client = yield* connect(given)
  yield* refused(client.sessions.pin({ params: paramsOf(given), payload: { event: given.event } }))
  yield* done(given, `event ${given.event} is pinned`, { pinned: given.event })
})

export const unpin = Effect.fnUntraced(function* (given: PinGiven) {
  const client = yield* connect(given)
  yield* refused(client.sessions.unpin({ params: paramsOf(given), payload: { event: given.event } }))
  yield* done(given, `event ${given.event} is not pinned`, { unpinned: given.event })
})

export interface SendGiven extends Given {
  readonly text: string
  readonly agent: Option.Option<AgentId>
}

export const send = Effect.fnUntraced(function* (given: SendGiven) {
  const client = yield* connect(given)
  const agent = Option.isNone(given.agent) ? {} : { agent: given.agent.value }
  const accepted = yield* refused(
    client.sessions.say({ params: paramsOf(given), payload: { ...agent, text: given.text } })
  )
  yield* done(given, `event ${accepted.seq} of session ${accepted.session}, in ${accepted.turn}`, accepted)
})
