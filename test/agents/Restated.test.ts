import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Response } from "effect/ai"
import { withoutRestated } from "../../src/agents/Restated.ts"
import type { ProviderPart } from "../../src/providers/Provider.ts"

const start = Response.makePart("text-start", { id: "1" })
const end = Response.makePart("text-end", { id: "1" })
const delta = (text: string) => Response.makePart("text-delta", { id: "1", delta: text })

const textIn = (parts: ReadonlyArray<ProviderPart>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

const words = Schema.Array(Schema.Literals(["a", "b", "ab", "ba"])).check(Schema.isMaxLength(8))

describe("a reply that goes on", () => {
  it("is new from where it stops repeating", () => {
    const fresh = withoutRestated("Hello wor")
    const told = [[start, delta("Hel")], [delta("lo ")], [delta("world."), end]].map(fresh)
    assert.deepStrictEqual(told, [[start], [], [delta("ld."), end]])
  })

  it("is left as it is if it repeats nothing, and nothing of it waits", () => {
    const fresh = withoutRestated("Hello wor")
    assert.deepStrictEqual(
      [
        [start, delta("ld.")],
        [delta(" Bye"), end]
      ].map(fresh),
      [
        [start, delta("ld.")],
        [delta(" Bye"), end]
      ]
    )
  })

  it("may be shorter than what it seemed to repeat", () => {
    const fresh = withoutRestated("Hello wor")
    assert.deepStrictEqual([[start, delta("He")], [end]].map(fresh), [[start], [delta("He"), end]])
  })

  it.prop("loses nothing but what it repeats, however it comes", [words, words], ([said, reply]) => {
    const whole = reply.join("")
    const before = said.join("")
    const fresh = withoutRestated(before)
    const told = [start, ...reply.map(delta), end].flatMap((part) => fresh([part]))
    assert.strictEqual(textIn(told), whole.startsWith(before) ? whole.slice(before.length) : whole)
  })
})
