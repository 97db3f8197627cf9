import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import type { Amount, Limits } from "../../src/tenants/Budget.ts"
import { type Reservation, Spending } from "../../src/tenants/Spending.ts"
import { accepted, session } from "../contracts/SessionStoreEvents.ts"
import { used } from "../contracts/SessionUsageContract.ts"

const roomy: Limits = { tokensPerDay: 100, costPerDayUsd: 1 }

const within = <A, E>(body: Effect.Effect<A, E, Spending | SessionStore>, limits = roomy) =>
  Effect.provide(body, Spending.layerOf(limits).pipe(Layer.provideMerge(Layer.fresh(SessionStore.layerMemory))))

const reserve = (amount: Amount) => Spending.use((spending) => spending.reserve(amount))
const left = Spending.use((spending) => Effect.map(spending.today, ({ tokens }) => tokens.left))
/** Lets everybody who waits look again. */
const settled = Effect.repeat(Effect.yieldNow, { times: 50 })
const nothing = () => ({ tokens: 0 })

describe("Spending", () => {
  it.effect(
    "lets calls that run at once reserve no more than the limit together; the others wait for what is left",
    () =>
      within(
        Effect.gen(function* () {
          const { settle } = yield* Spending
          const running: Array<Reservation> = []
          const calls = yield* Effect.forEach(Array.from({ length: 10 }).keys(), () =>
            Effect.forkChild(
              Effect.result(Effect.map(reserve({ tokens: 30 }), (reservation) => running.push(reservation))),
              { startImmediately: true }
            )
          )
          assert.deepStrictEqual([running.length, yield* left], [3, 10])
          for (let index = 0; index < running.length; index++) {
            yield* settle(running[index] as Reservation, { tokens: 15 })
            yield* settled
            assert.isAtMost(running.length - index - 1, 3)
          }
          const results = yield* Effect.forEach(calls, Fiber.join)
          const refused = results.filter((result) => result._tag === "Failure")
          assert.deepStrictEqual([running.length, refused.length, yield* left], [5, 5, 25])
          assert.deepInclude(
            { ...refused[0]?.failure },
            { limit: "tokensPerDay", allowed: 100, used: 75, reserved: 0, asked: 30 }
          )
          assert.include(refused[0]?.failure.message ?? "", "it begins anew at 00:00 UTC (1970-01-02)")
        })
      )
  )

  it.effect("does not wait for what could not be had even if others took nothing", () =>
    within(
      Effect.gen(function* () {
        yield* reserve({ tokens: 90 })
        const refused = yield* Effect.flip(reserve({ tokens: 101 }))
        assert.strictEqual(refused.reserved, 90)
      })
    )
  )

  it.effect("lets a call be given up while it waits, and keeps nothing of it", () =>
    within(
      Effect.gen(function* () {
        const { settle, spend } = yield* Spending
        const first = yield* reserve({ tokens: 90 })
        const call = spend({ tokens: 30 }, Effect.die("was called"), nothing)
        const fiber = yield* Effect.forkChild(call, { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* settle(first, { tokens: 10 })
        assert.strictEqual(yield* left, 90)
      })
    )
  )

  it.effect("gives back what was reserved and not taken, and settles a reservation once", () =>
    within(
      Effect.gen(function* () {
        const { settle, today } = yield* Spending
        const reservation = yield* reserve({ tokens: 80, cost: 0.5 })
        yield* settle(reservation, { tokens: 20, cost: 0.25 })
        yield* settle(reservation, { tokens: 80, cost: 0.5 })
        assert.deepStrictEqual(yield* today, {
          day: (yield* today).day,
          tokens: { used: 20, reserved: 0, limit: 100, left: 80 },
          costUsd: { used: 0.25, reserved: 0, limit: 1, left: 0.75 }
        })
      })
    )
  )

  it.effect("settles what a call took, whether it ends well, fails or is interrupted", () =>
    within(
      Effect.gen(function* () {
        const { spend } = yield* Spending
        const most = { tokens: 60 }
        const taken = (exit: Exit.Exit<number, string>) => ({ tokens: Exit.isSuccess(exit) ? exit.value : 5 })
        assert.strictEqual(yield* spend(most, Effect.succeed(10), taken), 10)
        assert.strictEqual(yield* left, 90)
        assert.strictEqual(yield* Effect.flip(spend(most, Effect.fail("no"), taken)), "no")
        assert.strictEqual(yield* left, 85)
        const begun = yield* Deferred.make<void>()
        const call = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
        const fiber = yield* Effect.forkChild(spend(most, call, taken))
        yield* Deferred.await(begun)
        assert.strictEqual(yield* left, 25)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* left, 80)
      })
    )
  )

  it.effect("does not begin a call that the limit does not allow", () =>
    within(
      Effect.gen(function* () {
        const { spend } = yield* Spending
        const refused = yield* Effect.flip(spend({ tokens: 101 }, Effect.die("was called"), nothing))
        assert.strictEqual(refused._tag, "SpendLimitReached")
        assert.strictEqual(yield* left, 100)
      })
    )
  )

  it.effect("begins anew at midnight in UTC, and counts a call on the day on which it is settled", () =>
    within(
      Effect.gen(function* () {
        const { settle, today } = yield* Spending
        yield* TestClock.setTime(Date.parse("2026-01-31T23:59:59.999Z"))
        yield* settle(yield* reserve({ tokens: 50 }), { tokens: 50 })
        const late = yield* reserve({ tokens: 50 })
        assert.strictEqual(yield* left, 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* left, 50)
        yield* settle(late, { tokens: 30 })
        const { day, tokens } = yield* today
        assert.deepStrictEqual([day as string, tokens.used, tokens.left], ["2026-02-01", 30, 70])
      })
    )
  )

  it.effect("goes on after a restart from what the store has of the day, and of no other", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.append(session("a"), 0, [accepted("t"), used("t", "x/m", 20, 0.5)])
      yield* TestClock.adjust("1 day")
      yield* store.append(session("a"), 2, [used("t", "x/m", 10, 0.25)])
      const { costUsd, tokens } = yield* Spending.use((spending) => spending.today).pipe(
        Effect.provide(Spending.layerOf(roomy))
      )
      assert.deepStrictEqual([tokens.used, costUsd.used], [20, 0.25])
    }).pipe(Effect.provide(Layer.fresh(SessionStore.layerMemory)))
  )

  it.effect("allows no call with a limit of 0", () =>
    Effect.gen(function* () {
      const refused = yield* within(Effect.flip(reserve({ tokens: 0 })), { tokensPerDay: 0, costPerDayUsd: 20 })
      assert.strictEqual(
        refused.message,
        "a daily limit of 0 tokens allows no model calls: raise limits.tokensPerDay in tenant.yaml"
      )
    })
  )
})
