/**
 * The whole service, running inside the test on a real socket, with its own config and data folders.
 *
 * It is put together by `App.start` exactly as `fiberclaw serve` does, on a free port of 127.0.0.1, and ends with the
 * test's scope. Calls go through node:http, so that a test may send any header and see what comes back as it comes.
 */
import * as Http from "node:http"
import { NodeServices } from "@effect/platform-node"
import { Context, Effect, FileSystem, Layer, Logger, Option, Redacted, Schema, type Scope, Stream } from "effect"
import { HttpServer } from "effect/http"
import * as App from "../../src/app/App.ts"
import * as DataFolder from "../../src/app/DataFolder.ts"
import { known } from "../../src/app/Known.ts"
import { Tools } from "../../src/app/ToolsLayer.ts"
import { load } from "../../src/config/ConfigLoader.ts"
import { TenantId } from "../../src/domain/Ids.ts"
import { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import type { Supervisor } from "../../src/kernel/Supervisor.ts"
import { Tenants, type TenantServices } from "../../src/tenants/Tenants.ts"
import type { Tool } from "../../src/tools/Tool.ts"
import { Toolbox } from "../../src/tools/Toolbox.ts"

/** The text of each file by its path in the config folder. */
export type Files = Readonly<Record<string, string>>

export interface RunningAppOptions {
  /** Files over or beside `minimal`. */
  readonly files?: Files
  /** A data folder that outlives this run; a new one that goes with the scope if not given. */
  readonly data?: string
  /** What `FIBERCLAW_ADMIN_TOKEN` and placeholders in files are taken from. */
  readonly env?: Readonly<Record<string, string>>
  /** The tools of a tenant, given its folder, in place of those the service has by itself. */
  readonly tools?: (folder: string) => ReadonlyArray<Tool>
}

export const tenantYaml = "name: Somebody\nproviders:\n  demo: { kind: scripted }\n"
export const agentYaml = "model: demo/demo\ninstructions: Be kind.\ntools: [exec]\n"

/** Two tenants: `default` with the agents `main` and `second`, `other` with `main`; all speak to the demo model. */
export const minimal: Files = {
  "fiberclaw.yaml": "drain: 5 seconds\n",
  "tenants/default/tenant.yaml": tenantYaml,
  "tenants/default/agents/main.yaml": agentYaml,
  "tenants/default/agents/second.yaml": agentYaml,
  "tenants/other/tenant.yaml": tenantYaml,
  "tenants/other/agents/main.yaml": agentYaml
}

export interface CallOptions {
  /** The administrator's if not given, none if null. */
  readonly token?: string | null
  /** Sent as JSON; bytes and text are sent as they are. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
  /** The body as JSON, undefined if it is none. */
  readonly json: unknown
}

/** One entry of a Server-Sent Events stream; a comment has only that. */
export interface Entry {
  readonly id?: string
  readonly event?: string
  readonly data?: string
  readonly comment?: string
}

/** An answer whose body is read as it comes. */
export interface Opened {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  /** Every entry in order, to the end of the response. */
  readonly entries: Stream.Stream<Entry>
}

export interface Accepted {
  readonly session: string
  readonly turn: string
  readonly seq: number
}

export class RunningApp extends Context.Service<
  RunningApp,
  {
    readonly url: string
    readonly port: number
    readonly admin: string
    readonly data: string
    readonly drain: Drain["Service"]
    readonly tenants: Tenants["Service"]
    /** The root of the tree. */
    readonly root: Pick<Supervisor, "snapshot" | "changes" | "locate">
    /** Ends when the service does by itself. */
    readonly exit: Supervisor["exit"]
    call(method: string, path: string, options?: CallOptions): Effect.Effect<Answer>
    /** Sends a request and leaves its answer open; closing the scope hangs up. */
    open(method: string, path: string, options?: CallOptions): Effect.Effect<Opened, never, Scope.Scope>
    /** Makes a token through the API. */
    token(role: string, tenant?: string): Effect.Effect<string>
    /** Says something in a session of `default` and waits until it is accepted. */
    say(
      session: string,
      text: string,
      options?: { readonly agent?: string; readonly externalId?: string }
    ): Effect.Effect<Accepted>
    /** The log of a session of `default` when the first event of this kind has come. */
    logUntil(session: string, type: SessionEvent["type"]): Effect.Effect<ReadonlyArray<SessionEvent>>
    /** Runs an effect among a tenant's own services. */
    within<A, E, R>(tenant: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, TenantServices>>
  }
>()("fiberclaw/test/RunningApp") {
  static readonly layerWith = (options: RunningAppOptions = {}) => Layer.effect(RunningApp, start(options))
  static readonly layer = Layer.suspend(() => RunningApp.layerWith())
}

/** Writes the files into a folder that goes with the scope. */
export const writeFiles = Effect.fnUntraced(function* (files: Files) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "fiberclaw-config-" })
  for (const [name, text] of Object.entries(files)) {
    yield* fs.makeDirectory(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true })
    yield* fs.writeFileString(`${folder}/${name}`, text)
  }
  return folder
}, Effect.orDie)

