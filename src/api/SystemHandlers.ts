/** Answers about the service itself: health, readiness, tokens. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { reaches } from "../domain/Access.ts"
import { version } from "../domain/Version.ts"
import { Readiness } from "../telemetry/Readiness.ts"
import { Tenants } from "../tenants/Tenants.ts"
import { Tokens } from "../tenants/Tokens.ts"
import { requireRole } from "./Access.ts"
import { Api } from "./Api.ts"
import { NotFound, unavailable } from "./Problems.ts"
import { NotReady } from "./SystemApi.ts"
import { act, tree } from "./TreeHandlers.ts"

export const SystemHandlers = HttpApiBuilder.group(
  Api,
  "system",
  Effect.fnUntraced(function* (handlers) {
    const readiness = yield* Readiness
    return handlers.handleAll({
      health: Effect.fnUntraced(function* () {
        const now = yield* DateTime.now
        const uptimeSeconds = Math.round(DateTime.toEpochMillis(now) - performance.timeOrigin) / 1000
        return { status: "ok" as const, timestamp: DateTime.formatIso(now), version, uptimeSeconds }
      }),
      ready: Effect.fnUntraced(function* () {
        const reasons = yield* readiness.reasons
        if (reasons.length > 0) return yield* new NotReady({ detail: reasons.join("; "), reasons })
        return { status: "ready" as const }
      })
    })
  })
)

const tokens = Effect.fnUntraced(function* () {
  const caller = yield* requireRole("admin")
  const all = yield* Tokens.use((service) => service.all)
  return { tokens: all.filter(({ tenant }) => caller.tenant === undefined || tenant === caller.tenant) }
})

/** An administrator of one tenant makes tokens for that tenant only. */
const createToken = Effect.fnUntraced(function* ({ payload }: { readonly payload: NewToken }) {
  const caller = yield* requireRole("admin")
  const tenant = payload.tenant ?? caller.tenant
  if (tenant !== undefined) {
    if (!reaches(caller, tenant)) return yield* new NotFound({ detail: `there is no tenant ${tenant}` })
    yield* Tenants.use((tenants) => tenants.status(tenant)).pipe(
      Effect.mapError((error) => new NotFound({ detail: error.message }))
    )
  }
  const made = yield* Tokens.use((service) =>
    service.create({ name: payload.name, role: payload.role, ...(tenant === undefined ? {} : { tenant }) })
  ).pipe(Effect.mapError(unavailable))
  return { token: made.token, secret: Redacted.value(made.secret) }
})

const revokeToken = Effect.fnUntraced(function* ({ params }: { readonly params: { readonly id: string } }) {
  const caller = yield* requireRole("admin")
  const service = yield* Tokens
  const token = (yield* service.all).find(({ id }) => id === params.id)
  const within = caller.tenant === undefined || token?.tenant === caller.tenant
  if (!within) return yield* new NotFound({ detail: `there is no token ${params.id}` })
  yield* service.revoke(params.id).pipe(
    Effect.catchTags({
      TokenUnknown: (error) => new NotFound({ detail: error.message }),
      TokensUnavailable: unavailable
    })
  )
})

type NewToken = Parameters<Tokens["Service"]["create"]>[0]

export const OperationsHandlers = HttpApiBuilder.group(Api, "operations", (handlers) =>
  handlers.handleAll({
    tree,
    restart: act("restart"),
    stop: act("stop"),
    pause: act("pause"),
    resume: act("resume"),
    kill: act("kill"),
    tokens,
    createToken,
    revokeToken
  })
)
