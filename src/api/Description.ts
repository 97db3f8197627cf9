/**
 * The API's description, for programs (`/openapi.json`) and for people (`/docs`, which loads nothing from elsewhere).
 *
 * Both need a token, as everything does. A browser cannot be made to send a bearer token with the address of a page,
 * so here, and only here, the token is also taken as the password of HTTP's own dialogue, for any user name.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import { Tokens } from "../tenants/Tokens.ts"
import { Api } from "./Api.ts"

/** The page's own script and style are all it may load, and this service all it may call (W3C CSP3). */
const policy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob:",
  "style-src 'unsafe-inline'",
  "img-src data: blob:",
  "font-src data:",
  "worker-src blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

const page = HttpRouter.middleware((httpEffect) =>
  Effect.map(httpEffect, (response) => HttpServerResponse.setHeader(response, "content-security-policy", policy))
).layer

const forHolders = HttpRouter.middleware(
  Effect.map(
    Tokens,
    (tokens) => (httpEffect) =>
      Effect.flatMap(credentials, (given) =>
        given.some((token) => Option.isSome(tokens.authenticate(token))) ? httpEffect : Effect.succeed(asking)
      )
  )
).layer

const credentials = Effect.gen(function* () {
  const bearer = yield* HttpApiBuilder.securityDecode(HttpApiSecurity.bearer)
  const basic = yield* HttpApiBuilder.securityDecode(HttpApiSecurity.basic)
  return [bearer, basic.password]
})

/** The guard gives it its text. */
const asking = HttpServerResponse.empty({
  status: 401,
  headers: { "www-authenticate": 'Basic realm="a token as the password"' }
})

const document = HttpRouter.add("GET", "/openapi.json", () =>
  Effect.sync(() => HttpServerResponse.jsonUnsafe(OpenApi.fromApi(Api)))
)

/** The page is three megabytes of script, so it is loaded when somebody asks for it. */
const docs = HttpRouter.add("GET", "/docs", () =>
  Effect.gen(function* () {
    const { layer } = yield* Effect.promise(() => import("effect/http-api/HttpApiScalar"))
    return yield* yield* HttpRouter.toHttpEffect(layer(Api, { path: "/docs", scalar: { withDefaultFonts: false } }))
  })
)

export const layer = Layer.merge(document, Layer.provide(docs, page)).pipe(Layer.provide(forHolders))
