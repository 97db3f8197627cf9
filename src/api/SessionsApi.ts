/** Conversations: say something, read the log, follow it live, stop a turn. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { AgentId, SessionId, TenantId, TurnId } from "../domain/Ids.ts"
import { SessionEvent, SessionSummary } from "../domain/SessionEvent.ts"
import { TextDelta } from "../telemetry/Signals.ts"
import { Authorization } from "./Access.ts"
import { BadRequest, Conflict, LimitReached, tenantProblems } from "./Problems.ts"

const inSession = { tenant: TenantId, session: SessionId }

/** A database keeps half a surrogate pair as another character, and would not find it again. */
const wellFormed = Schema.makeFilter((text: string) => text.isWellFormed() || "Expected text without half characters")

const NewMessage = Schema.Struct({
  agent: Schema.optionalKey(AgentId),
  text: Schema.NonEmptyString,
  externalId: Schema.optionalKey(Schema.NonEmptyString.check(Schema.isMaxLength(255), wellFormed))
}).annotate({ identifier: "NewMessage" })

const AcceptedMessage = Schema.Struct({ session: SessionId, turn: TurnId, seq: Schema.Int })
  .annotate({ identifier: "AcceptedMessage" })
  .pipe(HttpApiSchema.status(202))

/**
 * One entry of the followed log: an event of the log, whose `id` is its sequence number, or live text, which has
 * no id and is not in the log.
 */
const FollowedEvent = Schema.Struct({
  id: Schema.optional(Schema.String),
  event: Schema.String,
  data: Schema.fromJsonString(Schema.Union([SessionEvent, TextDelta]))
})

const whole = (minimum: number, maximum: number) =>
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))

export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.get("sessions", "/", {
      params: { tenant: TenantId },
      query: { after: Schema.optionalKey(SessionId), limit: Schema.optionalKey(whole(1, 1000)) },
      success: Schema.Struct({ sessions: Schema.Array(SessionSummary), next: Schema.optionalKey(SessionId) }),
      error: tenantProblems
    }),
    HttpApiEndpoint.get("session", "/:session", {
      params: inSession,
      success: SessionSummary,
      error: tenantProblems
    }),
    HttpApiEndpoint.get("events", "/:session/events", {
      params: inSession,
      query: {
        after: Schema.optionalKey(whole(0, Number.MAX_SAFE_INTEGER)),
        limit: Schema.optionalKey(whole(1, 10_000))
      },
      headers: { accept: Schema.optionalKey(Schema.String), "last-event-id": Schema.optionalKey(Schema.String) },
      success: [
        Schema.Struct({ events: Schema.Array(SessionEvent), next: Schema.optionalKey(Schema.Int) }),
        HttpApiSchema.StreamSse({ events: FollowedEvent })
      ],
      error: [...tenantProblems, BadRequest]
    }),
    HttpApiEndpoint.post("say", "/:session/messages", {
      params: inSession,
      payload: NewMessage,
      success: AcceptedMessage,
      error: [...tenantProblems, BadRequest, Conflict, LimitReached]
    }),
    HttpApiEndpoint.post("cancel", "/:session/cancel", {
      params: inSession,
      success: Schema.Struct({ cancelled: Schema.NullOr(TurnId) }),
      error: tenantProblems
    })
  )
  .middleware(Authorization)
  .prefix("/api/v1/tenants/:tenant/sessions") {}
