/**
 * The service as a process that dies where it is told to: put together by `App.start` as `fiberclaw serve` does it, with
 * tools of each effect class. Takes the same arguments.
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as HttpServer from "effect/http/HttpServer"
import * as App from "../../src/app/App.ts"
import * as DataFolder from "../../src/app/DataFolder.ts"
import { known } from "../../src/app/Known.ts"
import { Tools } from "../../src/app/ToolsLayer.ts"
import { load } from "../../src/config/ConfigLoader.ts"
import { EffectClass } from "../../src/domain/ToolEffect.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import * as Logging from "../../src/telemetry/Logging.ts"
import { Toolbox } from "../../src/tools/Toolbox.ts"
import { obeying } from "./Orders.ts"
import { tools } from "./Tools.ts"
import { watchers } from "./Trap.ts"

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: "string", default: "" },
    data: { type: "string", default: "" },
    port: { type: "string", default: "0" }
  }
})

watchers.add(obeying(process.env["ORDERS"] ?? ""))

const main = Effect.gen(function* () {
  const config = yield* load(values.config, {}, { ...known, tools: EffectClass.literals })
  const service = { ...config.service, http: { ...config.service.http, port: Number(values.port) } }
  yield* DataFolder.prepare(values.data)
  const running = yield* App.start({ config, service, folder: values.data, admin: Option.none() })
  const { address } = Context.get(yield* running.services, HttpServer.HttpServer)
  const url = HttpServer.formatAddress(address)
  yield* Effect.annotateLogs(Effect.logInfo("service ready"), { url, pid: process.pid })
  return yield* running.exit
})

main.pipe(
  Effect.scoped,
  Effect.provideService(Tools, (folder) => Toolbox.layerOf(tools(folder))),
  Effect.provide(Layer.mergeAll(NodeServices.layer, Drain.layer, Logging.layer({ level: "info", format: "json" }))),
  NodeRuntime.runMain
)
