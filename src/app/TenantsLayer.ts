/**
 * Every configured tenant as a child of `tenants`.
 *
 * one_for_one, 5 restarts in 10 minutes with backoff, counted per tenant: one that exhausts its own is parked, and
 * the others do not notice.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { Context } from "effect"
import type { LoadedConfig, TenantDefinition } from "../config/ConfigLoader.ts"
import type { TenantId } from "../domain/Ids.ts"
import { worker } from "../kernel/ChildSpec.ts"
import * as Subtree from "../kernel/Subtree.ts"
import * as Supervisor from "../kernel/Supervisor.ts"
import { ChildStartFailed } from "../kernel/SupervisorError.ts"
import {
  Tenants,
  type TenantServices,
  type TenantStatus,
  TenantUnavailable,
  TenantUnknown
} from "../tenants/Tenants.ts"
import * as TenantTree from "./TenantTree.ts"

export interface TenantsOptions {
  readonly config: LoadedConfig
  readonly generation: number
  /** The folder in which each tenant has its own. */
  readonly folder: string
}

export const layer = (options: TenantsOptions) => Layer.effect(Tenants, make(options))

type Services = Effect.Effect<Context.Context<TenantServices>, Subtree.ServicesMissing>

const make = Effect.fnUntraced(function* ({ config, folder, generation }: TenantsOptions) {
  const running = new Map<TenantId, Services>()
  const failures = new Map<TenantId, string>()

  const open = (id: TenantId, services: Services) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        failures.delete(id)
        running.set(id, services)
      }),
      () => Effect.sync(() => running.delete(id))
    )

  /** A tenant whose very first start fails is treated like any that fails later: it is tried again, then parked. */
  const childOf = (definition: TenantDefinition, tried: Deferred.Deferred<void>) => {
    const { id } = definition
    const tree = TenantTree.make({ id, definition, generation, folder: `${folder}/${id}` })
    const start = Effect.tap(Subtree.start(tree), ({ services }) => open(id, services))
    const noted = Effect.tapCause(start, (cause) => Effect.sync(() => failures.set(id, reasonOf(Cause.squash(cause)))))
    const run = noted.pipe(
      Effect.ensuring(Deferred.succeed(tried, undefined)),
      Effect.flatMap(({ exit }) => exit)
    )
    return worker({ id, shutdown: "infinity", run })
  }

  const children = yield* Effect.forEach(Array.from(config.tenants.values()), (definition) =>
    Effect.map(Deferred.make<void>(), (tried) => ({ tried, spec: childOf(definition, tried) }))
  )
  const supervisor = yield* Supervisor.make({
    name: "tenants",
    strategy: "one_for_one",
    intensity: { restarts: 5, within: "10 minutes" },
    backoff: { base: "1 second", cap: "1 minute" },
    parkExhausted: true,
    children: children.map(({ spec }) => spec)
  })
  yield* Effect.forEach(children, ({ tried }) => Deferred.await(tried), { discard: true })

  const stateOf = (id: TenantId) => supervisor.locate(`${supervisor.path}/${id}`)?.node().state ?? "stopped"

  /** How a tenant is that has no services, and why it did not start the last time. */
  const described = (id: TenantId) => {
    const state = stateOf(id) === "running" ? "starting" : stateOf(id)
    const reason = failures.get(id)
    return reason === undefined ? state : `${state}: ${reason}`
  }

  const status = Effect.fnUntraced(function* (id: TenantId) {
    const definition = config.tenants.get(id)
    if (definition === undefined) return yield* new TenantUnknown({ tenant: id })
    const view: TenantStatus = { id, config: definition.config, generation, state: stateOf(id) }
    return view
  })

  const services = Effect.fnUntraced(function* (id: TenantId) {
    if (!config.tenants.has(id)) return yield* new TenantUnknown({ tenant: id })
    const present = running.get(id)
    if (present === undefined) return yield* new TenantUnavailable({ tenant: id, state: described(id) })
    return yield* Effect.catch(present, () => new TenantUnavailable({ tenant: id, state: "restarting" }))
  })

  return Tenants.of({
    all: Effect.orDie(Effect.forEach(Array.from(config.tenants.keys()).sort(), status)),
    status,
    services
  })
})

/** The sentence of whoever was there first. */
const reasonOf = (error: unknown): string => {
  if (error instanceof ChildStartFailed && error.cause !== undefined) return reasonOf(error.cause)
  return Predicate.isError(error) ? error.message : String(error)
}
