/** What can go wrong over HTTP, as RFC 9457 problems. The text of `detail` is for people and is always there. */
import * as HttpApiError from "effect/http-api/HttpApiError"

const blank = "about:blank"

export class Unauthorized extends HttpApiError.Problem<Unauthorized>()("Unauthorized", {
  type: blank,
  status: 401,
  title: "Unauthorized"
}) {}

export class Forbidden extends HttpApiError.Problem<Forbidden>()("Forbidden", {
  type: blank,
  status: 403,
  title: "Forbidden"
}) {}

export class BadRequest extends HttpApiError.Problem<BadRequest>()("BadRequest", {
  type: blank,
  status: 400,
  title: "Bad Request"
}) {}

export class NotFound extends HttpApiError.Problem<NotFound>()("NotFound", {
  type: blank,
  status: 404,
  title: "Not Found"
}) {}

export class Conflict extends HttpApiError.Problem<Conflict>()("Conflict", {
  type: blank,
  status: 409,
  title: "Conflict"
}) {}

export class TooLarge extends HttpApiError.Problem<TooLarge>()("TooLarge", {
  type: blank,
  status: 413,
  title: "Content Too Large"
}) {}

export class Unprocessable extends HttpApiError.Problem<Unprocessable>()("Unprocessable", {
  type: blank,
  status: 422,
  title: "Unprocessable Content"
}) {}

export class LimitReached extends HttpApiError.Problem<LimitReached>()("LimitReached", {
  type: blank,
  status: 429,
  title: "Too Many Requests"
}) {}

export class Unavailable extends HttpApiError.Problem<Unavailable>()("Unavailable", {
  type: blank,
  status: 503,
  title: "Service Unavailable"
}) {}

/** Problems any call that reaches into a tenant may answer with. */
export const tenantProblems = [Forbidden, NotFound, Unavailable] as const

/** What cannot be done now, told in its own words. */
export const unavailable = (error: { readonly message: string }) => new Unavailable({ detail: error.message })
