import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { placeIn, witness } from "../../src/telemetry/Witness.ts"

const asked = Effect.sync(witness)

describe("Witness", () => {
  it.effect("sees the fiber, its innermost span and its annotations", () =>
    Effect.gen(function* () {
      const inner = yield* asked.pipe(
        Effect.withSpan("Inner.work"),
        Effect.withSpan("Outer.work"),
        Effect.annotateLogs({ tenant: "default", session: "s" })
      )
      assert.strictEqual(inner.span, "Inner.work")
      assert.strictEqual(inner.fiber, yield* Effect.fiberId)
      assert.deepStrictEqual(inner.annotations, { tenant: "default", session: "s" })
      assert.isUndefined((yield* asked).span)
    })
  )

  it("sees that there is no fiber", () => {
    assert.isUndefined(witness().fiber)
  })

  const traces: ReadonlyArray<readonly [string, ReadonlyArray<string>, string | undefined]> = [
    ["below the question", ["answer (a.ts:1:2)", "<anonymous>:1:33", "busy (b.ts:3:4)", "c.ts:5:6"], "busy (b.ts:3:4)"],
    ["past Node.js", ["<anonymous>:1:33", "readSync (node:fs:1:2)", "busy (b.ts:3:4)"], "busy (b.ts:3:4)"],
    ["past JavaScript", ["<anonymous>:1:33", "RegExp.test (<anonymous>)", "busy (b.ts:3:4)"], "busy (b.ts:3:4)"],
    ["in Node.js alone", ["<anonymous>:1:33", "readSync (node:fs:1:2)", "node:internal/x:1"], "readSync (node:fs:1:2)"],
    ["nowhere", ["<anonymous>:1:33"], undefined]
  ]
  it.each(traces)("finds the place %s", (_, places, expected) => {
    assert.strictEqual(placeIn(["Error", ...places.map((place) => `    at ${place}`)].join("\n")), expected)
  })
})
