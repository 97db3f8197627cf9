/**
 * Who may call: every call but the public ones carries a bearer token, and each asks for a role.
 *
 * A caller whose token is bound to a tenant learns nothing of the others: to it they do not exist.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import { type Caller, includes, type Role, reaches } from "../domain/Access.ts"
import type { TenantId } from "../domain/Ids.ts"
import { type TenantServices, Tenants } from "../tenants/Tenants.ts"
import { Tokens } from "../tenants/Tokens.ts"
import { Forbidden, NotFound, Unauthorized, Unavailable } from "./Problems.ts"

/** Who makes the current request. */
export class CurrentCaller extends Context.Service<CurrentCaller, Caller>()("fiberclaw/api/CurrentCaller") {}

/** Bearer tokens, as `Tokens` knows them. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentCaller }>()(
  "fiberclaw/api/Authorization",
  { security: { bearer: HttpApiSecurity.bearer }, error: Unauthorized }
) {
  static readonly layer = Layer.effect(
    Authorization,
    Effect.map(Tokens, (tokens) =>
      Authorization.of({
        bearer: (httpEffect, { credential }) =>
          Option.match(tokens.authenticate(credential), {
            onNone: () =>
              Effect.fail(new Unauthorized({ detail: "send a valid token as `Authorization: Bearer TOKEN`" })),
            onSome: (caller) => Effect.provideService(httpEffect, CurrentCaller, caller)
          })
      })
    )
  )
}

/** Fails unless the caller has at least this role. */
export const requireRole = (needed: Role): Effect.Effect<Caller, Forbidden, CurrentCaller> =>
  Effect.flatMap(CurrentCaller, (caller) =>
    includes(caller.role, needed)
      ? Effect.succeed(caller)
      : Effect.fail(new Forbidden({ detail: `this needs the role ${needed}, and the token has ${caller.role}` }))
  )

/** Runs `effect` among the services of a tenant the caller may reach, with at least the role `needed`. */
export const inTenant = <A, E, R>(
  tenant: TenantId,
  needed: Role,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Forbidden | NotFound | Unavailable, Exclude<R, TenantServices> | CurrentCaller | Tenants> =>
  Effect.flatMap(servicesOf(tenant, needed), (services) => Effect.provideContext(effect, services))

const servicesOf = Effect.fnUntraced(function* (tenant: TenantId, needed: Role) {
  const caller = yield* CurrentCaller
  if (!reaches(caller, tenant)) return yield* new NotFound({ detail: `there is no tenant ${tenant}` })
  yield* requireRole(needed)
  const tenants = yield* Tenants
  return yield* tenants.services(tenant).pipe(
    Effect.catchTags({
      TenantUnknown: (error) => new NotFound({ detail: error.message }),
      TenantUnavailable: (error) => new Unavailable({ detail: error.message })
    })
  )
})
