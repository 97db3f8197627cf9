import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  type Cost,
  dimensions,
  hear,
  initial,
  pause,
  type RateLimitState,
  reserve,
  roomFor,
  settle
} from "../../src/providers/RateLimitState.ts"
import { levelAt } from "../../src/providers/TokenBucket.ts"

const limits = { requestsPerMinute: 60, inputTokensPerMinute: 6_000, outputTokensPerMinute: 600 }
const cost = (inputTokens: number, outputTokens: number): Cost => ({ requests: 1, inputTokens, outputTokens })

const levels = (state: RateLimitState, now: number) =>
  dimensions.map((dimension) => {
    const bucket = state.allowances[dimension]?.bucket
    return bucket === undefined ? undefined : Math.round(levelAt(bucket, now))
  })

describe("RateLimitState", () => {
  it("waits for whichever limit has room last, and says which", () => {
    const { state } = reserve(initial(limits, 0), cost(6_000, 150), 0)
    assert.deepStrictEqual(roomFor(state, cost(100, 150), 0), { at: 1_000, obstacle: "inputTokens" })
    assert.deepStrictEqual(roomFor(state, cost(100, 150), 1_000), { at: 1_000 })
  })

  it("limits nothing that has no limit", () => {
    const { reservation, state } = reserve(initial({}, 0), cost(1e9, 1e9), 0)
    assert.deepStrictEqual(reservation, {})
    assert.deepStrictEqual(roomFor(state, cost(1e9, 1e9), 0), { at: 0 })
  })

  it("lets a call larger than a whole bucket through when the bucket is full", () => {
    const { state } = reserve(initial(limits, 0), cost(60, 1), 0)
    assert.deepStrictEqual(roomFor(state, cost(1_000_000, 1), 0), { at: 600, obstacle: "inputTokens" })
    assert.deepStrictEqual(roomFor(state, cost(1_000_000, 1), 600), { at: 600 })
  })

  it("lets two replies be under way, however long they may be", () => {
    const first = reserve(initial(limits, 0), cost(1, 100_000), 0)
    assert.deepStrictEqual(roomFor(first.state, cost(1, 100_000), 0), { at: 0 })
    const second = reserve(first.state, cost(1, 100_000), 0)
    assert.deepStrictEqual(roomFor(second.state, cost(1, 100_000), 0), { at: 30_000, obstacle: "outputTokens" })
  })

  it("gives back what was not used and takes what was used beyond it", () => {
    const { reservation, state } = reserve(initial(limits, 0), cost(1_000, 300), 0)
    assert.deepStrictEqual(levels(state, 0), [59, 5_000, 300])
    assert.deepStrictEqual(levels(settle(state, reservation, cost(200, 20), 0), 0), [59, 5_800, 580])
    assert.deepStrictEqual(levels(settle(state, reservation, cost(9_000, 700), 0), 0), [59, -3_000, -100])
  })

  it("believes the vendor only where it says less", () => {
    const { reservation, state } = reserve(initial(limits, 0), cost(1_000, 100), 0)
    const more = hear(state, reservation, { requests: { remaining: 99 }, inputTokens: { remaining: 5_500 } }, 0)
    assert.deepStrictEqual(levels(more.state, 0), [59, 5_000, 500])
    const less = hear(state, reservation, { requests: { remaining: 7 }, inputTokens: { remaining: 300 } }, 0)
    assert.deepStrictEqual(levels(less.state, 0), [7, 300, 500])
  })

  it("gives nothing back that the vendor has counted already", () => {
    const { reservation, state } = reserve(initial(limits, 0), cost(1_000, 100), 0)
    const told = { inputTokens: { remaining: 300 }, outputTokens: { remaining: 400 } }
    const heard = hear(state, reservation, told, 0)
    assert.deepStrictEqual(levels(heard.state, 0), [59, 300, 300])
    const settled = settle(heard.state, heard.reservation, cost(10, 25), 0)
    assert.deepStrictEqual(levels(settled, 0), [59, 300, 375])
  })

  it("obeys a lower limit of the vendor, and never a higher one than configured", () => {
    const told = (limit: number) => ({ requests: { limit } })
    const lower = hear(initial(limits, 0), {}, told(6), 0).state
    assert.deepStrictEqual(levels(lower, 0), [6, 6_000, 600])
    const higher = hear(lower, {}, told(1_000), 0).state
    assert.deepStrictEqual(levels(higher, 0), [6, 6_000, 600])
    assert.deepStrictEqual(levels(higher, 60_000), [60, 6_000, 600])
  })

  it("lets nothing through during a pause, and a shorter one does not end it", () => {
    const paused = pause(pause(initial({}, 0), 5_000), 1_000)
    assert.deepStrictEqual(roomFor(paused, cost(1, 1), 0), { at: 5_000, obstacle: "pause" })
    assert.deepStrictEqual(roomFor(paused, cost(1, 1), 5_000), { at: 5_000 })
  })

  const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
  const Step = Schema.Struct({ wait: upTo(20_000), input: upTo(12_000), output: upTo(1_200), used: upTo(100) })
  const most: Cost = { requests: 60, inputTokens: 6_000, outputTokens: 600 }

  it.prop(
    "grants, over any window, at most the limit for that time and one bucketful",
    [Schema.Array(Step).check(Schema.isMaxLength(60))],
    ([steps]) => {
      let state = initial(limits, 0)
      let now = 0
      const granted: Array<readonly [at: number, used: Cost]> = []
      for (const { input, output, used, wait } of steps) {
        now = roomFor(state, cost(input, output), now + wait).at
        const taken = reserve(state, cost(input, output), now)
        const { inputTokens = 0, outputTokens = 0 } = taken.reservation
        const truth = cost((inputTokens * used) / 100, (outputTokens * used) / 100)
        granted.push([now, truth])
        state = settle(taken.state, taken.reservation, truth, now)
      }
      for (const dimension of dimensions) {
        for (const [from, [begin]] of granted.entries()) {
          let sum = 0
          const beyond = granted.slice(from).find(([at, used]) => {
            sum += used[dimension]
            return sum > most[dimension] * (1 + (at - begin) / 60_000) + 0.001
          })
          assert.isUndefined(beyond, dimension)
        }
      }
    },
    { arbitrary: { runs: 200, size: 60 } }
  )
})
