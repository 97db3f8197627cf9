import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { Day } from "../../src/domain/Day.ts"
import { AgentId, SessionId } from "../../src/domain/Ids.ts"
import { Dimension, Dimensions, gathered, none, plus, total, unpricedAmong } from "../../src/domain/Usage.ts"

const counts = { ...none, calls: 1, inputTokens: 10, outputTokens: 5, costUsd: 0.5 }

const drawn = {
  day: Schema.Literals(["2026-01-01", "2026-01-02"]),
  agent: Schema.Literals(["a", "b"]),
  session: Schema.Literals(["s", "t"]),
  model: Schema.Literals(["x/m", "x/n"]),
  tokens: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
}

describe("Usage", () => {
  it.prop(
    "comes to the same total, however it is told apart",
    [Schema.Array(Schema.Struct(drawn)), Schema.Array(Dimension).check(Schema.isUnique())],
    ([draws, by]) => {
      const shares = draws.map(({ agent, day, model, session, tokens }) => ({
        ...{ day: Day.make(day), agent: AgentId.make(agent), session: SessionId.make(session), model },
        ...{ ...none, calls: 1, inputTokens: tokens + 0 }
      }))
      assert.deepStrictEqual(total(gathered(shares, by)), total(shares))
      assert.deepStrictEqual(gathered(gathered(shares, ["day", "model"]), ["model"]), gathered(shares, ["model"]))
    }
  )

  it("is told apart by what was asked for, in that order", () => {
    const names = { day: Day.make("2026-01-02"), agent: AgentId.make("a") }
    const earlier = { day: Day.make("2026-01-01"), agent: AgentId.make("b") }
    const shares = [
      { ...names, ...counts },
      { ...earlier, ...counts },
      { ...names, ...counts }
    ]
    assert.deepStrictEqual(gathered(shares, ["day"]), [
      { day: earlier.day, ...counts },
      { day: names.day, ...plus(counts, counts) }
    ])
    assert.deepStrictEqual(
      gathered(shares, ["agent", "day"]).map(({ agent }) => String(agent)),
      ["a", "b"]
    )
    assert.deepStrictEqual(gathered(shares, []), [total(shares)])
    assert.deepStrictEqual(gathered([], ["day"]), [])
  })

  it("names the models of which no price is known, once each", () => {
    const of = (model: string, unpricedCalls: number) => ({ ...counts, model, unpricedCalls })
    assert.deepStrictEqual(unpricedAmong([of("x/n", 1), of("x/m", 2), of("x/n", 1), of("x/o", 0)]), ["x/m", "x/n"])
  })

  it("is asked for by names with commas, each once", () => {
    const decode = Schema.decodeOption(Dimensions)
    assert.deepStrictEqual(decode("agent,model"), Option.some(["agent", "model"] as const))
    assert.strictEqual(Schema.encodeSync(Dimensions)(["day", "session"]), "day,session")
    for (const text of ["", "day,", "tenant", "day,day"]) assert.isTrue(Option.isNone(decode(text)), text)
  })
})
