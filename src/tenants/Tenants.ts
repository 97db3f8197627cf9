/**
 * The tenants of the service, and the only way into any of them.
 *
 * What a tenant has is reached through its own context, which exists while its subtree is up. A tenant that
 * could not stay up is parked: visible here, and unavailable, while everybody else goes on.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type { Effect } from "effect"
import type { Agents } from "../agents/Agents.ts"
import type { Directory } from "../agents/Directory.ts"
import type { Approvals } from "../approvals/Approvals.ts"
import type { TenantConfig } from "../config/TenantConfig.ts"
import { TenantId } from "../domain/Ids.ts"
import type { Providers } from "../providers/Providers.ts"
import type { SessionStore } from "../sessions/SessionStore.ts"
import type { Signals } from "../telemetry/Signals.ts"
import type { Spending } from "./Spending.ts"
import type { Tenant } from "./Tenant.ts"

/** Everything that is built once for each tenant. */
export type TenantServices = Tenant | SessionStore | Spending | Signals | Providers | Agents | Directory | Approvals

/** There is no such tenant, or the caller may not know of it. */
export class TenantUnknown extends Schema.TaggedError<TenantUnknown>()("TenantUnknown", { tenant: TenantId }) {
  override get message() {
    return `there is no tenant ${this.tenant}`
  }
}

/** The tenant exists but is not up now. */
export class TenantUnavailable extends Schema.TaggedError<TenantUnavailable>()("TenantUnavailable", {
  tenant: TenantId,
  state: Schema.String
}) {
  override get message() {
    return `tenant ${this.tenant} is ${this.state}`
  }
}

/** A tenant as operators see it. */
export interface TenantStatus {
  readonly id: TenantId
  readonly config: TenantConfig
  readonly generation: number
  readonly state: string
}

export class Tenants extends Context.Service<
  Tenants,
  {
    /** Every configured tenant, by id. */
    readonly all: Effect.Effect<ReadonlyArray<TenantStatus>>
    status(id: TenantId): Effect.Effect<TenantStatus, TenantUnknown>
    /** The services of a tenant that is up. */
    services(id: TenantId): Effect.Effect<Context.Context<TenantServices>, TenantUnknown | TenantUnavailable>
  }
>()("fiberclaw/tenants/Tenants") {}
