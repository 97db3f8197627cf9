/** The HTTP server: the API, its description and its documentation behind one guard. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware, HttpApiScalar } from "effect/http-api"
import { Authorization } from "./Access.ts"
import { Api } from "./Api.ts"
import { type GuardOptions, guard } from "./Guard.ts"
import { OpenAiHandlers } from "./OpenAiHandlers.ts"
import { SessionHandlers } from "./SessionHandlers.ts"
import { OperationsHandlers, SystemHandlers } from "./SystemHandlers.ts"
import { TenantHandlers } from "./TenantHandlers.ts"

const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }),
  HttpApiScalar.layer(Api, { path: "/docs" })
).pipe(
  Layer.provide([SystemHandlers, OperationsHandlers, TenantHandlers, SessionHandlers, OpenAiHandlers]),
  Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true })),
  Layer.provide(Authorization.layer)
)

/** Serves until its Scope closes. */
export const layer = (options: GuardOptions) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(routes)
      yield* HttpServer.serveEffect(guard(app, options))
    })
  )
