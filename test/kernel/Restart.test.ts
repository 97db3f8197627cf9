import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Decision, Ending, Restart, Situation } from "../../src/kernel/Restart.ts"
import { RestartTimes } from "../../src/kernel/RestartTimes.ts"
import { affected, decide, delay, intentAfter } from "../../src/kernel/Restart.ts"

const situation = (changes: Partial<Situation>): Situation => ({
  strategy: "one_for_one",
  restart: "permanent",
  ending: "failed",
  dynamic: false,
  parkExhausted: false,
  intensity: { restarts: 2, within: 1000 },
  earliest: undefined,
  now: 10_000,
  autoShutdown: "never",
  significant: false,
  significantLeft: false,
  ...changes
})

describe("Restart.decide", () => {
  const restarts = { _tag: "Restart", which: "one" } as const
  const stays = { _tag: "KeepStopped" } as const
  const table: ReadonlyArray<readonly [Restart, Ending, Decision]> = [
    ["permanent", "normal", restarts],
    ["permanent", "failed", restarts],
    ["permanent", "stopped", stays],
    ["transient", "normal", stays],
    ["transient", "failed", restarts],
    ["transient", "stopped", stays],
    ["temporary", "normal", stays],
    ["temporary", "failed", stays],
    ["temporary", "stopped", stays]
  ]
  it.each(table)("a %s child that ended %s gets its decision", (restart, ending, expected) => {
    assert.deepStrictEqual(decide(situation({ restart, ending })), expected)
    const removed = expected._tag === "KeepStopped" ? { _tag: "Remove" } : expected
    assert.deepStrictEqual(decide(situation({ restart, ending, dynamic: true })), removed)
  })

  it.each([
    ["one_for_one", "one"],
    ["one_for_all", "all"],
    ["rest_for_one", "rest"]
  ] as const)("%s restarts %s", (strategy, which) => {
    assert.deepStrictEqual(decide(situation({ strategy })), { _tag: "Restart", which })
  })

  const budget: ReadonlyArray<readonly [string, ReadonlyArray<number>, Decision["_tag"]]> = [
    ["the last allowed restart", [9_500], "Restart"],
    ["one too many", [9_200, 9_500], "GiveUp"],
    ["one too many, the oldest just inside the window", [9_000, 9_999], "GiveUp"],
    ["the oldest of the last two has left the window", [8_000, 8_999, 9_500], "Restart"],
    ["restarts that have left the window", [8_000, 8_999], "Restart"]
  ]
  it.each(budget)("counts restarts inside the window: %s", (_, earlier, tag) => {
    const times = new RestartTimes()
    for (const at of earlier) times.add(at, 2)
    const earliest = times.earliest(2)
    assert.strictEqual(decide(situation({ earliest }))._tag, tag)
    const parked = tag === "GiveUp" ? "Park" : tag
    assert.strictEqual(decide(situation({ earliest, parkExhausted: true }))._tag, parked)
  })

  const auto: ReadonlyArray<readonly [Partial<Situation>, Decision["_tag"]]> = [
    [{}, "KeepStopped"],
    [{ significant: true }, "KeepStopped"],
    [{ autoShutdown: "any_significant" }, "KeepStopped"],
    [{ autoShutdown: "any_significant", significant: true }, "ShutDown"],
    [{ autoShutdown: "any_significant", significant: true, dynamic: true }, "ShutDown"],
    [{ autoShutdown: "any_significant", significant: true, ending: "failed" }, "ShutDown"],
    [{ autoShutdown: "any_significant", significant: true, ending: "stopped" }, "KeepStopped"],
    [{ autoShutdown: "any_significant", significant: true, ending: "failed", restart: "transient" }, "Restart"],
    [{ autoShutdown: "all_significant", significant: true, significantLeft: true }, "KeepStopped"],
    [{ autoShutdown: "all_significant", significant: true, significantLeft: false }, "ShutDown"]
  ]
  it.each(auto)("shuts down with its significant children: %o", (changes, tag) => {
    assert.strictEqual(decide(situation({ restart: "temporary", ending: "normal", ...changes }))._tag, tag)
  })

  it("gives up at the first failure when no restart is allowed", () => {
    assert.strictEqual(decide(situation({ intensity: { restarts: 0, within: 1000 } }))._tag, "GiveUp")
  })

  it.prop(
    "never allows more restarts inside a window than the intensity says",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 }))), Schema.Literals([0, 1, 2, 5])],
    ([gaps, allowed]) => {
      const intensity = { restarts: allowed, within: 1000 }
      const allowedAt: Array<number> = []
      const restarts = new RestartTimes()
      let now = 0
      for (const gap of gaps) {
        now += gap
        const decision = decide(situation({ intensity, earliest: restarts.earliest(allowed), now }))
        if (decision._tag !== "Restart") continue
        restarts.add(now, allowed)
        allowedAt.push(now)
      }
      return allowedAt.every((end) => allowedAt.filter((at) => at <= end && end - at <= 1000).length <= allowed)
    }
  )
})

describe("Restart.affected", () => {
  const children = ["a", "b", "c"]
  it.each([
    ["one", ["b"]],
    ["all", ["a", "b", "c"]],
    ["rest", ["b", "c"]]
  ] as const)("%s takes along %j", (which, expected) => {
    assert.deepStrictEqual(affected(which, children, "b"), [...expected])
  })
})

describe("Restart.intentAfter", () => {
  it.each([
    ["up", "permanent", "up"],
    ["up", "temporary", "finished"],
    ["finished", "transient", "up"],
    ["finished", "temporary", "finished"],
    ["paused", "permanent", "paused"],
    ["parked", "permanent", "parked"],
    ["stopped", "transient", "stopped"]
  ] as const)("a child that was %s and is %s is then %s", (intent, restart, expected) => {
    assert.strictEqual(intentAfter(intent, restart), expected)
  })
})

describe("Restart.delay", () => {
  const backoff = { base: 100, cap: 1000 }
  const steps = [
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1000],
    [60, 1000]
  ] as const
  it.each(steps)("doubles up to the cap: attempt %i", (attempt, step) => {
    assert.strictEqual(delay(backoff, attempt, 0), step / 2)
    assert.isBelow(delay(backoff, attempt, 0.999), step)
  })
})
