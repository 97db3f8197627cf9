/** Asks everybody who would know whether the service can do its work: the drain, the loop, tenants and stores. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Drain } from "../kernel/Drain.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { EventLoop } from "../telemetry/EventLoop.ts"
import { sentence } from "../telemetry/Hold.ts"
import { Readiness } from "../telemetry/Readiness.ts"
import { Tenants, type TenantStatus } from "../tenants/Tenants.ts"

/** A person notices an answer that is a second late (Nielsen, "Response Times: The 3 Important Limits", 1993). */
const longestDelay = 1000

export const layer = Layer.effect(
  Readiness,
  Effect.gen(function* () {
    const drain = yield* Drain
    const tenants = yield* Tenants
    const loop = yield* EventLoop

    const tenantReasons = ({ id }: TenantStatus) =>
      tenants.services(id).pipe(
        Effect.flatMap((services) =>
          Effect.provideContext(
            SessionStore.use((store) => store.count),
            services
          )
        ),
        Effect.as<ReadonlyArray<string>>([]),
        Effect.catchTags({
          StoreUnavailable: ({ message }) => Effect.succeed([`tenant ${id}: ${message}`]),
          TenantUnknown: ({ message }) => Effect.succeed([message]),
          TenantUnavailable: ({ message }) => Effect.succeed([message])
        })
      )

    const reasons = Effect.gen(function* () {
      const hold = loop.longest()
      const own = [
        ...(drain.refusing() ? ["the service is stopping"] : []),
        ...(hold.millis > longestDelay ? [sentence(hold)] : [])
      ]
      const theirs = yield* Effect.forEach(yield* tenants.all, tenantReasons)
      return [...own, ...theirs.flat()]
    })
    return Readiness.of({ reasons })
  })
)