/** Starts the service; it ends with the scope. */
export const start = Effect.fnUntraced(
  function* (options: RunningAppOptions) {
    const fs = yield* FileSystem.FileSystem
    const tools = options.tools?.("").map(({ name }) => name) ?? known.tools
    const files = yield* writeFiles({ ...minimal, ...options.files })
    const config = yield* load(files, options.env ?? {}, { ...known, tools })
    const data = options.data ?? (yield* fs.makeTempDirectoryScoped({ prefix: "fiberclaw-data-" }))
    yield* DataFolder.prepare(data)
    const set = Option.fromUndefinedOr(options.env?.["FIBERCLAW_ADMIN_TOKEN"])
    const drain = yield* Drain
    const service = { ...config.service, http: { ...config.service.http, port: 0 } }
    const starting = App.start({ config, service, folder: data, admin: Option.map(set, Redacted.make) })
    const running = yield* options.tools === undefined
      ? starting
      : Effect.provideService(starting, Tools, bringing(options.tools))
    const services = yield* running.services
    const { address } = Context.get(services, HttpServer.HttpServer)
    // A server that was started anew listens on another port.
    const present = Effect.map(running.services, (now) => portOf(Context.get(now, HttpServer.HttpServer).address))
    const tenants = Context.get(services, Tenants)
    const url = HttpServer.formatAddress(address)
    const port = portOf(address)
    const admin = Option.getOrUndefined(set) ?? (yield* fs.readFileString(DataFolder.tokenFile(data))).trim()
    const own = { url, port, admin, data, drain, tenants, root: running, exit: running.exit }
    return RunningApp.of({ ...own, ...client(present, admin), within: within(tenants) })
  },
  Effect.orDie,
  Effect.provide(Layer.mergeAll(NodeServices.layer, Drain.layer, Logger.layer([])))
)

const bringing = (tools: (folder: string) => ReadonlyArray<Tool>) => (folder: string) => Toolbox.layerOf(tools(folder))

const within =
  (tenants: Tenants["Service"]): RunningApp["Service"]["within"] =>
  (tenant, effect) =>
    tenants.services(TenantId.make(tenant)).pipe(
      Effect.orDie,
      Effect.flatMap((services) => Effect.provideContext(effect, services))
    )

const portOf = (address: HttpServer.HttpServer["Service"]["address"]) =>
  Number(new URL(HttpServer.formatAddress(address)).port)

const client = (port: Effect.Effect<number, Error>, admin: string) => {
  const send = (method: string, path: string, options?: CallOptions) =>
    Effect.flatMap(port, (port) => sendTo(port, method, path, options))

  const sendTo = (
    port: number,
    method: string,
    path: string,
    { body, headers = {}, token = admin }: CallOptions = {}
  ) =>
    Effect.callback<Http.IncomingMessage, Error>((resume) => {
      const raw = typeof body === "string" || body instanceof Uint8Array
      const payload = body === undefined || raw ? body : JSON.stringify(body)
      const all: Record<string, string> = {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { "content-type": "application/json" }),
        ...(payload === undefined ? {} : { "content-length": String(Buffer.byteLength(payload)) }),
        ...headers
      }
      const request = Http.request({ host: "127.0.0.1", port, method, path, headers: all, agent: false })
      request.on("response", (response) => resume(Effect.succeed(response)))
      request.on("error", (error) => resume(Effect.fail(error)))
      request.end(payload)
      return Effect.sync(() => request.destroy())
    })

  const call = Effect.fnUntraced(function* (method: string, path: string, options?: CallOptions) {
    const response = yield* send(method, path, options)
    const text = (yield* Effect.tryPromise(() => response.setEncoding("utf8").toArray())).join("")
    return { status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) }
  }, Effect.orDie)

  const open = Effect.fnUntraced(function* (method: string, path: string, options?: CallOptions) {
    const response = yield* Effect.acquireRelease(send(method, path, options), (message) =>
      Effect.sync(() => message.destroy())
    )
    const lines = Stream.fromAsyncIterable(response.setEncoding("utf8"), (error) => error)
    return { status: response.statusCode ?? 0, headers: response.headers, entries: entriesOf(lines) }
  }, Effect.orDie)

  const token = (role: string, tenant?: string) =>
    Effect.map(call("POST", "/api/v1/tokens", { body: { name: `${role} token`, role, tenant } }), ({ json }) =>
      String(at(json, "secret"))
    )

  const say: RunningApp["Service"]["say"] = (session, text, { agent = "main", externalId } = {}) =>
    Effect.map(
      call("POST", `${sessions}/${session}/messages`, { body: { agent, text, externalId } }),
      ({ json }) => json as Accepted
    )

  const logUntil: RunningApp["Service"]["logUntil"] = Effect.fnUntraced(function* (session, type) {
    const headers = { accept: "text/event-stream" }
    const { entries } = yield* open("GET", `${sessions}/${session}/events`, { headers })
    return yield* entries.pipe(
      Stream.filter(({ id }) => id !== undefined),
      Stream.map(({ data = "" }) => decodeEvent(data)),
      Stream.takeUntil((event) => event.type === type),
      Stream.runCollect
    )
  }, Effect.scoped)

  return { call, open, token, say, logUntil }
}

const sessions = "/api/v1/tenants/default/sessions"

const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(SessionEvent))

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What is at this place of a JSON document, undefined where there is nothing. */
export const at = (json: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    json
  )

const entriesOf = (chunks: Stream.Stream<string, unknown>): Stream.Stream<Entry> =>
  chunks.pipe(
    Stream.splitLines,
    Stream.orDie,
    Stream.mapAccum(
      (): Entry => ({}),
      (entry, line) =>
        line === "" ? [{}, Object.keys(entry).length === 0 ? [] : [entry]] : [{ ...entry, ...field(line) }, []]
    )
  )

/** One line of the stream (WHATWG HTML, section 9.2.6). */
const field = (line: string): Entry => {
  const [, name = "", value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? []
  return name === "" ? { comment: value } : { [name]: value }
}
