import { assert, describe, it } from "@effect/vitest"
import { blank } from "../../src/domain/Note.ts"
import { prefaceOf, textOf } from "../../src/sessions/Preface.ts"

describe("a preface", () => {
  it("is none where there is nothing to tell", () =>
    assert.deepStrictEqual(prefaceOf({ note: blank, through: 0 }, []), []))

  it("is one message that tells the note by its sections, and what is pinned word for word", () => {
    const note = { ...blank, goals: ["a boat"], names: ["Ada", "Zampano"] }
    const [message, ...more] = prefaceOf({ note, through: 3 }, [
      { event: 1, role: "user", text: "not on a Friday" },
      { event: 4, role: "assistant", text: "never" }
    ])
    assert.deepStrictEqual(more, [])
    assert.strictEqual(message?.role, "user")
    const texts = message?.role === "user" && typeof message.content !== "string" ? message.content : []
    assert.deepStrictEqual(
      texts.map((part) => (part.type === "text" ? part.text.split("\n\n").slice(1) : [])),
      [["Goals:\n- a boat", "Names:\n- Ada\n- Zampano"], ["not on a Friday"], ["never"]]
    )
  })

  it("has a text for people too", () =>
    assert.strictEqual(textOf({ ...blank, openWork: ["the mast"] }), "Open work:\n- the mast"))
})
