/** Starts the service as the command line says, and tells in one sentence why it cannot. */
import { isIPv4 } from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { LogLevel } from "effect"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as HttpServer from "effect/http/HttpServer"
import * as App from "../app/App.ts"
import * as DataFolder from "../app/DataFolder.ts"
import { known } from "../app/Known.ts"
import { load } from "../config/ConfigLoader.ts"
import { type Environment, lookup } from "../config/Environment.ts"
import { type ConfigFault, render } from "../config/Fault.ts"
import { override } from "../config/Overrides.ts"
import type { ServiceConfig } from "../config/ServiceConfig.ts"
import { version } from "../domain/Version.ts"
import { Drain } from "../kernel/Drain.ts"
import * as Logging from "../telemetry/Logging.ts"
import * as Insistence from "./Insistence.ts"
import { environment, folders } from "./Options.ts"
import { fail } from "./Output.ts"

/** The flags of `fiberclaw serve`, as text. */
export interface Given {
  readonly config: Option.Option<string>
  readonly data: Option.Option<string>
  readonly host: Option.Option<string>
  readonly port: Option.Option<string>
  readonly logFormat: Option.Option<string>
}

/** Runs the service until it is stopped. */
export const run = Effect.fnUntraced(function* (given: Given) {
  const env = yield* environment
  const config = yield* load(folders(given, env).config, env, known).pipe(
    Effect.catchTag("ConfigInvalid", ({ faults }) => refuse(faults))
  )
  const overriding = {
    env,
    flags: {
      host: Option.getOrUndefined(given.host),
      port: Option.getOrUndefined(given.port),
      logLevel: Option.getOrUndefined(Option.map(yield* GlobalFlag.LogLevel, levelName)),
      logFormat: Option.getOrUndefined(given.logFormat)
    }
  }
  const service = yield* Effect.fromResult(override(config.service, overriding)).pipe(Effect.catch(refuse))
  if (!isLoopback(service.http.host) && !service.http.trustedProxy && service.http.insecure !== true) {
    return yield* fail(exposed(service.http.host))
  }
  const folder = folders(given, env).data
  return yield* starting({ config, service, folder }, env)
})

/** Effect's levels by our names: `All` is our least severe one, and what `None` would silence is said all the same. */
const levelName = (level: LogLevel.LogLevel) =>
  level === "All" ? "trace" : level === "None" ? "fatal" : level.toLowerCase()

const refuse = (faults: ReadonlyArray<ConfigFault>) =>
  fail(
    [...faults.map(render), `${faults.length} fault${faults.length === 1 ? "" : "s"}; nothing was started`].join("\n")
  )

/** A name that only looks like a loopback address may lead anywhere. */
const isLoopback = (host: string) => host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."))

const exposed = (host: string) =>
  `listening on ${host} would expose the service without TLS: set http.trustedProxy to the proxy that terminates it, ` +
  "or http.insecure: true if you know that nobody else can reach it"

/** Starts everything, says where it is, and lasts until it is stopped or gives up. */
const runService = Effect.fnUntraced(function* (options: Omit<App.AppOptions, "admin">, env: Environment) {
  const fs = yield* FileSystem.FileSystem
  const { config, folder } = options
  let begun = false
  // Released last: what was never ready has not been stopped.
  yield* Effect.addFinalizer(() => (begun ? Effect.logInfo("service stopped") : Effect.void))
  yield* DataFolder.prepare(folder)
  const admin = Option.map(
    Option.fromUndefinedOr(lookup(env, "FIBERCLAW_ADMIN_TOKEN")?.trim() || undefined),
    Redacted.make
  )
  const running = yield* App.start({ ...options, admin })
  const { address } = Context.get(yield* running.services, HttpServer.HttpServer)
  const url = HttpServer.formatAddress(address)
  yield* Effect.ignore(fs.writeFileString(`${folder}/fiberclaw.url`, `${url}\n`, { mode: 0o600 }))
  const adminToken = Option.isSome(admin) ? "as set" : DataFolder.tokenFile(folder)
  yield* Effect.logInfo("service ready").pipe(
    Effect.annotateLogs({ url, version, pid: process.pid, tenants: config.tenants.size, adminToken })
  )
  begun = true
  return yield* running.exit
}, Effect.scoped)

const starting = (options: Omit<App.AppOptions, "admin">, env: Environment) =>
  runService(options, env).pipe(
    Effect.catchTags({
      DataFolderUnusable: (error) => fail(error.message),
      ChildStartFailed: (error) => fail(sentence(error, options.service.http)),
      SupervisorExhausted: (error) => fail(`the service has ended: ${error.message}`)
    }),
    Effect.provide(Layer.provideMerge(Insistence.layer, [Logging.layer(options.service.log), Drain.layer]))
  )

/** What made the start fail, told by whoever was there first. */
const sentence = (error: unknown, http: ServiceConfig["http"]): string => {
  const cause = Predicate.hasProperty(error, "cause") ? error.cause : undefined
  if (cause !== undefined && cause !== null) return sentence(cause, http)
  const code = Predicate.hasProperty(error, "code") ? error.code : undefined
  if (code === "EADDRINUSE") {
    return `port ${http.port} on ${http.host} is in use: stop what uses it, or choose another with --port`
  }
  if (code === "EACCES") return `port ${http.port} on ${http.host} may not be listened on by this user`
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `${http.host} is not an address of this machine`
  return Predicate.isError(error) ? error.message : String(error)
}
