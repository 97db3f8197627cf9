/**
 * The tenant whose work is being done.
 *
 * Everything that stores, limits, runs or counts is built inside a tenant's own Scope with this service in its
 * context, so that code that has no tenant has no way to any tenant's data.
 */
import * as Context from "effect/Context"
import type { TenantDefinition } from "../config/ConfigLoader.ts"
import type { TenantId } from "../domain/Ids.ts"

export class Tenant extends Context.Service<
  Tenant,
  {
    readonly id: TenantId
    readonly definition: TenantDefinition
    /** The generation of the config that this incarnation of the tenant was built from. */
    readonly generation: number
    /** The tenant's own folder under the data folder; nothing of another tenant is in it. */
    readonly folder: string
  }
>()("fiberclaw/tenants/Tenant") {}
