/** Refusals as OpenAI's clients expect them: they look for `error.message`, so it stands beside the problem's fields. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(ProblemDetails.Schema))

/** OpenAI's names for what a status means. */
const typeOf = (status: number): string => {
  switch (status) {
    case 401:
      return "authentication_error"
    case 403:
      return "permission_error"
    case 429:
      return "rate_limit_error"
    default:
      return status < 500 ? "invalid_request_error" : "api_error"
  }
}

/** Adds `error` to a problem that has none, and says that asking again does not help where it does not. */
const worded = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  const { body, headers, status } = response
  if (status < 400 || body._tag !== "Uint8Array" || body.contentType !== ProblemDetails.contentType) return response
  const problem = Option.getOrUndefined(decode(new TextDecoder().decode(body.body)))
  if (problem === undefined || "error" in problem) return response
  const code = problem.title?.toLowerCase().replaceAll(" ", "_") ?? null
  const error = { message: problem.detail ?? null, type: typeOf(status), param: null, code }
  return HttpServerResponse.jsonUnsafe(
    { ...problem, error },
    {
      status,
      headers: { ...headers, ...(status < 500 ? { "x-should-retry": "false" } : {}) },
      contentType: body.contentType
    }
  )
}

/** Words what is refused under `/v1`. */
export const underV1 = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
    url.startsWith("/v1/") ? Effect.map(app, worded) : app
  )
