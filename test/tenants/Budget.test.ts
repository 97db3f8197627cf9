import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Day } from "../../src/domain/Day.ts"
import {
  type Amount,
  at,
  begun,
  type Budget,
  type Limits,
  refusal,
  reserve,
  sentence,
  settle
} from "../../src/tenants/Budget.ts"

const limits: Limits = { tokensPerDay: 100, costPerDayUsd: 1 }
const day = Day.make("2026-01-31")
const start = (tokens = 0, cost = 0) => begun(day, { tokens, cost })

/** Which limit refuses the amount, if any. */
const refused = (budget: Budget, amount: Amount, of = limits) => refusal(of, budget, amount)?.limit

const drawn = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 }))

describe("Budget", () => {
  it("allows a limit to be reached and not to be passed, by tokens and by money", () => {
    assert.isUndefined(refused(start(), { tokens: 100, cost: 1 }))
    assert.strictEqual(refused(start(), { tokens: 101, cost: 0 }), "tokensPerDay")
    assert.strictEqual(refused(start(), { tokens: 1, cost: 1.01 }), "costPerDayUsd")
    assert.strictEqual(refused(start(99), { tokens: 2 }), "tokensPerDay")
    assert.strictEqual(refused(start(0, 0.5), { tokens: 1, cost: 0.51 }), "costPerDayUsd")
  })

  it("refuses what it does not know the price of once the money is gone, and goes on with what costs nothing", () => {
    assert.isUndefined(refused(start(0, 0.99), { tokens: 1 }))
    assert.strictEqual(refused(start(0, 1), { tokens: 1 }), "costPerDayUsd")
    assert.isUndefined(refused(start(0, 1), { tokens: 1, cost: 0 }))
  })

  it("allows no call at all where a limit is 0", () => {
    assert.strictEqual(refused(start(), { tokens: 0, cost: 0 }, { ...limits, tokensPerDay: 0 }), "tokensPerDay")
    assert.strictEqual(refused(start(), { tokens: 1, cost: 0 }, { ...limits, costPerDayUsd: 0 }), "costPerDayUsd")
  })

  it("counts what is reserved until it is settled, and then what was taken", () => {
    const amount = { tokens: 60, cost: 0.6 }
    const one = reserve(start(), amount)
    assert.strictEqual(refused(one, { tokens: 41 }), "tokensPerDay")
    assert.strictEqual(refused(one, { tokens: 1, cost: 0.41 }), "costPerDayUsd")
    const settled = settle(one, amount, { tokens: 10, cost: 0.25 })
    assert.deepStrictEqual(settled.used, { tokens: 10, cost: 0.25 })
    assert.deepStrictEqual(settled.reserved, { tokens: 0, cost: 0 })
  })

  it("begins the next day with nothing used, and with what is still reserved", () => {
    const budget = reserve(start(90, 0.9), { tokens: 10 })
    assert.strictEqual(at(budget, Date.parse("2026-01-31T23:59:59.999Z")), budget)
    assert.deepStrictEqual(at(budget, Date.parse("2026-02-01T00:00:00.000Z")), {
      day: Day.make("2026-02-01"),
      used: { tokens: 0, cost: 0 },
      reserved: { tokens: 10, cost: 0 }
    })
  })

  it.prop(
    "is never passed by calls that take no more than they reserved, in whatever order they are settled",
    [Schema.Array(Schema.Struct({ most: drawn, taken: drawn, settles: Schema.Boolean }))],
    ([calls]) => {
      let budget = start()
      const open: Array<{ readonly most: number; readonly taken: number }> = []
      for (const { most, settles, taken } of calls) {
        if (refused(budget, { tokens: most }) === undefined) {
          budget = reserve(budget, { tokens: most })
          open.push({ most, taken: Math.min(most, taken) })
        }
        const first = settles ? open.shift() : undefined
        if (first !== undefined) budget = settle(budget, { tokens: first.most }, { tokens: first.taken })
        assert.isAtMost(budget.used.tokens + budget.reserved.tokens, limits.tokensPerDay)
      }
      for (const { most, taken } of open) budget = settle(budget, { tokens: most }, { tokens: taken })
      assert.strictEqual(budget.reserved.tokens, 0)
      assert.isAtMost(budget.used.tokens, limits.tokensPerDay)
    }
  )

  it("says which limit is reached, by how much, when it begins anew and what to do", () => {
    const tokens = { limit: "tokensPerDay", allowed: 5_000_000, used: 4_999_000, reserved: 500, asked: 2_000 } as const
    assert.strictEqual(
      sentence(tokens, "2026-02-01"),
      "the daily limit of 5,000,000 tokens does not allow a call that may take 2,000: 4,999,000 used, 500 reserved by " +
        "calls under way; it begins anew at 00:00 UTC (2026-02-01): wait until then, or raise limits.tokensPerDay in " +
        "tenant.yaml"
    )
    const money = { limit: "costPerDayUsd", allowed: 20, used: 20.00004, reserved: 0 } as const
    assert.strictEqual(
      sentence(money, "2026-02-01"),
      "the daily limit of 20 US dollars is reached: 20 used; it begins anew at 00:00 UTC (2026-02-01): wait until then, " +
        "or raise limits.costPerDayUsd in tenant.yaml"
    )
    assert.strictEqual(
      sentence({ limit: "costPerDayUsd", allowed: 0, used: 0, reserved: 0 }, "2026-02-01"),
      "a daily limit of 0 US dollars allows no model calls: raise limits.costPerDayUsd in tenant.yaml"
    )
  })
})
