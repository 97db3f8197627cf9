import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { changesIn, promptOf } from "../../src/agents/SummaryText.ts"
import { blank, summaryMarker } from "../../src/domain/Note.ts"

const changes = (text: string) => Option.getOrUndefined(changesIn(text))

describe("a request for a summary", () => {
  const request = { note: blank, transcript: [{ event: 1, role: "user" as const, text: "hello" }] }

  it("says what it is in its first line, and gives the material as JSON", () => {
    const [system, user] = promptOf(request).content
    assert.strictEqual(String(system?.content).split("\n")[0], summaryMarker)
    const [part] = user?.role === "user" ? user.content : []
    assert.deepStrictEqual(JSON.parse(part?.type === "text" ? part.text : ""), request)
  })

  it("says how long the note may be when it has become too long", () =>
    assert.include(String(promptOf(request, 700).content[0]?.content), "700 characters"))
})

describe("an answer", () => {
  const added = { add: { facts: ["one"] } }

  it("is JSON, whatever stands around it", () => {
    assert.deepStrictEqual(changes('{"add":{"facts":["one"]}}'), added)
    assert.deepStrictEqual(changes('Sure!\n```json\n{"add":{"facts":["one"]}}\n```\nThat is all.'), added)
  })

  it("may retire only", () =>
    assert.deepStrictEqual(changes('{"retire":{"facts":["one"]}}'), { retire: { facts: ["one"] } }))

  it("in a few words of prose is a fact", () =>
    assert.deepStrictEqual(changes(" The person is called Ada. "), { add: { facts: ["The person is called Ada."] } }))

  it("that is cut off counts as far as its last whole entry", () => {
    assert.deepStrictEqual(changes('{"add":{"facts":["one"'), added)
    assert.deepStrictEqual(changes('{"add":{"facts":["one","two \\"and'), added)
    assert.deepStrictEqual(changes('{"add":{"facts":["one"],"names":["Ada"],"fi'), {
      add: { facts: ["one"], names: ["Ada"] }
    })
    assert.deepStrictEqual(changes('{"add":{"facts":["one"]},"retire":{"goals":["go","x'), {
      ...added,
      retire: { goals: ["go"] }
    })
  })

  for (const text of [
    "",
    "  ",
    "{",
    '{"foo":1}',
    '{"add":{"facts":"one"}}',
    '{"add":{"facts":["one',
    "so ".repeat(1_000)
  ]) {
    it(`like ${JSON.stringify(text.slice(0, 25))} is none`, () => assert.isUndefined(changes(text)))
  }
})
