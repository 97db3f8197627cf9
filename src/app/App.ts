/**
 * The whole service as one tree, read from top to bottom.
 *
 * rest_for_one, 5 restarts in a minute: what fails is built anew together with everything that rests on it. When
 * even that does not help the root gives up, and the process ends for whoever started it to see.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Duration, Option, Redacted } from "effect"
import * as Server from "../api/Server.ts"
import { type TreeRoot, TreeView } from "../api/TreeView.ts"
import type { LoadedConfig } from "../config/ConfigLoader.ts"
import type { ServiceConfig } from "../config/ServiceConfig.ts"
import { Drain } from "../kernel/Drain.ts"
import { Incarnation } from "../kernel/Incarnation.ts"
import { Startup } from "../kernel/Startup.ts"
import * as Subtree from "../kernel/Subtree.ts"
import * as ThreadedDatabases from "../sessions/sql/ThreadedDatabases.ts"
import { EventLoop } from "../telemetry/EventLoop.ts"
import * as Heap from "../telemetry/Heap.ts"
import { Tokens } from "../tenants/Tokens.ts"
import { Threads } from "../threads/Threads.ts"
import { Backups } from "../upkeep/Backups.ts"
import * as Layout from "../upkeep/Layout.ts"
import { ServiceDatabase } from "../upkeep/ServiceDatabase.ts"
import * as DataFolder from "./DataFolder.ts"
import * as ReadinessLayer from "./ReadinessLayer.ts"
import * as Reaper from "./Reaper.ts"
import * as TenantsLayer from "./TenantsLayer.ts"

export interface AppOptions {
  readonly config: LoadedConfig
  /** The service's configuration with flags and environment applied. */
  readonly service: ServiceConfig
  readonly folder: string
  /** The administrator's token, if it is set; otherwise it is in the folder. */
  readonly admin: Option.Option<Redacted.Redacted>
}

/** Starts the service. It lives until the Scope closes, or its `exit` fails because the root has given up. */
export const start = Effect.fn("App.start")(function* (options: AppOptions) {
  const root = yield* Deferred.make<TreeRoot>()
  const around = Context.get(yield* Layer.build(Incarnation.layerAlone), Incarnation)
  const afterwards = (effect: Effect.Effect<void>) => Effect.asVoid(around.fork(effect))
  const tree = TreeView.of({ root: Deferred.await(root), afterwards })
  const running = yield* Subtree.start(make(options)).pipe(
    Effect.provideService(TreeView, tree),
    Effect.provideService(Startup, Effect.asVoid(Deferred.await(root)))
  )
  yield* Deferred.succeed(root, running)
  const drain = yield* Drain
  yield* Effect.addFinalizer(() => drain.begin)
  return running
})

const make = ({ admin, config, folder, service }: AppOptions) =>
  Subtree.make("fiberclaw", { intensity: { restarts: 5, within: "1 minute" } }).pipe(
    Subtree.child("store", Layer.provide(Layer.merge(tokens(folder, admin), copies), DataFolder.layer(folder))),
    Subtree.child("telemetry", Layer.merge(EventLoop.layer, Heap.layer)),
    Subtree.child("threads", Threads.layer),
    Subtree.child("tenants", TenantsLayer.layer({ config, generation: 1, folder: `${folder}/tenants` }), forever),
    Subtree.child("backups", Layer.provide(backups(folder), ThreadedDatabases.layer)),
    Subtree.child("api", api(service.http)),
    Subtree.child("reaper", Reaper.layer(service.drain), forever)
  )

const tokens = (folder: string, admin: AppOptions["admin"]) =>
  Layer.unwrap(Effect.map(DataFolder.adminToken(folder, admin), (token) => Tokens.layerSql({ admin: token })))

/** Of the service's own database, others get to make copies and nothing else. */
const copies = Layer.effect(ServiceDatabase, ServiceDatabase)

const backups = (folder: string) => Backups.layer({ data: folder, into: `${folder}/${Layout.backups}` })

const forever = { shutdown: "infinity" } as const

/** Open connections were told to go by the reaper; one that does not is cut. */
const letGo: Duration.Input = "1 second"

const api = ({ host, hosts, maxBodyBytes, port }: ServiceConfig["http"]) =>
  Server.layer({ hosts: [host, ...hosts], maxBodyBytes }).pipe(
    Layer.provide(ReadinessLayer.layer),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host, port, gracefulShutdownTimeout: letGo }))
  )
