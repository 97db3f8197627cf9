import { assert, describe, it } from "@effect/vitest"
import { estimate, type Limits, limitOf } from "../../src/sessions/Estimate.ts"
import { append, silence } from "../../src/sessions/History.ts"
import { empty, type SessionState } from "../../src/sessions/SessionLog.ts"

const limits: Limits = { window: 1_000, compactAt: 0.8, keepTurns: 4, maxTokens: 100, overhead: 0, counts: false }

/** A state whose history has so many characters. */
const sized = (size: number, more: Partial<SessionState> = {}): SessionState => ({
  ...empty,
  history: append(silence, 1, [{ role: "user", content: [{ type: "text", text: "x".repeat(size - 20) }] }]),
  ...more
})

describe("the limit", () => {
  it("is the agreed share of the window, or where there is no room for the reply", () => {
    assert.strictEqual(limitOf(limits), 800)
    assert.strictEqual(limitOf({ ...limits, maxTokens: 400 }), 600)
  })

  it("leaves some room for what is said, however long a reply may be", () =>
    assert.strictEqual(limitOf({ ...limits, maxTokens: 5_000 }), 250))
})

describe("an estimate", () => {
  it("goes by the characters while nothing was measured, and is unsure", () => {
    const { high, low, tokens } = estimate(sized(3_500), limits)
    assert.deepStrictEqual([Math.round(low), Math.round(tokens), Math.round(high)], [500, 1_000, 2_000])
  })

  it("counts instructions and tools", () =>
    assert.strictEqual(Math.round(estimate(sized(350), { ...limits, overhead: 350 }).tokens), 200))

  it("goes by what was measured, and is sure of it", () => {
    const { high, low, tokens } = estimate(sized(3_500, { measure: { tokens: 700, size: 3_500 } }), limits)
    assert.deepStrictEqual([low, tokens, high], [700, 700, 700])
  })

  it("reckons what came since at the rate it has learnt", () => {
    const { high, low, tokens } = estimate(sized(2_000, { measure: { tokens: 500, size: 1_000 } }), limits)
    assert.deepStrictEqual([low, tokens, high], [750, 1_000, 1_500])
  })

  it("does not believe a measure that no text can have", () =>
    assert.strictEqual(
      Math.round(estimate(sized(3_500, { measure: { tokens: 2, size: 3_500 } }), limits).tokens),
      1_000
    ))

  it("is at least the window when the model has refused it", () => {
    const turn = { overflowing: true } as NonNullable<SessionState["turn"]>
    const measure = { tokens: 200, size: 3_500 }
    assert.strictEqual(estimate(sized(3_500, { measure, turn }), limits).tokens, 1_000)
  })
})
