/** Finds sessions, and shows one. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { AgentId, SessionId, TenantId } from "../domain/Ids.ts"
import { type ClientOptions, connect } from "./Client.ts"
import { fail, print, say } from "./Output.ts"
import { eventLine, factLines, hitLines, listLines } from "./SessionTables.ts"

/** The flags of every `fiberclaw sessions …`. */
export interface Given extends ClientOptions {
  readonly tenant: TenantId
  readonly json: boolean
}

/** A whole command of which further pages are had. */
const more = ({ tenant }: Given, command: string) =>
  say(`more: fiberclaw sessions ${command}${tenant === "default" ? "" : ` --tenant ${tenant}`}`)

const quoted = (text: string) => (/^[\w.:@+/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

export interface ListGiven extends Given {
  readonly agent: Option.Option<AgentId>
  readonly named: Option.Option<string>
  readonly byId: boolean
  readonly after: Option.Option<string>
  readonly limit: number
}

export const list = Effect.fnUntraced(function* (given: ListGiven) {
  const client = yield* connect(given)
  const order = given.byId ? ("id" as const) : ("recent" as const)
  const query = { order, limit: given.limit, ...some("agent", given.agent), ...some("named", given.named) }
  const page = yield* client.sessions
    .sessions({ params: { tenant: given.tenant }, query: { ...query, ...some("after", given.after) } })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (given.json) return yield* print(JSON.stringify(page))
  if (page.sessions.length === 0) return yield* say("there is no such session")
  yield* print(listLines(page.sessions).join("\n"))
  if (page.next === undefined) return
  const flags = [
    ...(given.byId ? ["--by-id"] : []),
    ...Option.toArray(Option.map(given.agent, (agent) => `--agent ${agent}`)),
    ...Option.toArray(Option.map(given.named, (named) => `--named ${quoted(named)}`)),
    `--after ${quoted(page.next)}`
  ]
  yield* more(given, `list ${flags.join(" ")}`)
})

const some = <const Name extends string, A>(name: Name, value: Option.Option<A>): { readonly [Key in Name]?: A } =>
  Option.isNone(value) ? {} : ({ [name]: value.value } as { readonly [Key in Name]?: A })

export interface SearchGiven extends Given {
  readonly words: ReadonlyArray<string>
  readonly session: Option.Option<SessionId>
  readonly agent: Option.Option<AgentId>
  readonly skip: number
  readonly limit: number
}

export const search = Effect.fnUntraced(function* (given: SearchGiven) {
  const client = yield* connect(given)
  const { agent, limit, session, skip } = given
  const query = { q: given.words.join(" "), skip, limit, ...some("session", session), ...some("agent", agent) }
  const found = yield* client.sessions
    .search({ params: { tenant: given.tenant }, query })
    .pipe(Effect.catch((error) => fail(error.message)))
  if (given.json) return yield* print(JSON.stringify(found))
  if (found.hits.length === 0) return yield* say("nothing was found")
  yield* print(hitLines(found.hits).join("\n"))
  if (found.next !== undefined) yield* more(given, `search ${given.words.map(quoted).join(" ")} --skip ${found.next}`)
})

export interface ShowGiven extends Given {
  readonly session: SessionId
  readonly after: Option.Option<number>
  readonly events: number
}

/** The session, and its last events or those behind one. */
export const show = Effect.fnUntraced(
  function* (given: ShowGiven) {
    const client = yield* connect(given)
    const params = { tenant: given.tenant, session: given.session }
    const session = yield* client.sessions.session({ params })
    const after = Option.getOrElse(given.after, () => Math.max(0, session.seq - given.events))
    const page = yield* client.sessions.events({ params, query: { after, limit: given.events }, headers: {} })
    if (Stream.isStream(page)) return yield* fail("the service streams its events unasked")
    if (given.json) return yield* print(JSON.stringify({ session, events: page.events }))
    yield* print([...factLines(session), "", ...page.events.map(eventLine)].join("\n"))
    if (page.next !== undefined) yield* more(given, `show ${given.session} --after ${page.next}`)
  },
  Effect.catch((error) => (error._tag === "Failed" ? Effect.fail(error) : fail(error.message)))
)
