/** A tenant's providers as people see them: which keys are left alone with which models, and which calls wait for room. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isoTime } from "../kernel/Tree.ts"
import type { WaitingCall } from "../providers/CallGate.ts"
import type { CircuitHealth, Provider } from "../providers/Provider.ts"
import { ProviderFault } from "../providers/ProviderError.ts"
import { Providers } from "../providers/Providers.ts"

/** How one of a provider's keys gets along with a model that it was asked for. */
const HealthView = Schema.Struct({
  /** The place of the key among the provider's, never the key: `key 1`. */
  key: Schema.String,
  model: Schema.String,
  state: Schema.Literals(["closed", "open", "half-open"]),
  until: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(ProviderFault)
}).annotate({ identifier: "ProviderHealth" })

const WaitingView = Schema.Struct({
  session: Schema.String,
  since: Schema.String,
  until: Schema.String,
  reason: Schema.Literals(["requests", "inputTokens", "outputTokens", "pause", "queue"])
}).annotate({ identifier: "WaitingCall" })

/** A key that its vendor wants to be left alone with until then. */
const PausedView = Schema.Struct({ key: Schema.String, until: Schema.String }).annotate({ identifier: "PausedKey" })

export const ProviderView = Schema.Struct({
  name: Schema.String,
  health: Schema.Array(HealthView),
  paused: Schema.Array(PausedView),
  waiting: Schema.Array(WaitingView)
}).annotate({ identifier: "Provider" })
export type ProviderView = typeof ProviderView.Type

/** All of a tenant's, in the order of its file. */
export const providerViews = Effect.flatMap(Providers, ({ all }) => Effect.forEach(all, viewOf))

const none = Effect.succeed([])

const viewOf = Effect.fnUntraced(function* ({
  health = none,
  name,
  paused = none,
  waiting = none
}: Provider["Service"]) {
  const view: ProviderView = {
    name,
    health: (yield* health).map(healthView),
    paused: (yield* paused).map(({ key, until }) => ({ key, until: isoTime(until) })),
    waiting: (yield* waiting).map(waitingView)
  }
  return view
})

const healthView = ({ until, ...health }: CircuitHealth): typeof HealthView.Type => ({
  ...health,
  ...(until !== undefined && { until: isoTime(until) })
})

const waitingView = ({ since, until, ...call }: WaitingCall): typeof WaitingView.Type => ({
  ...call,
  since: isoTime(since),
  until: isoTime(until)
})
