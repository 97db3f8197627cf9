import { assert, describe, it } from "@effect/vitest"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { Tally } from "../../src/domain/TurnUsage.ts"
import { total, unpricedAmong } from "../../src/domain/Usage.ts"
import { called, ended, said, session } from "../contracts/SessionStoreEvents.ts"
import { noted, used } from "../contracts/SessionUsageContract.ts"

const tallyOf = (events: ReadonlyArray<NewSessionEvent>) => {
  const tally = new Tally()
  events.forEach((event, index) => tally.take({ ...event, seq: index + 1, at: `2026-01-01T00:00:0${index}.000Z` }))
  return tally
}

describe("TurnUsage", () => {
  it("adds up each turn, replies and notes alike, and names who replied", () => {
    const { models, turns } = tallyOf([
      said("t", "Hi"),
      used("t", "x/m", 10, 0.5),
      used("t", "x/n", 20),
      ended("t"),
      noted("u", "x/m", 5, 0.25),
      used("u", "x/m", 1, 0.25)
    ])
    assert.deepStrictEqual(
      turns.map(({ at, calls, costUsd, inputTokens, models, turn, unpricedCalls }) => ({
        turn,
        at: at.slice(17, 19),
        models,
        calls,
        inputTokens,
        costUsd,
        unpricedCalls
      })),
      [
        { turn: "t", at: "01", models: ["x/m", "x/n"], calls: 2, inputTokens: 30, costUsd: 0.5, unpricedCalls: 1 },
        { turn: "u", at: "04", models: ["x/m"], calls: 2, inputTokens: 6, costUsd: 0.5, unpricedCalls: 0 }
      ] as ReadonlyArray<unknown>
    )
    assert.deepStrictEqual(total(models), total(turns))
    assert.deepStrictEqual(unpricedAmong(models), ["x/n"])
  })

  it("takes a reply that does not say whose it is for that of the model that was called", () => {
    const replies = [called("t", 1), used("t", undefined, 10), ended("t"), used("u", "x/m", 1)]
    assert.deepStrictEqual(
      tallyOf([used("s", undefined, 1), ...replies]).models.map(({ model }) => model),
      ["unknown", "demo/demo", "x/m"]
    )
  })

  it("leaves out what the session took over from elsewhere", () => {
    const forked = { type: "SessionForked", from: session("b"), through: 1 } as const
    assert.deepStrictEqual(
      tallyOf([used("t", "x/m", 10), forked, used("u", "x/m", 1)]).turns.map(({ turn }) => turn as string),
      ["u"]
    )
    const imported = { type: "SessionImported", from: session("b") } as const
    assert.deepStrictEqual(tallyOf([used("t", "x/m", 10), imported]).models, [])
  })
})
