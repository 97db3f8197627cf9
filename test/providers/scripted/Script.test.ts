import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { Prompt } from "effect/ai"
import { type Plan, script } from "../../../src/providers/scripted/Script.ts"

const plan = (text: string, tools: ReadonlyArray<string> = ["exec"]) => script(Prompt.make(text), tools)
const say = (text: string): Plan => [{ _tag: "Say", text }]
const call = (command: string) => ({ _tag: "Call", name: "exec", params: { command } }) as const

const said = (steps: Plan) => steps.map((step) => (step._tag === "Say" ? step.text : step._tag)).join("|")

describe("Script", () => {
  const table: ReadonlyArray<readonly [string, Plan]> = [
    ["run: ls", [call("ls")]],
    ["RUN:   ls -l  ", [call("ls -l")]],
    ["please\nrun: ls\nrun: pwd", [call("ls"), call("pwd")]],
    ["say: hello", say("hello")],
    ["say: **one**\n\n- two", say("**one**\n\n- two")],
    [
      "think: hm\nsay: yes",
      [
        { _tag: "Think", text: "hm" },
        { _tag: "Say", text: "yes" }
      ]
    ],
    [
      "think: hm",
      [
        { _tag: "Think", text: "hm" },
        { _tag: "Say", text: "I have thought about it." }
      ]
    ],
    ["say: first\nrun: ls", [{ _tag: "Say", text: "first" }, call("ls")]],
    ["count: 3", say("1 2 3")],
    ["slow: 2", [{ _tag: "Say", text: "word1 word2", pause: Duration.millis(100) }]],
    ["wait: 2", [{ _tag: "Say", text: "I have waited 2 seconds.", after: Duration.seconds(2) }]],
    ["fail: overloaded", [{ _tag: "Fail", reason: "overloaded" }]],
    [
      "say: hi\nfail: stream_cut",
      [
        { _tag: "Say", text: "hi" },
        { _tag: "Fail", reason: "stream_cut" }
      ]
    ]
  ]

  for (const [text, expected] of table) {
    it(`obeys ${JSON.stringify(text)}`, () => assert.deepStrictEqual(plan(text), expected))
  }

  const answers: ReadonlyArray<readonly [text: string, contains: ReadonlyArray<string>]> = [
    ["Good morning", ["FiberClaw demo model", "> Good morning", "`help`"]],
    [
      "help",
      ["run: CMD", "say: TEXT", "think: TEXT", "count: N", "slow: N", "wait: SECONDS", "fail: REASON", "recall", "demo"]
    ],
    [" Help ", ["run: CMD"]],
    ["recall", ["first thing"]],
    ["count: many", ["I need a number"]],
    ["count: 0", ["I need a number"]],
    ["slow: 999999999", ["I need a number"]],
    ["fail: badly", ["`badly`", "overloaded", "rate_limited"]]
  ]

  for (const [text, contains] of answers) {
    it(`has an answer to ${JSON.stringify(text)}`, () => {
      for (const words of contains) assert.include(said(plan(text)), words)
    })
  }

  it("says that it cannot run anything without a tool for it", () => {
    assert.include(said(plan("run: ls", [])), "no `exec` tool")
  })

  it("answers from the outputs of its calls and quotes them", () => {
    const prompt = Prompt.make([
      { role: "user", content: "run: ls\nrun: false" },
      { role: "assistant", content: [{ type: "tool-call", id: "a", name: "exec", params: {} }] },
      {
        role: "tool",
        content: [{ type: "tool-result", id: "a", name: "exec", isFailure: false, result: "a.txt\nb```\n" }]
      },
      { role: "tool", content: [{ type: "tool-result", id: "b", name: "exec", isFailure: true, result: { code: 1 } }] },
      { role: "tool", content: [{ type: "tool-result", id: "c", name: "exec", isFailure: false, result: "" }] }
    ])
    const expected = [
      "`exec` answered:\n\n````\na.txt\nb```\n````",
      '`exec` failed:\n\n```\n{"code":1}\n```',
      "`exec` answered with nothing."
    ]
    assert.deepStrictEqual(script(prompt, ["exec"]), say(expected.join("\n\n")))
  })

  it("listens to what a person says after a tool has answered", () => {
    const prompt = Prompt.make([
      { role: "tool", content: [{ type: "tool-result", id: "a", name: "exec", isFailure: false, result: "x" }] },
      { role: "user", content: "say: never mind" }
    ])
    assert.deepStrictEqual(script(prompt, []), say("never mind"))
  })

  it("remembers what it was told", () => {
    const prompt = Prompt.make([
      { role: "user", content: "my name is Ada" },
      { role: "assistant", content: "hello" },
      {
        role: "user",
        content: [
          { type: "text", text: "I like" },
          { type: "text", text: "tea" }
        ]
      },
      { role: "user", content: "recall" }
    ])
    assert.deepStrictEqual(script(prompt, []), say("You told me earlier:\n\n1. my name is Ada\n2. I like\ntea"))
  })

  it("has something to say when nobody has said anything", () => {
    assert.include(said(script(Prompt.empty, [])), "demo model")
  })
})
