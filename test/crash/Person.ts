/**
 * A person who does not give up: sends a message again until it is accepted, looks again when a stream ends, and may do
 * everything once more from the beginning when the service is back. Whatever was acknowledged once has to stay so.
 */
import { assert } from "@effect/vitest"
import { Cause, Effect, Option, Schedule, Schema, Stream } from "effect"
import type { SessionEvent, SessionEventOf } from "../../src/domain/SessionEvent.ts"
import { type CallOptions, call, conversation } from "../support/Conversation.ts"
import type { Service } from "../support/Service.ts"
import { message } from "./Model.ts"

/** The service as a person sees it. */
export type Visible = Pick<Service, "url" | "token">

/** Where a message was taken in. */
const Place = Schema.Struct({ session: Schema.String, turn: Schema.String, seq: Schema.Int })
type Place = typeof Place.Type

export interface Person {
  readonly session: string
  readonly tenant: string
  /** What the service answered to each message, by its external id. */
  readonly places: Map<string, Place>
}

export const person = (session: string, tenant = "default"): Person => ({ session, tenant, places: new Map() })

/** The service did not do what was asked of it, for now. */
class Refused extends Schema.TaggedError<Refused>()("Refused", {
  where: Schema.String,
  status: Schema.Int,
  body: Schema.optionalKey(Schema.Unknown)
}) {}

/** Long enough for every backoff; nothing succeeds by waiting for it. */
const persistently = Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(2000)])

const insist = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A> =>
  Effect.catch(Effect.retry(Effect.sandbox(effect), persistently), (cause) => Effect.die(Cause.squash(cause)))

export type Deeds = ReturnType<typeof at>

/** What the person can do at a running service. */
export const at = (service: Visible, { places, session, tenant }: Person, agent: string) => {
  const talk = conversation(service as Service, session, { agent, tenant })
  const sessions = `/api/v1/tenants/${tenant}/sessions`
  const path = `${sessions}/${session}`

  /** Says something, until it is accepted; the same place every time. */
  const say = (externalId: string, words: string) =>
    insist(
      Effect.gen(function* () {
        const { body, status } = yield* talk.send(message(session, words), externalId)
        if (status !== 202) return yield* new Refused({ where: "a message", status, body })
        return Schema.decodeUnknownSync(Place)(body)
      })
    ).pipe(
      Effect.map((place) => {
        assert.deepStrictEqual(place, places.get(externalId) ?? place, "a message stays where it was acknowledged")
        places.set(externalId, place)
        return place
      })
    )

  /** Waits until the log has an event. */
  const until = <A extends SessionEvent>(is: (event: SessionEvent) => event is A) =>
    insist(
      Effect.flatMap(
        Stream.runHead(
          Stream.filter(talk.follow, (event): event is A & typeof event => "seq" in event && is(event as SessionEvent))
        ),
        (found) => (Option.isSome(found) ? Effect.succeed(found.value as A) : Effect.fail("the stream has ended"))
      )
    )

  const first = <Type extends SessionEvent["type"]>(type: Type) =>
    until((event): event is SessionEventOf<Type> => event.type === type)

  const ended = ({ turn }: Place) =>
    until((event): event is SessionEventOf<"TurnEnded"> => event.type === "TurnEnded" && event.turn === turn)

  /** A call that is repeated until it is answered with one of these. */
  const tell = (where: string, statuses: ReadonlyArray<number>, options: CallOptions = {}) =>
    insist(
      Effect.flatMap(call(service as Service, where, options), ({ body, status }) =>
        statuses.includes(status) ? Effect.succeed(body) : new Refused({ where, status, body })
      )
    )

  /** Answers what the session asks for, unless that was done before. */
  const settle = (verdict: "allow" | "allowAlways" | "deny") =>
    Effect.flatMap(first("ApprovalAsked"), ({ approval }) =>
      tell(`/api/v1/tenants/${tenant}/approvals/${approval}`, [200, 409], { body: { verdict } })
    )

  const cancel = tell(`${path}/cancel`, [200], { method: "POST" })

  /** The whole log of a session; nothing of one that is not there. */
  const logOf = (id: string) =>
    Effect.map(
      tell(`${sessions}/${id}/events`, [200, 404]),
      (body) => (body as { readonly events?: ReadonlyArray<SessionEvent> }).events ?? []
    )

  /** Takes the session out of the service and in again under another name, unless that is taken. */
  const bring = (name: string) =>
    insist(
      Effect.gen(function* () {
        const authorization = `Bearer ${service.token}`
        const send = (where: string, init: RequestInit) =>
          Effect.promise((signal) => fetch(`${service.url}${where}`, { ...init, signal }))
        const out = yield* send(`${path}/export`, { headers: { authorization } })
        const file = yield* Effect.promise(() => out.text())
        const headers = { authorization, "content-type": "application/x-ndjson" }
        const { status } = yield* send(`${sessions}/${name}/import`, { method: "POST", headers, body: file })
        if (status !== 201 && status !== 409) return yield* new Refused({ where: "an import", status })
      })
    )

  return { session, tenant, path, say, first, until, ended, tell, settle, cancel, bring, logOf, log: logOf(session) }
}
