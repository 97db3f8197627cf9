/**
 * One tenant's subtree, top to bottom.
 *
 * rest_for_one, 10 restarts in a minute with backoff: when a part fails, it and all that rests on it are built
 * anew. A tenant that cannot stay up is parked by `tenants` above it, and harms nobody else.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AgentSupervisor from "../agents/AgentSupervisor.ts"
import * as LocalDirectory from "../agents/LocalDirectory.ts"
import * as SessionApprovals from "../agents/SessionApprovals.ts"
import { ToolRuns } from "../agents/ToolRuns.ts"
import { TurnRunner } from "../agents/TurnRunner.ts"
import * as Subtree from "../kernel/Subtree.ts"
import * as SqlSessionStore from "../sessions/sql/SqlSessionStore.ts"
import { Signals } from "../telemetry/Signals.ts"
import { Spending } from "../tenants/Spending.ts"
import { Tenant } from "../tenants/Tenant.ts"
import * as ProvidersLayer from "./ProvidersLayer.ts"
import * as ToolsLayer from "./ToolsLayer.ts"

export const make = (tenant: Tenant["Service"]) =>
  Subtree.make(tenant.id, {
    intensity: { restarts: 10, within: "1 minute" },
    backoff: { base: "100 millis", cap: "10 seconds" },
    watchdog: { patience: "30 seconds", onHang: "restart" }
  }).pipe(
    Subtree.child("tenant", Layer.succeed(Tenant, tenant)),
    Subtree.child(
      "store",
      Layer.provideMerge(Spending.layer, SqlSessionStore.layerSqlite({ filename: `${tenant.folder}/sessions.sqlite` }))
    ),
    Subtree.child("signals", Signals.layer),
    Subtree.child("providers", ProvidersLayer.make(tenant.definition.config.providers)),
    Subtree.child("tools", Layer.provideMerge(ToolRuns.layer, tools(tenant.folder))),
    Subtree.child("agents", AgentSupervisor.layer),
    Subtree.child("sessions", Layer.provide(LocalDirectory.layer, TurnRunner.layer)),
    Subtree.child("approvals", SessionApprovals.layer)
  )

const tools = (folder: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const toolsIn = yield* ToolsLayer.Tools
      return toolsIn(folder)
    })
  )
