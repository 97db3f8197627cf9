import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { cutMiddle, leftOut, storable } from "../../src/tools/Excerpt.ts"

/** Text of characters of every width. */
const anyText = Schema.Array(Schema.Literals(["a", "é", "€", "😀", "\n"]))

const limit = Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 40 }))

describe("Excerpt", () => {
  it("leaves a short text alone", () => {
    assert.strictEqual(cutMiddle("hello", 5), "hello")
  })

  it("keeps head and tail and says what is missing", () => {
    const text = `${"a".repeat(5000)}${"m".repeat(123_456)}${"z".repeat(5000)}`
    const expected = `${"a".repeat(5000)}\n[… 123,456 characters left out …]\n${"z".repeat(5000)}`
    assert.strictEqual(cutMiddle(text, 10_000), expected)
  })

  it("never splits a surrogate pair", () => {
    assert.strictEqual(cutMiddle("a😀bbbb😀c", 4), `a\n${leftOut(8, "characters")}\nc`)
  })

  it.prop(
    "keeps well-formed text well-formed and accounts for every character",
    [anyText, limit],
    ([characters, most]) => {
      const text = characters.join("").repeat(3)
      const cut = cutMiddle(text, most)
      if (text.length <= most) return assert.strictEqual(cut, text)
      const [, head = "", count = "", tail = ""] = /^(.*)\n\[… ([\d,]+) characters left out …\]\n(.*)$/s.exec(cut) ?? []
      assert.isTrue(cut.isWellFormed() && text.startsWith(head) && text.endsWith(tail))
      assert.isAtMost(head.length + tail.length, most)
      assert.strictEqual(head.length + tail.length + Number(count.replaceAll(",", "")), text.length)
    }
  )

  it("replaces what no store can carry", () => {
    assert.strictEqual(storable("a\0b\ud800c😀"), "a\ufffdb\ufffdc😀")
  })
})
