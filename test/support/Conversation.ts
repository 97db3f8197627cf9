/**
 * What a client of the service does, over plain HTTP: talks to an agent, follows the session's log, gives its consent.
 *
 * Everything that is waited for is waited for in the log itself, as its live stream tells it.
 */
import { assert } from "@effect/vitest"
import { Effect, Option, Schema, Stream } from "effect"
import { SessionEvent, type SessionEventOf } from "../../src/domain/SessionEvent.ts"
import { NodeSnapshot } from "../../src/kernel/Tree.ts"
import { TextDelta } from "../../src/telemetry/Signals.ts"
import type { Service } from "./Service.ts"

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

export interface CallOptions {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the administrator's. */
  readonly token?: string
}

/** One call, answered as far as its head; the body is still to be read. */
export const request = ({ token, url }: Service, path: string, options: CallOptions) =>
  Effect.promise((signal) =>
    fetch(`${url}${path}`, {
      signal,
      method: options.method ?? (options.body === undefined ? "GET" : "POST"),
      headers: {
        authorization: `Bearer ${options.token ?? token}`,
        ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) })
    })
  )

/** One call; `body` is what the JSON of the answer says. */
export const call = Effect.fnUntraced(function* (service: Service, path: string, options: CallOptions = {}) {
  const response = yield* request(service, path, options)
  const text = yield* Effect.promise(() => response.text())
  const body: unknown = text === "" ? undefined : JSON.parse(text)
  const answered: Answered = { status: response.status, headers: response.headers, body }
  return answered
})

/** The body of a call that has to answer with this status. */
const expectBody = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, status: number, answered: Answered) => {
  assert.strictEqual(answered.status, status, JSON.stringify(answered.body))
  return Schema.decodeUnknownSync(schema)(answered.body)
}

const Accepted = Schema.Struct({ session: Schema.String, turn: Schema.String, seq: Schema.Int })
const Events = Schema.Struct({ events: Schema.Array(SessionEvent) })
const Approvals = Schema.Struct({
  approvals: Schema.Array(Schema.Struct({ id: Schema.String, session: Schema.String, summary: Schema.String }))
})
const Followed = Schema.fromJsonString(Schema.Union([SessionEvent, TextDelta]))
type Followed = typeof Followed.Type

export interface With {
  readonly tenant?: string
  readonly agent?: string
  readonly token?: string
}

export type Conversation = ReturnType<typeof conversation>

/** One session with an agent; it need not exist yet. */
export const conversation = (
  service: Service,
  session: string,
  { agent = "main", tenant = "default", token = service.token }: With = {}
) => {
  const path = `/api/v1/tenants/${tenant}/sessions/${session}`

  /** Sends a message and returns whatever is answered. */
  const send = (text: string, externalId?: string) =>
    call(service, `${path}/messages`, {
      token,
      body: { agent, text, ...(externalId === undefined ? {} : { externalId }) }
    })

  /** Sends a message that has to be accepted. */
  const say = (text: string, externalId?: string) =>
    Effect.map(send(text, externalId), (answered) => expectBody(Accepted, 202, answered))

  /** Everything from the first event on, live text included; ends when the service lets go. */
  const follow = Stream.unwrap(
    Effect.map(request(service, `${path}/events`, { token, headers: { accept: "text/event-stream" } }), (response) => {
      assert.strictEqual(response.status, 200)
      const { body } = response
      assert(body !== null)
      return Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
    })
  ).pipe(
    Stream.orDie,
    Stream.decodeText,
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.map((line) => Schema.decodeUnknownSync(Followed)(line.slice("data: ".length)))
  )

  /** The first event or text for which this holds, once it is there. */
  const until = <A extends Followed>(refinement: (event: Followed) => event is A) =>
    Effect.map(Stream.runHead(Stream.filter(follow, refinement)), Option.getOrThrow)

  /** The first event of a type, once it is there. */
  const first = <Type extends Followed["type"]>(type: Type) =>
    until((event): event is Extract<Followed, { readonly type: Type }> => event.type === type)

  /**
   * The first live text. The model must not speak before `begin`, which happens when this watches: live text is told
   * to those who watch and to nobody later.
   */
  const firstWords = (begin: Effect.Effect<unknown>) =>
    follow.pipe(
      Stream.tap((event) => (event.type === "ModelCalled" ? begin : Effect.void)),
      Stream.filter((event) => event.type === "TextDelta"),
      Stream.runHead,
      Effect.map(Option.getOrThrow)
    )

  /** How a turn ended, once it has. */
  const ended = (turn: string) =>
    until((event): event is SessionEventOf<"TurnEnded"> => event.type === "TurnEnded" && event.turn === turn)

  /** The whole log as it is now. */
  const events = Effect.map(
    call(service, `${path}/events`, { token }),
    (answer) => expectBody(Events, 200, answer).events
  )

  /** Says something and returns the log when the turn has ended. */
  const talk = Effect.fnUntraced(function* (text: string, externalId?: string) {
    const { turn } = yield* say(text, externalId)
    yield* ended(turn)
    return yield* events
  })

  /** Answers the approval this session asks for, once it does. */
  const settle = Effect.fnUntraced(function* (verdict: "allow" | "allowAlways" | "deny", reason?: string) {
    const { approval } = yield* first("ApprovalAsked")
    const body = { verdict, ...(reason === undefined ? {} : { reason }) }
    const { status } = yield* call(service, `/api/v1/tenants/${tenant}/approvals/${approval}`, { token, body })
    assert.strictEqual(status, 200)
  })

  return { session, send, say, follow, first, firstWords, ended, events, talk, settle }
}

/** Approvals that wait in a tenant. */
export const approvals = (service: Service, tenant = "default") =>
  Effect.map(
    call(service, `/api/v1/tenants/${tenant}/approvals`),
    (answer) => expectBody(Approvals, 200, answer).approvals
  )

/** A new token of one tenant. */
export const tokenFor = Effect.fnUntraced(function* (service: Service, tenant: string) {
  const answered = yield* call(service, "/api/v1/tokens", { body: { name: `of ${tenant}`, role: "admin", tenant } })
  return expectBody(Schema.Struct({ secret: Schema.String }), 201, answered).secret
})

/** The node at a path of the supervision tree, if there is one. */
export const nodeAt = Effect.fnUntraced(function* (service: Service, path: string) {
  const find = (node: NodeSnapshot): NodeSnapshot | undefined =>
    node.path === path ? node : node.children.map(find).find((found) => found !== undefined)
  return find(expectBody(NodeSnapshot, 200, yield* call(service, "/api/v1/tree")))
})

/** The events of a type, in their order. */
export const ofType = <Type extends SessionEvent["type"]>(events: ReadonlyArray<SessionEvent>, type: Type) =>
  events.filter((event): event is SessionEventOf<Type> => event.type === type)

/** What the agent said, reply by reply; replies without a text are left out. */
export const saidIn = (events: ReadonlyArray<SessionEvent>): ReadonlyArray<string> =>
  ofType(events, "ModelReplied")
    .map(({ content }) => content.map((part) => (part.type === "text" ? part.text : "")).join(""))
    .filter((text) => text !== "")
