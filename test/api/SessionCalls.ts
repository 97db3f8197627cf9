/** What tests of the sessions API do again and again: talk until a turn is over, read a log, expect a problem. */
import { assert } from "@effect/vitest"
import { Effect, Option, Schema, Stream } from "effect"
import { SessionEvent, type SessionEventOf } from "../../src/domain/SessionEvent.ts"
import { type Answer, at, RunningApp } from "../support/RunningApp.ts"

export const sessions = "/api/v1/tenants/default/sessions"

/** Everything a tool is asked for is allowed. */
export const allowing = "model: demo/demo\ninstructions: Be kind.\ntools: [exec]\napprovals: { dangerous: allow }\n"

export const assertProblem = ({ json, text }: Answer, status: number, detail: RegExp) => {
  assert.strictEqual(at(json, "status"), status, text)
  assert.match(String(at(json, "detail")), detail)
}

const decodeEvents = Schema.decodeUnknownSync(Schema.Struct({ events: Schema.Array(SessionEvent) }))

/** The whole log as it is now. */
export const eventsOf = Effect.fnUntraced(function* (session: string) {
  const { call } = yield* RunningApp
  const { json } = yield* call("GET", `${sessions}/${session}/events`)
  return decodeEvents(json).events
})

/** The events without what is different every time. */
export const told = (events: ReadonlyArray<SessionEvent>) => events.map(({ at: _, seq: __, ...event }) => event)

export const typesOf = (events: ReadonlyArray<SessionEvent>) => events.map(({ type }) => type)

const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(SessionEvent))

/** The first event of a type that fits, once it is there. */
export const event = Effect.fnUntraced(function* <Type extends SessionEvent["type"]>(
  session: string,
  type: Type,
  fits: (event: SessionEventOf<Type>) => boolean = () => true
) {
  const { open } = yield* RunningApp
  const { entries } = yield* open("GET", `${sessions}/${session}/events`, { headers: { accept: "text/event-stream" } })
  const found = yield* entries.pipe(
    Stream.filter(({ id }) => id !== undefined),
    Stream.map(({ data = "" }) => decodeEvent(data)),
    Stream.filter((entry): entry is SessionEventOf<Type> => entry.type === type),
    Stream.filter(fits),
    Stream.runHead
  )
  return Option.getOrThrow(found)
}, Effect.scoped)

/** How a turn ended, once it has. */
export const ended = (session: string, turn: string) => event(session, "TurnEnded", (end) => end.turn === turn)

/** Says something and returns the log when the turn has ended. */
export const talk = Effect.fnUntraced(function* (session: string, text: string, agent = "main") {
  const { say } = yield* RunningApp
  const { turn } = yield* say(session, text, { agent })
  yield* ended(session, turn)
  return yield* eventsOf(session)
})
