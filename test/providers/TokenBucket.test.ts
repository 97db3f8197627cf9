import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { add, full, levelAt, readyAt, resize, set } from "../../src/providers/TokenBucket.ts"

describe("TokenBucket", () => {
  it("refills continuously, and never beyond what it holds", () => {
    const empty = set(full(60, 0), 0, 0)
    assert.deepStrictEqual(
      [0, 500, 1_000, 30_000, 60_000, 600_000].map((now) => levelAt(empty, now)),
      [0, 0.5, 1, 30, 60, 60]
    )
  })

  it("says when there will be enough, to the millisecond", () => {
    const empty = set(full(60, 0), 0, 0)
    assert.strictEqual(readyAt(empty, 3, 1_000), 3_000)
    assert.strictEqual(readyAt(empty, 3, 5_000), 5_000)
  })

  it("makes whoever comes next wait until an overdraft is paid back", () => {
    const overdrawn = add(full(60, 0), -90, 0)
    assert.strictEqual(readyAt(overdrawn, 1, 0), 31_000)
  })

  it("loses what does not fit, and what it holds beyond a smaller size", () => {
    assert.strictEqual(levelAt(add(full(60, 0), 10, 0), 0), 60)
    assert.strictEqual(levelAt(resize(full(60, 0), 20, 0), 0), 20)
  })

  it("gains nothing from a clock that is set back", () => {
    const later = add(full(60, 60_000), -60, 60_000)
    assert.strictEqual(levelAt(later, 0), 0)
    assert.strictEqual(levelAt(add(later, 0, 0), 61_000), 1)
  })

  const upTo = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

  it.prop(
    "holds what it says at the moment it says, and not a millisecond before",
    [upTo(1, 1_000_000), upTo(0, 2_000_000), upTo(0, 1_000_000_000)],
    ([capacity, taken, start]) => {
      const bucket = add(full(capacity, start), -taken, start)
      const amount = Math.max(1, Math.floor(capacity / 3))
      const at = readyAt(bucket, amount, start)
      assert.isAtLeast(levelAt(bucket, at) + capacity / 1e7, amount)
      if (at > start) assert.isBelow(levelAt(bucket, at - 1), amount)
    },
    { arbitrary: { runs: 500 } }
  )
})
