/** Answers about what models were used for. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { type Day, dayOf, daysAfter } from "../domain/Day.ts"
import type { SessionId } from "../domain/Ids.ts"
import { Tally } from "../domain/TurnUsage.ts"
import { type Dimension, gathered, total, unpricedAmong } from "../domain/Usage.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { inTenant } from "./Access.ts"
import { Api } from "./Api.ts"
import { BadRequest, unavailable } from "./Problems.ts"
import { find } from "./SessionPages.ts"

/** How many days are shown where nobody says. */
const usualDays = 30

interface Asked {
  readonly from?: Day
  readonly to?: Day
  readonly by?: ReadonlyArray<Dimension>
}

const ofTenant = Effect.fnUntraced(function* ({ by = ["day"], ...asked }: Asked) {
  const to = asked.to ?? dayOf(yield* Clock.currentTimeMillis)
  const from = asked.from ?? daysAfter(to, 1 - usualDays)
  if (from > to)
    return yield* new BadRequest({ detail: `${from} is after ${to}: \`from\` may not be later than \`to\`` })
  const byModel = by.includes("model") ? by : [...by, "model" as const]
  const store = yield* SessionStore
  const shares = yield* Effect.mapError(store.usage({ from, to, by: byModel }), unavailable)
  return { from, to, usage: gathered(shares, by), total: total(shares), unpriced: unpricedAmong(shares) }
})

/** The most events that are read at once, in which no other fiber gets on: some 3 ms. */
const page = 250

const ofSession = Effect.fnUntraced(function* (session: SessionId) {
  yield* find(session)
  const store = yield* SessionStore
  const tally = new Tally()
  for (let after = 0; ; ) {
    const events = yield* Effect.mapError(store.read(session, { after, limit: page }), unavailable)
    for (const event of events) tally.take(event)
    after += events.length
    if (events.length < page) break
    yield* Effect.yieldNow
  }
  return { turns: tally.turns, total: total(tally.models), unpriced: unpricedAmong(tally.models) }
})

export const UsageHandlers = HttpApiBuilder.group(Api, "usage", (handlers) =>
  handlers.handleAll({
    tenant: ({ params, query }) => inTenant(params.tenant, "viewer", ofTenant(query)),
    session: ({ params }) => inTenant(params.tenant, "viewer", ofSession(params.session))
  })
)
