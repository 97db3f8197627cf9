import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as CallIds from "../../../src/providers/anthropic/CallIds.ts"

const Id = Schema.Literals(["call_0", "call:0", "call_0_2", "call_0_3", "toolu_1", "é"])

describe("CallIds", () => {
  it.prop("are never twice the same, always well formed, and those of the results", [Schema.Array(Id)], ([given]) => {
    const ids = CallIds.make()
    const called = given.map((id) => {
      const fit = ids.called(id)
      assert.strictEqual(ids.answered(id), fit)
      assert.match(fit, /^[A-Za-z0-9_-]+$/)
      return fit
    })
    assert.lengthOf(new Set(called), given.length)
  })

  it("leaves ids alone that are fine", () => {
    const ids = CallIds.make()
    assert.deepStrictEqual(["toolu_1", "call_2"].map(ids.called), ["toolu_1", "call_2"])
  })
})
