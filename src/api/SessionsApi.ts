/**
 * Conversations: find them, say something, read the log, follow it live, stop a turn; name, fork, pin, delete, carry away
 * and bring in.
 */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { mostFileBytes, mostFiles, mostMessageBytes } from "../agents/BroughtFile.ts"
import { MediaType, Sha256 } from "../domain/Attachment.ts"
import { AgentId, SessionId, TenantId, TurnId } from "../domain/Ids.ts"
import { SessionEvent, SessionSummary } from "../domain/SessionEvent.ts"
import { Authorization } from "./Access.ts"
import { BadRequest, Conflict, LimitReached, TooLarge, tenantProblems, Unprocessable } from "./Problems.ts"
import {
  AcceptedMessage,
  FollowedEvent,
  ForkRequest,
  mostImportBytes,
  NewMessage,
  PinRequest,
  SearchResult,
  SessionChange,
  wellFormed
} from "./SessionSchemas.ts"

const inSession = { tenant: TenantId, session: SessionId }

const whole = (minimum: number, maximum: number) =>
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))

const Words = Schema.NonEmptyString.check(Schema.isMaxLength(1000), wellFormed)

export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.get("sessions", "/", {
      params: { tenant: TenantId },
      query: {
        order: Schema.optionalKey(Schema.Literals(["id", "recent"])),
        after: Schema.optionalKey(Words),
        limit: Schema.optionalKey(whole(1, 1000)),
        agent: Schema.optionalKey(AgentId),
        named: Schema.optionalKey(Words)
      },
      success: Schema.Struct({ sessions: Schema.Array(SessionSummary), next: Schema.optionalKey(Schema.String) }),
      error: tenantProblems
    }).annotate(
      OpenApi.Description,
      "Sessions by id, or with `order=recent` the one that was written to last first; of one agent, or with `named` as " +
        "part of their id or name. `next` is the `after` of the next page."
    ),
    HttpApiEndpoint.get("search", "/-/search", {
      params: { tenant: TenantId },
      query: {
        q: Words,
        session: Schema.optionalKey(SessionId),
        agent: Schema.optionalKey(AgentId),
        skip: Schema.optionalKey(whole(0, 100_000)),
        limit: Schema.optionalKey(whole(1, 100))
      },
      success: SearchResult,
      error: tenantProblems
    }).annotate(
      OpenApi.Description,
      "What was said in sessions, by people, models and tools, that holds every word of `q`, the best match first. " +
        "`next` is the `skip` of the next page. (No session is called `-`: ids begin with a letter or a digit.)"
    ),
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
      error: [...tenantProblems, BadRequest, Conflict, LimitReached, TooLarge, Unprocessable]
    }).annotate(
      OpenApi.Description,
      `Takes a message in. It may bring up to ${mostFiles} files, each of at most ${mostFileBytes} bytes and all of at most ` +
        `${mostMessageBytes}, of the types ${MediaType.literals.join(", ")}.`
    ),
    HttpApiEndpoint.get("file", "/:session/files/:sha256", {
      params: { ...inSession, sha256: Sha256 },
      success: HttpApiSchema.StreamUint8Array({ contentType: "application/octet-stream" }),
      error: tenantProblems
    }).annotate(OpenApi.Description, "A file that a message of this session brought, of the type it came with."),
    HttpApiEndpoint.post("cancel", "/:session/cancel", {
      params: inSession,
      success: Schema.Struct({ cancelled: Schema.NullOr(TurnId) }),
      error: tenantProblems
    }),
    HttpApiEndpoint.patch("change", "/:session", {
      params: inSession,
      payload: SessionChange,
      success: SessionSummary,
      error: [...tenantProblems, BadRequest]
    }).annotate(
      OpenApi.Description,
      "Names a session or gives it settings of its own, which hold from the next turn on (`midTurn` at once). Null takes " +
        "away, and what is not named stays."
    ),
    HttpApiEndpoint.post("fork", "/:session/fork", {
      params: inSession,
      payload: ForkRequest,
      success: SessionSummary.pipe(HttpApiSchema.status(201)),
      error: [...tenantProblems, BadRequest, Conflict, LimitReached]
    }).annotate(
      OpenApi.Description,
      "Copies the log up to event `at` into a new session, called `session` or given a name of its own. A turn that is open " +
        "there ends as cancelled in the copy; the original is not disturbed."
    ),
    HttpApiEndpoint.delete("remove", "/:session", {
      params: inSession,
      success: HttpApiSchema.NoContent,
      error: tenantProblems
    }).annotate(
      OpenApi.Description,
      "Deletes a session for good, when what runs in it has been cancelled. Needs the role operator."
    ),
    HttpApiEndpoint.get("export", "/:session/export", {
      params: inSession,
      success: HttpApiSchema.StreamUint8Array({ contentType: "application/x-ndjson" }),
      error: tenantProblems
    }).annotate(
      OpenApi.Description,
      "The session as JSON Lines: a header, then every event as `events` shows it. A log that cannot be told whole " +
        "breaks the connection off."
    ),
    HttpApiEndpoint.post("import", "/:session/import", {
      params: inSession,
      query: { agent: Schema.optionalKey(AgentId) },
      payload: HttpApiSchema.StreamUint8Array({
        contentType: ["application/x-ndjson", "application/jsonl", "application/octet-stream"],
        maxBytes: mostImportBytes
      }),
      success: SessionSummary.pipe(HttpApiSchema.status(201)),
      error: [...tenantProblems, BadRequest, Conflict, LimitReached]
    }).annotate(
      OpenApi.Description,
      "Takes in what `export` gave out as a new session, all or nothing, for the agent in its header or for `agent`. A " +
        `turn that had not ended ends as cancelled. At most ${mostImportBytes} bytes. Needs the role operator.`
    ),
    HttpApiEndpoint.post("pin", "/:session/pins", {
      params: inSession,
      payload: PinRequest,
      success: HttpApiSchema.NoContent,
      error: [...tenantProblems, BadRequest, LimitReached]
    }).annotate(
      OpenApi.Description,
      "Keeps what a person or the model said in an event whole, however often the session is compacted."
    ),
    HttpApiEndpoint.delete("unpin", "/:session/pins", {
      params: inSession,
      payload: PinRequest,
      success: HttpApiSchema.NoContent,
      error: tenantProblems
    })
  )
  .middleware(Authorization)
  .prefix("/api/v1/tenants/:tenant/sessions") {}
