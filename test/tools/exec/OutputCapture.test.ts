import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { OutputCapture } from "../../../src/tools/exec/OutputCapture.ts"

const capture = (bytes: Buffer, chunkSize: number, head: number, tail: number) => {
  const captured = new OutputCapture(head, tail)
  for (let at = 0; at < bytes.length; at += chunkSize) captured.add(bytes.subarray(at, at + chunkSize))
  return captured.text
}

/** Text of characters of every width. */
const text = Schema.Array(Schema.Literals(["a", "é", "€", "😀", "\n"]))

const size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))

describe("OutputCapture", () => {
  it.prop(
    "does not depend on how the output was split into chunks",
    [text, size, size, size],
    ([characters, chunkSize, head, tail]) => {
      const bytes = Buffer.from(characters.join("").repeat(4))
      assert.strictEqual(capture(bytes, chunkSize, head, tail), capture(bytes, bytes.length + 1, head, tail))
    }
  )

  it.prop(
    "keeps whole characters and accounts for every byte",
    [text, size, size, size],
    ([characters, chunkSize, head, tail]) => {
      const whole = characters.join("").repeat(4)
      const bytes = Buffer.from(whole)
      const shown = capture(bytes, chunkSize, head, tail)
      if (bytes.length <= head + tail) return assert.strictEqual(shown, whole)
      const [, first = "", dropped = "", last = ""] = /^(.*)\n\[… ([\d,]+) bytes left out …\]\n(.*)$/s.exec(shown) ?? []
      assert.notInclude(first + last, "\ufffd")
      assert.isTrue(whole.startsWith(first) && whole.endsWith(last))
      assert.strictEqual(
        Buffer.byteLength(first) + Buffer.byteLength(last) + Number(dropped.replaceAll(",", "")),
        bytes.length
      )
    }
  )

  it("shows invalid bytes as replacement characters", () => {
    assert.strictEqual(capture(Buffer.from([0x61, 0xff, 0x62]), 1, 8, 8), "a\ufffdb")
  })

  it("cuts bytes that are no text without losing count", () => {
    assert.strictEqual(
      capture(Buffer.alloc(10, 0x80), 3, 4, 4),
      "\ufffd\ufffd\ufffd\ufffd\n[… 5 bytes left out …]\n\ufffd"
    )
  })
})
