/**
 * What a tenant may use in a day: tokens and money (`limits.tokensPerDay`, `limits.costPerDayUsd`).
 *
 * A call reserves the most it may take before it is made, so that calls which run at once cannot overrun a limit together,
 * and settles what it took; near a limit they go one after the other. Days are those of UTC; what was used of today before
 * this start is read from the store. A call whose price is not known counts for its tokens only. A limit of 0 allows no
 * call.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type Day, dayOf, daysAfter } from "../domain/Day.ts"
import { none } from "../domain/Usage.ts"
import { SessionStore, type StoreUnavailable } from "../sessions/SessionStore.ts"
import * as Budget from "./Budget.ts"
import { Tenant } from "./Tenant.ts"

/** A limit of the tenant's day does not allow the call. */
export class SpendLimitReached extends Schema.TaggedError<SpendLimitReached>()("SpendLimitReached", {
  limit: Schema.Literals(["tokensPerDay", "costPerDayUsd"]),
  allowed: Schema.Finite,
  used: Schema.Finite,
  reserved: Schema.Finite,
  /** What the call may take; absent where its price is not known. */
  asked: Schema.optionalKey(Schema.Finite),
  /** The day after, as which the limit begins anew. */
  anew: Schema.String
}) {
  override get message() {
    return Budget.sentence(this, this.anew)
  }
}

/** What is set aside for a call that is under way; settled once, whatever is said later. */
export interface Reservation {
  readonly amount: Budget.Amount
}

/** One limit as the day stands. `left` is what calls may still reserve, never less than nothing. */
export interface Standing {
  readonly used: number
  readonly reserved: number
  readonly limit: number
  readonly left: number
}

export interface Today {
  readonly day: Day
  readonly tokens: Standing
  readonly costUsd: Standing
}

export class Spending extends Context.Service<
  Spending,
  {
    /**
     * Sets `amount` aside, the most a call may take; it is given back by `settle` only. Waits while it is only what others
     * have reserved, and may not need, that stands in the way.
     */
    reserve(amount: Budget.Amount): Effect.Effect<Reservation, SpendLimitReached>
    /** The call is over and took this. */
    settle(reservation: Reservation, taken: Budget.Amount): Effect.Effect<void>
    /** Makes a call that takes `most` at most; `taken` says, however it ends, what it took. */
    spend<A, E, R>(
      most: Budget.Amount,
      call: Effect.Effect<A, E, R>,
      taken: (exit: Exit.Exit<A, E>) => Budget.Amount
    ): Effect.Effect<A, E | SpendLimitReached, R>
    readonly today: Effect.Effect<Today>
  }
>()("fiberclaw/tenants/Spending") {
  /** Within these limits. */
  static readonly layerOf = (limits: Budget.Limits): Layer.Layer<Spending, StoreUnavailable, SessionStore> =>
    Layer.effect(Spending, make(limits))

  /** Within the limits of the tenant. */
  static readonly layer: Layer.Layer<Spending, StoreUnavailable, SessionStore | Tenant> = Layer.unwrap(
    Effect.map(Tenant, ({ definition }) => Spending.layerOf(definition.config.limits))
  )
}

const make = Effect.fnUntraced(function* (limits: Budget.Limits) {
  const store = yield* SessionStore
  const day = dayOf(yield* Clock.currentTimeMillis)
  const [soFar = none] = yield* store.usage({ from: day, to: day, by: [] })
  const { costUsd: cost, inputTokens, outputTokens } = soFar
  return keep(limits, Budget.begun(day, { tokens: inputTokens + outputTokens, cost }))
})

const keep = (limits: Budget.Limits, begun: Budget.Budget) => {
  let budget = begun
  const open = new Set<Reservation>()
  /** Done when the next call is settled, so that whoever waits looks again. */
  let settled = Deferred.makeUnsafe<void>()

  /** In one step, so that nobody else reserves in between. */
  const today = <A>(step: () => A) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      budget = Budget.at(budget, now)
      return step()
    })

  /** None when it has waited. */
  const attempt = (amount: Budget.Amount) =>
    today((): Effect.Effect<Reservation | undefined, SpendLimitReached> => {
      const refusal = Budget.refusal(limits, budget, amount)
      if (refusal !== undefined) {
        if (Budget.mayPass(limits, budget, amount)) return waiting(settled)
        return new SpendLimitReached({ ...refusal, anew: daysAfter(budget.day, 1) })
      }
      const reservation: Reservation = { amount }
      budget = Budget.reserve(budget, amount)
      open.add(reservation)
      return Effect.succeed(reservation)
    })

  const reserve = Effect.fn("Spending.reserve")(function* (amount: Budget.Amount) {
    let reservation = yield* Effect.flatten(attempt(amount))
    while (reservation === undefined) reservation = yield* Effect.flatten(attempt(amount))
    return reservation
  })

  const settle = (reservation: Reservation, taken: Budget.Amount) =>
    today(() => {
      if (!open.delete(reservation)) return
      budget = Budget.settle(budget, reservation.amount, taken)
      Deferred.doneUnsafe(settled, Exit.void)
      settled = Deferred.makeUnsafe()
    })

  return Spending.of({
    reserve,
    settle,
    spend: (most, call, taken) =>
      Effect.acquireUseRelease(
        reserve(most),
        () => call,
        (reservation, exit) => settle(reservation, taken(exit))
      ),
    today: today(() => ({
      day: budget.day,
      tokens: standing(limits.tokensPerDay, budget.used.tokens, budget.reserved.tokens),
      costUsd: standing(limits.costPerDayUsd, budget.used.cost, budget.reserved.cost)
    }))
  })
}

/** Can be given up, although what follows it cannot. */
const waiting = (settled: Deferred.Deferred<void>) =>
  Effect.as(Effect.interruptible(Deferred.await(settled)), undefined)

const standing = (limit: number, used: number, reserved: number): Standing => ({
  used,
  reserved,
  limit,
  left: Math.max(0, limit - used - reserved)
})
