/** The HTTP server: the API, its description and its documentation behind one guard. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Authorization } from "./Access.ts"
import { Api } from "./Api.ts"
import { BackupsHandlers } from "./BackupsHandlers.ts"
import * as Description from "./Description.ts"
import { type GuardOptions, guard } from "./Guard.ts"
import { underV1 } from "./OpenAiErrors.ts"
import { OpenAiHandlers } from "./OpenAiHandlers.ts"
import { SessionHandlers } from "./SessionHandlers.ts"
import { OperationsHandlers, SystemHandlers } from "./SystemHandlers.ts"
import { TenantHandlers } from "./TenantHandlers.ts"
import * as Turnstile from "./Turnstile.ts"
import { UsageHandlers } from "./UsageHandlers.ts"
import * as Validation from "./Validation.ts"

const routes = Layer.mergeAll(HttpApiBuilder.layer(Api), Description.layer).pipe(
  Layer.provide([
    SystemHandlers,
    OperationsHandlers,
    TenantHandlers,
    SessionHandlers,
    UsageHandlers,
    BackupsHandlers,
    OpenAiHandlers
  ]),
  Layer.provide(Validation.layer),
  Layer.provide(Authorization.layer)
)

/** Serves until its Scope closes. */
export const layer = (options: GuardOptions) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(routes)
      const pass = yield* Turnstile.make
      yield* HttpServer.serveEffect(Effect.andThen(pass, underV1(guard(app, options))))
    })
  )
