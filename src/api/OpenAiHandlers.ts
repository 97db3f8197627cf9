/**
 * Answers to OpenAI's clients: a request is a message to an agent, and its answer is what the turn says until it
 * ends. The turn belongs to the session: a client that goes away does not cancel it.
 */
import { createHash, randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Agents } from "../agents/Agents.ts"
import type { Incoming } from "../agents/Directory.ts"
import { reaches } from "../domain/Access.ts"
import { AgentId, SessionId, TenantId } from "../domain/Ids.ts"
import { watch } from "../sessions/Feed.ts"
import { Tenants } from "../tenants/Tenants.ts"
import { CurrentCaller, inTenant } from "./Access.ts"
import { Api } from "./Api.ts"
import { eventStream } from "./EventStreams.ts"
import type { ChatRequest } from "./OpenAiApi.ts"
import { type Answering, completion, failure, gather, nothingYet, refusalOf } from "./OpenAiCodec.ts"
import { messagesOf } from "./OpenAiMessages.ts"
import { type Answer, answerFrames } from "./OpenAiStream.ts"
import { BadRequest, NotFound } from "./Problems.ts"
import { untilClosing } from "./SessionFollowing.ts"
import { accept } from "./SessionHandlers.ts"

interface ChatInput {
  readonly payload: ChatRequest
  readonly headers: { readonly "x-session-id"?: string; readonly "idempotency-key"?: string }
}

const decodeTarget = Schema.decodeUnknownOption(Schema.Struct({ tenant: TenantId, agent: AgentId }))

/** `tenant/agent`, or an agent of the token's own tenant; without one, of the tenant `default`. */
const targetOf = Effect.fnUntraced(function* (model: string) {
  const caller = yield* CurrentCaller
  const slash = model.indexOf("/")
  const named = { tenant: model.slice(0, slash), agent: model.slice(slash + 1) }
  const target = decodeTarget(slash < 0 ? { tenant: caller.tenant ?? "default", agent: model } : named)
  return Option.isSome(target)
    ? target.value
    : yield* new NotFound({ detail: `there is no model ${model}: expected agent or tenant/agent` })
})

/** A request without a session is one of its own; the same idempotency key always means the same one. */
const sessionOf = Effect.fnUntraced(function* ({ headers, payload }: ChatInput) {
  const { id } = yield* CurrentCaller
  const key = headers["idempotency-key"]
  const fresh =
    key === undefined
      ? randomUUID()
      : createHash("sha256")
          .update(JSON.stringify([id, payload.model, key]))
          .digest("hex")
          .slice(0, 32)
  return yield* Schema.decodeUnknownEffect(SessionId)(headers["x-session-id"] ?? `chat-${fresh}`).pipe(
    Effect.mapError((error) => new BadRequest({ detail: `x-session-id: ${error.message}` }))
  )
})

const chat = Effect.fnUntraced(function* (input: ChatInput) {
  const { headers, payload } = input
  const target = yield* targetOf(payload.model)
  const said = yield* messagesOf(payload.messages, headers["x-session-id"] !== undefined)
  const session = yield* sessionOf(input)
  const incoming: Incoming = {
    session,
    agent: target.agent,
    channel: `openai:${session}`,
    externalId: headers["idempotency-key"],
    ...said
  }
  return yield* inTenant(target.tenant, "user", answer(incoming, payload))
})

const answer = Effect.fnUntraced(function* (incoming: Incoming, request: ChatRequest) {
  const from = yield* watch(incoming.session)
  const accepted = yield* accept(incoming)
  const created = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const answering: Answering = { id: `chatcmpl-${accepted.turn}`, model: request.model, created }
  const headers = { "x-session-id": accepted.session, "x-turn-id": accepted.turn }
  const events: Answer = yield* untilClosing(
    from(accepted.seq, !accepted.repeated).pipe(
      Stream.filter((event) => "turn" in event && event.turn === accepted.turn),
      Stream.takeUntil((event) => event.type === "TurnEnded")
    )
  )
  if (request.stream !== true) return yield* whole(answering, events, headers)
  return eventStream(answerFrames(answering, events, request.stream_options?.include_usage === true), headers)
})

/** The answer in one piece, or the problem the turn ended with, which asking again would not mend. */
const whole = Effect.fnUntraced(function* (answering: Answering, events: Answer, headers: Record<string, string>) {
  const outcome = yield* Stream.runFold(
    events,
    () => nothingYet,
    (gathered, event) => (event.type === "TextDelta" ? gathered : gather(gathered, event))
  )
  const refusal = refusalOf(outcome)
  if (refusal === undefined) return HttpServerResponse.jsonUnsafe(completion(answering, outcome), { headers })
  return HttpServerResponse.jsonUnsafe(failure(refusal), {
    status: refusal.status,
    headers: { ...headers, "x-should-retry": "false" },
    contentType: ProblemDetails.contentType
  })
})

const models = Effect.fnUntraced(
  function* () {
    const caller = yield* CurrentCaller
    const tenants = yield* Tenants.use((service) => service.all)
    const lists = yield* Effect.forEach(
      tenants.filter(({ id }) => reaches(caller, id)),
      ({ id }) =>
        inTenant(
          id,
          "viewer",
          Agents.use((agents) => agents.all)
        ).pipe(
          Effect.map((all) => all.map((agent) => `${id}/${agent.id}`)),
          Effect.catchTag("Unavailable", () => Effect.succeed([]))
        )
    )
    const created = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const model = (id: string) => ({ id, object: "model" as const, created, owned_by: "fiberclaw" })
    return { object: "list" as const, data: lists.flat().map(model) }
  },
  Effect.catchTags({ Forbidden: Effect.die, NotFound: Effect.die })
)

export const OpenAiHandlers = HttpApiBuilder.group(Api, "openai", (handlers) => handlers.handleAll({ models, chat }))
