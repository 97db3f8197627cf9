import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { decodeEvent } from "../../../src/providers/anthropic/AnthropicEvent.ts"

const Text = Schema.Array(
  Schema.Literals(["a", "é😀", '"', "\\", "\n", "\u0000", "\u007f", "\u2028", "{", "}", " ", "[", "]"])
)
const Kind = Schema.Literals(["text", "thinking"])
const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))

const wire = (kind: string, index: string | number, text: string, end = "}") =>
  `{"type":"content_block_delta","index":${index},"delta":{"type":"${kind}_delta","${kind}":${text}}${end}`

describe("AnthropicEvent", () => {
  it.prop(
    "reads a delta as JSON.parse does, whatever is in its text",
    [Kind, Index, Text],
    ([kind, index, words]) => {
      const data = wire(kind, index, JSON.stringify(words.join("")), "   }  ")
      assert.deepStrictEqual(Result.getOrThrow(decodeEvent(data)), JSON.parse(data))
    },
    { arbitrary: { runs: 500 } }
  )

  it("refuses a delta that is no JSON, however near it comes", () => {
    const texts = ['"a\nb"', '"a\u0000"', '"a"b"', '"a\\"', "a"]
    const near = [...texts.map((text) => wire("text", 0, text)), wire("text", "00", '"a"'), wire("text", 0, '"a"', "")]
    for (const data of near) {
      assert.deepStrictEqual(decodeEvent(data), Result.fail("an event of the answer is not JSON"), data)
    }
  })
})
