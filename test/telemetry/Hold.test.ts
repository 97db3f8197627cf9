import { assert, describe, it } from "@effect/vitest"
import { annotations, type Culprit, longer, mostSeen, none, sentence } from "../../src/telemetry/Hold.ts"

const culprit = (fields: Partial<Culprit>): Culprit => ({
  fiber: undefined,
  span: undefined,
  at: undefined,
  annotations: {},
  ...fields
})

describe("Hold", () => {
  const sentences: ReadonlyArray<readonly [number, Culprit | undefined, string]> = [
    [3100, culprit({ fiber: 7, span: "tools.exec" }), "the event loop was held for 3.1 s by tools.exec"],
    [250.4, culprit({ fiber: 7 }), "the event loop was held for 250 ms by fiber #7"],
    [1000, culprit({ at: "f (a.ts:1:2)" }), "the event loop was held for 1.0 s by code outside any fiber"],
    [120, undefined, "the event loop was held for 120 ms"]
  ]
  it.each(sentences)("of %d ms is told in one sentence", (millis, by, expected) => {
    assert.strictEqual(sentence({ millis, culprit: by }), expected)
  })

  it("is logged with what is known of it, and the fiber's own annotations cannot hide that", () => {
    const by = culprit({ fiber: 7, span: "s", at: "f (a.ts:1:2)", annotations: { tenant: "t", millis: 0 } })
    assert.deepStrictEqual(annotations({ millis: 120.4, culprit: by }, 2), {
      tenant: "t",
      millis: 120,
      fiber: "#7",
      span: "s",
      at: "f (a.ts:1:2)",
      omitted: 2
    })
    assert.deepStrictEqual(annotations({ millis: 120, culprit: culprit({}) }, 0), { millis: 120, fiber: "none" })
    assert.deepStrictEqual(annotations({ millis: 120, culprit: undefined }, 0), { millis: 120 })
  })

  it("is blamed on who was seen most often, and of equals on who was seen first", () => {
    const [one, other] = [culprit({ fiber: 1, span: "one" }), culprit({ fiber: 1, span: "other" })]
    assert.strictEqual(mostSeen([one, other, { ...other }])?.span, "other")
    assert.strictEqual(mostSeen([one, other])?.span, "one")
    assert.isUndefined(mostSeen([]))
  })

  it("gives way to a longer one only", () => {
    const short = { millis: 1, culprit: undefined }
    assert.strictEqual(longer(none, short), short)
    assert.strictEqual(longer(short, { ...short }), short)
  })
})
