/** The HTTP API as one description: served, documented and called from it. */
import { HttpApi, HttpApiMiddleware, OpenApi } from "effect/http-api"
import { version } from "../domain/Version.ts"
import { OpenAiApi } from "./OpenAiApi.ts"
import { SessionsApi } from "./SessionsApi.ts"
import { OperationsApi, SystemApi } from "./SystemApi.ts"
import { TenantsApi } from "./TenantsApi.ts"

export class Api extends HttpApi.make("fiberclaw")
  .add(SystemApi, OperationsApi, TenantsApi, SessionsApi, OpenAiApi)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotateMerge(
    OpenApi.annotations({
      title: "FiberClaw",
      version,
      description: "A service that runs AI agents as supervised fibers."
    })
  ) {}
