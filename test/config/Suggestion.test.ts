import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { didYouMean, distance, nearest } from "../../src/config/Suggestion.ts"

const Word = Schema.String.check(Schema.isMaxLength(12))

describe("Suggestion", () => {
  it.for([
    ["", "", 0],
    ["tool", "tools", 1],
    ["tools", "tool", 1],
    ["tolos", "tools", 1],
    ["tuuls", "tools", 2],
    ["kitten", "sitting", 3],
    ["", "abc", 3]
  ] as const)("counts the steps from %s to %s as %i", ([left, right, steps]) => {
    assert.strictEqual(distance(left, right), steps)
  })

  it.prop("measures the same distance both ways, and none only to the same word", [Word, Word], ([left, right]) => {
    assert.strictEqual(distance(left, right), distance(right, left))
    assert.strictEqual(distance(left, right) === 0, left === right)
    assert.isAtMost(distance(left, right), Math.max(left.length, right.length))
  })

  it("suggests the nearest name, whatever its case and separators", () => {
    assert.strictEqual(nearest("max_tokens", ["maxSteps", "maxTokens"]), "maxTokens")
    assert.strictEqual(nearest("APIKEY", ["apiKey", "baseUrl"]), "apiKey")
    assert.strictEqual(nearest("maxToken", ["maxSteps", "maxTokens"]), "maxTokens")
  })

  it("suggests nothing when no name is near", () => {
    assert.isUndefined(nearest("colour", ["model", "tools"]))
    assert.isUndefined(nearest("x", ["y"]))
    assert.isUndefined(didYouMean(7, ["model"]))
    assert.isUndefined(didYouMean("m".repeat(10_000), ["model"]))
  })
})
