import { assert, describe, it } from "@effect/vitest"
import { costOf, free, mostOf, type Price } from "../../src/providers/Pricing.ts"

const price: Price = { input: 4, output: 20, cacheRead: 0.2, cacheWrite: 5, cacheWriteHour: 8 }

const usageOf = (total: number, output: number, cacheRead = 0, cacheWrite = 0) => ({
  inputTokens: { uncached: total - cacheRead - cacheWrite, total, cacheRead, cacheWrite },
  outputTokens: { total: output, text: output, reasoning: 0 }
})

const million = 1_000_000

const costIn = (tiered: Price, usage: ReturnType<typeof usageOf>) => (costOf(tiered, { usage }) ?? Number.NaN) * million

describe("Pricing", () => {
  it("prices what is plain, read from a cache, written to it for minutes and for an hour, and said, each by itself", () => {
    assert.strictEqual(costOf(price, { usage: usageOf(million, 0) }), 4)
    assert.strictEqual(costOf(price, { usage: usageOf(0, million) }), 20)
    assert.strictEqual(costOf(price, { usage: usageOf(million, 0, million) }), 0.2)
    assert.strictEqual(costOf(price, { usage: usageOf(million, 0, 0, million) }), 5)
    assert.strictEqual(costOf(price, { usage: usageOf(million, 0, 0, million), cacheWriteHour: million }), 8)
    const mixed = { usage: usageOf(4 * million, million, million, 2 * million), cacheWriteHour: million }
    assert.strictEqual(costOf(price, mixed), 4 + 0.2 + 5 + 8 + 20)
  })

  it("takes a cache that is not priced apart for plain input, and tells no cost of what is not counted unless it is free", () => {
    const bare: Price = { input: 1, output: 2 }
    assert.strictEqual(costOf(bare, { usage: usageOf(million, 0, million / 2, million / 2) }), 1)
    const uncounted = { uncached: undefined, total: undefined, cacheRead: undefined, cacheWrite: undefined }
    const silent = { inputTokens: uncounted, outputTokens: { total: undefined, text: undefined, reasoning: undefined } }
    assert.isUndefined(costOf(bare, { usage: silent }))
    assert.isUndefined(costOf({ input: 0, output: 2 }, { usage: silent }))
    assert.strictEqual(costOf(free, { usage: silent }), 0)
  })

  it("prices all of a call by its long rates once its input, cache and all, is over their limit", () => {
    const tiered: Price = { input: 1, output: 1, cacheRead: 0, long: { over: 100, input: 5, output: 7, cacheRead: 2 } }
    assert.strictEqual(costIn(tiered, usageOf(100, 10, 50)), 60)
    assert.closeTo(costIn(tiered, usageOf(101, 10, 50)), 51 * 5 + 50 * 2 + 70, 1e-9)
  })

  it("never prices a call higher than the most it may cost", () => {
    const most = mostOf(price, { input: 1000, output: 100 })
    for (const [cacheRead, cacheWrite] of [
      [0, 0],
      [1000, 0],
      [0, 1000],
      [300, 300]
    ] as const) {
      const usage = usageOf(1000, 100, cacheRead, cacheWrite)
      assert.isAtMost(costOf(price, { usage, cacheWriteHour: cacheWrite }) ?? Number.NaN, most)
    }
  })
})
