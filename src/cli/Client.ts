/** A client of a running service: the API's own description, and the token and address the service left behind. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import { Api } from "../api/Api.ts"
import { lookup } from "../config/Environment.ts"
import { environment, folders } from "./Options.ts"
import { fail } from "./Output.ts"

export interface ClientOptions {
  readonly data: Option.Option<string>
  readonly url: Option.Option<string>
  readonly token: Option.Option<Redacted.Redacted>
}

export type Client = Effect.Success<ReturnType<typeof build>>

const build = (url: string, token: Redacted.Redacted) =>
  HttpApiClient.make(Api, {
    baseUrl: url,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token))
  }).pipe(Effect.provide(FetchHttpClient.layer))

/** Finds the service and makes sure that it answers. */
export const connect = Effect.fnUntraced(function* ({ data, token, url }: ClientOptions) {
  const env = yield* environment
  const folder = folders({ data }, env).data
  const address = Option.getOrUndefined(url) ?? (yield* textOf(`${folder}/fiberclaw.url`)) ?? "http://127.0.0.1:4000"
  const secret = Option.getOrUndefined(token) ?? (yield* findToken(folder, lookup(env, "FIBERCLAW_ADMIN_TOKEN")))
  const client = yield* build(address, secret)
  yield* client.system
    .health()
    .pipe(
      Effect.catch(() =>
        fail(`no service answers at ${address}: start it with \`npm start\`, or name another with --url`)
      )
    )
  return client
})

const findToken = Effect.fnUntraced(function* (folder: string, set: string | undefined) {
  const text = set?.trim() || (yield* textOf(`${folder}/admin.token`))
  return text === undefined
    ? yield* fail(`there is no token in ${folder}: give one with --token, or name the service's folder with --data`)
    : Redacted.make(text)
})

/** None where there is no such file, or nothing in it. */
const textOf = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(file))
  return Option.getOrElse(text, () => "").trim() || undefined
})
