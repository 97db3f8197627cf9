import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { blank, type Note, SummaryReply, type SummaryRequest, summaryMarker } from "../../../src/domain/Note.ts"
import * as ScriptedProvider from "../../../src/providers/scripted/ScriptedProvider.ts"
import { script } from "../../../src/providers/scripted/Script.ts"
import { summarise, summaryRequest } from "../../../src/providers/scripted/Summary.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(SummaryReply))

type Role = SummaryRequest["transcript"][number]["role"]

const requestOf = (said: ReadonlyArray<readonly [Role, string]>, note: Note = blank): SummaryRequest => ({
  note,
  transcript: said.map(([role, text], index) => ({ event: index + 1, role, text }))
})

const changes = (text: string, note?: Note) => decode(summarise(requestOf([["user", text]], note)))

const asked = (request: SummaryRequest) =>
  Prompt.make([
    { role: "system", content: `${summaryMarker}\nAnswer as JSON.` },
    { role: "user", content: `Here it is:\n${JSON.stringify(request)}` }
  ])

describe("the demo model's notes", () => {
  const table: ReadonlyArray<readonly [string, NonNullable<SummaryReply["add"]>]> = [
    ["Good morning", {}],
    ["remember: the sky is green", { facts: ["the sky is green"] }],
    ["  REMEMBER:   a  \nfact: b", { facts: ["a", "b"] }],
    ["remember: twice\nremember: twice", { facts: ["twice"] }],
    ["My name is Ada Lovelace.", { facts: ["My name is Ada Lovelace."] }],
    ["and my keys are in the drawer", { facts: ["my keys are in the drawer"] }],
    ["this is my own idea", {}],
    ["goal: build a boat", { goals: ["build a boat"] }],
    ["decided: oak, because it lasts", { decisions: ["oak, because it lasts"] }],
    ["todo: buy nails", { openWork: ["buy nails"] }],
    ["look at src/main.ts and /etc/hosts", { files: ["src/main.ts", "/etc/hosts"] }],
    ["see https://example.com/a/b", {}],
    ['her name is "Grace Hopper", and “Léa”', { names: ["Grace Hopper", "Léa"] }],
    ["remember:", {}],
    ["run: echo no", {}]
  ]
  for (const [text, add] of table) {
    it(`of ${JSON.stringify(text)}`, () => assert.deepStrictEqual(changes(text), { add }))
  }

  it("hold nothing that is noted already, and drop what is done", () => {
    const note = { ...blank, facts: ["known"], openWork: ["buy nails", "paint"] }
    const told = "remember: known\nremember: new\ntodo: paint\ndone: buy nails\ndone: never begun"
    assert.deepStrictEqual(changes(told, note), { add: { facts: ["new"] }, retire: { openWork: ["buy nails"] } })
  })

  it("hold only what the person said", () => {
    const said = [
      ["assistant", "remember: my own words"],
      ["tool", "exec: remember: an output"],
      ["user", "remember: theirs"]
    ] as const
    assert.deepStrictEqual(decode(summarise(requestOf(said))), { add: { facts: ["theirs"] } })
  })

  it.effect("are its whole answer when it is asked for them", () =>
    Effect.gen(function* () {
      const prompt = asked(requestOf([["user", "remember: the code is 4711\nfail: overloaded"]]))
      const demo = ScriptedProvider.make({ name: "demo" })
      const parts = yield* Stream.runCollect(demo.stream({ model: "demo", prompt, tools: [], maxTokens: 100 }))
      const text = parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
      assert.deepStrictEqual(decode(text), { add: { facts: ["the code is 4711"] } })
    })
  )

  it("are empty when what it is given is no conversation", () => {
    const prompt = Prompt.make([
      { role: "system", content: summaryMarker },
      { role: "user", content: "{" }
    ])
    assert.deepStrictEqual(decode(summarise(summaryRequest(prompt) ?? requestOf([]))), { add: {} })
  })

  it("are not mistaken for what a person says", () => {
    assert.strictEqual(summaryRequest(Prompt.make(summaryMarker)), undefined)
  })

  it("are found again by recall, in the message that brings them", () => {
    const prompt = Prompt.make([
      { role: "user", content: [{ type: "text", text: "Facts:\n- the code is 4711" }] },
      { role: "assistant", content: "Yes." },
      { role: "user", content: "recall" }
    ])
    const [answer] = script(prompt, [])
    assert(answer?._tag === "Say")
    assert.include(answer.text, "the code is 4711")
  })
})

describe("the demo model", () => {
  it("says what it will note", () => {
    assert.deepStrictEqual(script(Prompt.make("remember: x\nsay: ok"), []), [
      { _tag: "Say", text: "Noted (remember): x\n" },
      { _tag: "Say", text: "ok" }
    ])
  })

  it.effect("counts a request as it counts its usage", () =>
    Effect.gen(function* () {
      const demo = ScriptedProvider.make({ name: "demo" })
      const request = { model: "demo", prompt: Prompt.make("say: hello"), tools: [], maxTokens: 10 }
      assert(demo.count !== undefined)
      const parts = yield* Stream.runCollect(demo.stream(request))
      const finish = parts.at(-1)
      assert(finish?.type === "finish")
      assert.strictEqual(yield* demo.count(request), finish.usage.inputTokens.total)
    })
  )
})
