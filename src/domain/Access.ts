/** Who may do what: roles, and who is calling. */
import * as Schema from "effect/Schema"
import { TenantId } from "./Ids.ts"

/** From the least to the most: each may do all that the ones before it may. */
export const Role = Schema.Literals(["viewer", "user", "operator", "admin"])
export type Role = typeof Role.Type

/** Whoever holds a token. Without a tenant it reaches every tenant. */
export interface Caller {
  /** The token's own id: names may be given twice. */
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly tenant?: TenantId | undefined
}

/** Whether `role` includes what `needed` may do. */
export const includes = (role: Role, needed: Role): boolean =>
  Role.literals.indexOf(role) >= Role.literals.indexOf(needed)

/** Whether the caller may know that the tenant exists. */
export const reaches = (caller: Caller, tenant: TenantId): boolean =>
  caller.tenant === undefined || caller.tenant === tenant

/** A token as lists show it: everything but its secret. Instants are ISO 8601. */
export class Token extends Schema.Class<Token>("Token")({
  id: Schema.String,
  name: Schema.String,
  role: Role,
  tenant: Schema.optionalKey(TenantId),
  createdAt: Schema.String
}) {}
