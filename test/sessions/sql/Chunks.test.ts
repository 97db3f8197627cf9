import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { chunked, padded } from "../../../src/sessions/sql/Chunks.ts"

const isPowerOfTwo = (size: number) => Number.isInteger(Math.log2(size))

describe("Chunks", () => {
  it.each([
    [0, []],
    [1, [1]],
    [7, [4, 2, 1]],
    [8, [8]],
    [21, [8, 8, 4, 1]]
  ])("splits %i values into %j", (size, sizes) => {
    const values = Array.from({ length: size }, (_, index) => index)
    const chunks = chunked(values, 8)
    assert.deepStrictEqual(
      chunks.map((chunk) => chunk.length),
      sizes
    )
    assert.deepStrictEqual(chunks.flat(), values)
  })

  it.prop(
    "pads to a power of two without a new value",
    { values: Schema.NonEmptyArray(Schema.String) },
    ({ values }) => {
      const result = padded(values)
      assert.isTrue(isPowerOfTwo(result.length) && result.length < 2 * values.length)
      assert.deepStrictEqual(result.slice(0, values.length), [...values])
      assert.deepStrictEqual(new Set(result), new Set(values))
    }
  )
})
