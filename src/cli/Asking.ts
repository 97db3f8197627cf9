/** Asks the service that has a data folder, without a word on stderr when it cannot be asked. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import { Api } from "../api/Api.ts"
import type { Environment } from "../config/Environment.ts"
import { lookup } from "../config/Environment.ts"
import type { NodeSnapshot } from "../kernel/Tree.ts"
import * as Layout from "../upkeep/Layout.ts"
import type { ServiceView } from "../upkeep/ServiceFindings.ts"

export interface Place {
  readonly data: string
  readonly url: Option.Option<string>
  readonly token: Option.Option<Redacted.Redacted>
}

/** How the service is; fails with the address at which nobody answers. */
export const ask = Effect.fnUntraced(function* (place: Place, env: Environment) {
  const url =
    Option.getOrUndefined(place.url) ?? (yield* textOf(`${place.data}/${Layout.urlFile}`)) ?? "an unknown address"
  const given = Option.map(place.token, Redacted.value)
  const token =
    Option.getOrUndefined(given) ??
    (lookup(env, "FIBERCLAW_ADMIN_TOKEN")?.trim() || (yield* textOf(`${place.data}/${Layout.tokenFile}`)))
  const client = yield* HttpApiClient.make(Api, {
    baseUrl: url,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token ?? ""))
  }).pipe(Effect.provide(FetchHttpClient.layer))
  const reasons = yield* client.system.ready().pipe(
    Effect.as<ReadonlyArray<string>>([]),
    Effect.catchTag("NotReady", (problem) => Effect.succeed(problem.reasons)),
    Effect.mapError(() => url),
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(url) })
  )
  const tree = yield* Effect.option(Effect.timeout(client.operations.tree({ query: {}, headers: {} }), patience))
  const seen = Option.flatMap(tree, (found) => (Stream.isStream(found) ? Option.none() : Option.some(found)))
  const view: ServiceView = { url, reasons, troubled: Option.getOrUndefined(Option.map(seen, troubledIn)) }
  return view
})

/** A service answers within a second, or hangs. */
const patience = "10 seconds"

const troubled: ReadonlyArray<NodeSnapshot["state"]> = ["parked", "backing off"]

const troubledIn = (node: NodeSnapshot): ReadonlyArray<string> => {
  const reason = node.lastExit === undefined ? "" : ` (${node.lastExit.reason})`
  const own = troubled.includes(node.state) ? [`${node.path} is ${node.state}${reason}`] : []
  return [...own, ...node.children.flatMap(troubledIn)]
}

/** Undefined where there is no such file, or nothing in it. */
const textOf = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(file))
  return Option.getOrElse(text, () => "").trim() || undefined
})
