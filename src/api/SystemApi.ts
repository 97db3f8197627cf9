/** Is it alive, is it well, what is in it: the calls about the service itself. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { Role, Token } from "../domain/Access.ts"
import { TenantId } from "../domain/Ids.ts"
import { Authorization } from "./Access.ts"
import { Forbidden, NotFound, Unavailable } from "./Problems.ts"
import { killNode, pauseNode, restartNode, resumeNode, stopNode, watchTree } from "./TreeApi.ts"

const Health = Schema.Struct({
  status: Schema.Literal("ok"),
  timestamp: Schema.String,
  version: Schema.String,
  uptimeSeconds: Schema.Number
}).annotate({ identifier: "Health" })

const Ready = Schema.Struct({ status: Schema.Literal("ready") }).annotate({ identifier: "Ready" })

/** What keeps the service from doing its work, one sentence each. */
export class NotReady extends HttpApiError.Problem<NotReady>()(
  "NotReady",
  { type: "about:blank", status: 503, title: "Service Unavailable" },
  { reasons: Schema.Array(Schema.String) }
) {}

/** Answered to anybody: the process lives; the service is well, or why not. */
export class SystemApi extends HttpApiGroup.make("system").add(
  HttpApiEndpoint.get("health", "/health", { success: Health }),
  HttpApiEndpoint.get("ready", "/ready", { success: Ready, error: NotReady })
) {}

const NewToken = Schema.Struct({
  name: Schema.NonEmptyString.check(Schema.isMaxLength(100)),
  role: Role,
  tenant: Schema.optionalKey(TenantId)
}).annotate({ identifier: "NewToken" })

const MadeToken = Schema.Struct({ token: Token, secret: Schema.String })
  .annotate({ identifier: "MadeToken" })
  .pipe(HttpApiSchema.status(201))

/** For those who run the service: the tree and the tokens. */
export class OperationsApi extends HttpApiGroup.make("operations")
  .add(
    watchTree,
    restartNode,
    stopNode,
    pauseNode,
    resumeNode,
    killNode,
    HttpApiEndpoint.get("tokens", "/tokens", {
      success: Schema.Struct({ tokens: Schema.Array(Token) }),
      error: Forbidden
    }),
    HttpApiEndpoint.post("createToken", "/tokens", {
      payload: NewToken,
      success: MadeToken,
      error: [Forbidden, NotFound, Unavailable]
    }),
    HttpApiEndpoint.delete("revokeToken", "/tokens/:id", {
      params: { id: Schema.String },
      success: HttpApiSchema.NoContent,
      error: [Forbidden, NotFound, Unavailable]
    })
  )
  .middleware(Authorization)
  .prefix("/api/v1") {}
