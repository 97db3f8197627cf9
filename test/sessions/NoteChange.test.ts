import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { blank, Note, sections } from "../../src/domain/Note.ts"
import { fitting, merge, sizeOf } from "../../src/sessions/NoteChange.ts"

const facts = (...entries: ReadonlyArray<string>): Note => ({ ...blank, facts: entries })

describe("merge", () => {
  it("adds at the end and retires word for word", () => {
    const next = merge(facts("one", "two"), { add: { facts: ["three"] }, retire: { facts: ["one", "tw"] } })
    assert.deepStrictEqual(next, facts("two", "three"))
  })

  it("keeps nothing twice and nothing that is empty", () =>
    assert.deepStrictEqual(merge(facts("one"), { add: { facts: [" one ", " ", "two", "two"] } }), facts("one", "two")))

  it("lets the same entry stand in two sections", () =>
    assert.deepStrictEqual(merge(facts("x"), { add: { names: ["x"] } }).names, ["x"]))

  it.prop("loses nothing that is not retired", [Note, Note], ([note, add]) => {
    const next = merge(note, { add })
    for (const section of sections) assert.includeMembers([...next[section]], [...note[section]])
  })
})

describe("fitting", () => {
  it("leaves alone what fits", () =>
    assert.deepStrictEqual(fitting(facts("one", "two"), 1_000), { note: facts("one", "two"), dropped: 0 }))

  it("lets the longest entries go first, and keeps the order of the others", () => {
    const { dropped, note } = fitting(facts("short", "x".repeat(500), "also short"), 200)
    assert.deepStrictEqual(note, facts("short", "also short"))
    assert.strictEqual(dropped, 1)
  })

  it.prop("always fits", [Note, Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 400 }))], ([note, size]) => {
    assert.isAtMost(sizeOf(fitting(note, size).note), size)
  })
})
