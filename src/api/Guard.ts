/**
 * What every request passes before and after it is answered.
 *
 * Before: a body that is too large, a Host that is not ours (DNS rebinding) and an Origin that is not the Host's
 * (a page of another site) are refused. After: whatever went wrong is a problem document with a text for people
 * and without a stack trace.
 */
import { isIP } from "node:net"
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import { fileRoom } from "./MessageFiles.ts"
import { mostImportBytes } from "./SessionSchemas.ts"

export interface GuardOptions {
  /** Host names the service answers to beside loopback names and addresses. */
  readonly hosts: ReadonlyArray<string>
  readonly maxBodyBytes: number
}

interface Refusal {
  readonly status: number
  readonly detail: string
}

const titles: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  503: "Service Unavailable"
}

const details: Record<number, string> = {
  401: "send a valid token as `Authorization: Bearer TOKEN`",
  404: "there is nothing here",
  413: "the request body is too large",
  415: "send the body as application/json",
  500: "something went wrong here; the service's log has the reason",
  503: "the service cannot answer now; try again in a moment"
}

const problem = (status: number, detail = details[status] ?? "the request could not be answered") =>
  ProblemDetails.toResponse({ type: ProblemDetails.blankType, title: titles[status] ?? "Error", status, detail })

/** The name of a Host or of an Origin's host, without its port; none if it is not one. */
const hostName = (host: string): string | undefined =>
  Result.getOrUndefined(Result.try(() => new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, "")))

/**
 * Whether `host` may be ours. An address always may: a page that rebinds a name to us has that name in its Host
 * (W3C Fetch, "DNS rebinding"), never an address.
 */
export const isOurHost = (host: string | undefined, hosts: ReadonlyArray<string>): boolean => {
  const name = hostName(host ?? "")
  if (name === undefined || name === "") return false
  return (
    isIP(name) !== 0 ||
    name === "localhost" ||
    name.endsWith(".localhost") ||
    hosts.some((own) => hostName(own) === name)
  )
}

type Headers = Readonly<Record<string, string | undefined>>

/** Somebody follows a link to a page of ours: nothing is done, and the other page does not get to see the answer. */
const isVisit = (method: string, headers: Headers): boolean =>
  method === "GET" && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document"

/** Whether a browser says that a page of another site makes this request (W3C Fetch Metadata). */
export const isCrossSite = (method: string, headers: Headers): boolean => {
  if (headers["sec-fetch-site"] === "cross-site" && !isVisit(method, headers)) return true
  const origin = headers["origin"]
  if (origin === undefined) return false
  const parsed = Result.getOrUndefined(Result.try(() => new URL(origin)))
  return parsed?.host.toLowerCase() !== headers["host"]?.toLowerCase()
}

/** A session that is imported is read as it comes, and may be larger than what is held in memory whole. */
const isImport = (method: string, url: string): boolean =>
  method === "POST" && /^\/api\/v1\/tenants\/[^/?]+\/sessions\/[^/?]+\/import(\?|$)/.test(url)

/** A message may bring files. */
const isMessage = (method: string, url: string): boolean =>
  method === "POST" &&
  /^(\/api\/v1\/tenants\/[^/?]+\/sessions\/[^/?]+\/messages|\/v1\/chat\/completions)(\?|$)/.test(url)

/** The most bytes that are held in memory of a body. */
const mostHeld = (method: string, url: string, { maxBodyBytes }: GuardOptions): number =>
  isMessage(method, url) ? maxBodyBytes + fileRoom : maxBodyBytes

const refusal = (method: string, url: string, headers: Headers, options: GuardOptions): Refusal | undefined => {
  if (!isOurHost(headers["host"], options.hosts)) {
    return { status: 403, detail: `this service does not answer to the host ${headers["host"] ?? "(none)"}` }
  }
  if (isCrossSite(method, headers)) return { status: 403, detail: "requests from pages of other sites are refused" }
  const length = Number(headers["content-length"] ?? 0)
  const most = isImport(method, url) ? mostImportBytes : mostHeld(method, url, options)
  return length > most
    ? { status: 413, detail: `the request body has ${length} bytes, and at most ${most} are taken` }
    : undefined
}

/** Puts the guard around everything the service answers. */
export const guard = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options: GuardOptions
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> => {
  const answered = app.pipe(Effect.catchCause(answerCause), Effect.map(explained))
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, method, url }) => {
    const refused = refusal(method, url, headers, options)
    const most = ByteSize.bytes(mostHeld(method, url, options))
    return refused === undefined
      ? Effect.provideService(answered, HttpIncomingMessage.MaxBodySize, most)
      : Effect.succeed(problem(refused.status, refused.detail))
  })
}

const answerCause = <E>(cause: Cause.Cause<E>) =>
  Effect.flatMap(HttpServerError.causeResponse(cause), ([response]) =>
    response.status >= 500 && !Cause.hasInterruptsOnly(cause)
      ? Effect.as(Effect.logError("request failed", cause), response)
      : Effect.succeed(response)
  )

/** Every refusal is a problem with a text, and says what the caller may do about it. */
const explained = (response: HttpServerResponse.HttpServerResponse) => {
  const told = response.status < 400 || isProblem(response) ? response : problem(response.status, textOf(response))
  if (told.status === 401) return HttpServerResponse.setHeader(told, "www-authenticate", challenge(response))
  return told.status === 503 ? HttpServerResponse.setHeader(told, "retry-after", "1") : told
}

const isProblem = ({ body }: HttpServerResponse.HttpServerResponse) =>
  body._tag !== "Empty" && body.contentType === ProblemDetails.contentType

/** What the library that refused has to say, when it says it in words. */
const textOf = ({ body }: HttpServerResponse.HttpServerResponse): string | undefined =>
  body._tag === "Uint8Array" && body.contentType.startsWith("text/plain")
    ? new TextDecoder().decode(body.body)
    : undefined

/** RFC 9110 wants one with every 401 (section 15.5.2). */
const challenge = ({ headers }: HttpServerResponse.HttpServerResponse) => headers["www-authenticate"] ?? "Bearer"
