/** The HTTP API as one description: served, documented and called from it. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as OpenApi from "effect/http-api/OpenApi"
import { version } from "../domain/Version.ts"
import { BackupsApi } from "./BackupsApi.ts"
import { OpenAiApi } from "./OpenAiApi.ts"
import { SessionsApi } from "./SessionsApi.ts"
import { OperationsApi, SystemApi } from "./SystemApi.ts"
import { TenantsApi } from "./TenantsApi.ts"
import { UsageApi } from "./UsageApi.ts"

export class Api extends HttpApi.make("fiberclaw")
  .add(SystemApi, OperationsApi, TenantsApi, SessionsApi, UsageApi, BackupsApi, OpenAiApi)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotateMerge(
    OpenApi.annotations({
      title: "FiberClaw",
      version,
      description: "A service that runs AI agents as supervised fibers."
    })
  ) {}
