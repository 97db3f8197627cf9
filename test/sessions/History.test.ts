import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Prompt } from "effect/ai"
import { append, messagesOf, silence } from "../../src/sessions/History.ts"

const message = (text: string): Prompt.MessageEncoded => ({ role: "user", content: [{ type: "text", text }] })

const Texts = Schema.Array(Schema.Array(Schema.String))

describe("History", () => {
  it.prop("holds everything that was appended, in order", [Texts], ([parts]) => {
    const messages = parts.map((texts) => texts.map(message))
    const history = messages.reduce((before, said, index) => append(before, index + 1, said), silence)
    assert.deepStrictEqual(messagesOf(history), messages.flat())
    assert.strictEqual(history.length, messages.flat().length)
  })

  it.prop("stays what it was when a longer one is made of it, whoever makes it", [Texts, Texts], ([one, other]) => {
    const before = append(silence, 1, one.flat().map(message))
    append(before, 2, [message("one way")])
    append(before, 2, other.flat().map(message))
    assert.deepStrictEqual(messagesOf(before), one.flat().map(message))
  })

  it("is shared by the longer one, not copied", () => {
    const before = append(silence, 1, [message("first")])
    assert.strictEqual(append(before, 2, [message("second")]).newest?.before, before.newest)
    assert.strictEqual(append(before, 2, []), before)
  })
})
