/** A validator is worth what it refuses. */
import { assert, describe, it } from "@effect/vitest"
import { violations } from "./MessagesRules.ts"

const user = (...content: ReadonlyArray<object>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<object>) => ({ role: "assistant", content })
const text = (words = "hello") => ({ type: "text", text: words })
const use = (id: string) => ({ type: "tool_use", id, name: "exec", input: {} })
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: [text()] })

const base = { model: "claude-test", max_tokens: 100, stream: true }
const saying = (...messages: ReadonlyArray<object>) => ({ ...base, messages })

describe("Rules of the Messages API", () => {
  it("accept a conversation with thinking and tools", () => {
    const thinking = { type: "thinking", thinking: "", signature: "sig" }
    const body = saying(user(text()), assistant(thinking, use("a"), use("b")), user(result("a"), result("b"), text()))
    assert.deepStrictEqual(violations({ ...body, system: [text()] }), [])
    assert.deepStrictEqual(violations({ model: "m", messages: [user(text())] }, "/v1/messages/count_tokens"), [])
  })

  const refused: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["no messages", saying(), /there are none/],
    ["a conversation that begins with the model", saying(assistant(text()), user(text())), /first message/],
    ["a conversation that ends with the model", saying(user(text()), assistant(text())), /last message/],
    ["two messages of one role", saying(user(text()), user(text())), /in a row/],
    ["a blank text", saying(user(text(" "))), /non-whitespace/],
    ["an empty message", saying(user()), /is empty/],
    ["a call without a result", saying(user(text()), assistant(use("a")), user(text())), /has no tool_result/],
    ["a result without a call", saying(user(text()), assistant(text()), user(result("a"))), /has no tool_use/],
    ["a result at the very beginning", saying(user(result("a"))), /has no tool_use/],
    [
      "two results of one call",
      saying(user(text()), assistant(use("a")), user(result("a"), result("a"))),
      /two results/
    ],
    ["a result behind a text", saying(user(text()), assistant(use("a")), user(text(), result("a"))), /stand before/],
    ["one id twice", saying(user(text()), assistant(use("a"), use("a")), user(result("a"))), /must be unique/],
    ["a call of the user's", saying(user(use("a"))), /may not stand with user/],
    [
      "thinking without its signature",
      saying(user(text()), assistant({ type: "thinking", thinking: "hm" }), user(text())),
      /signature/
    ],
    ["no room for a reply", { ...saying(user(text())), max_tokens: 0 }, /max_tokens/],
    ["an empty system prompt", { ...saying(user(text())), system: "" }, /system/],
    ["a parameter that is gone", { ...saying(user(text())), temperature: 1 }, /no such parameter/],
    [
      "two tools of one name",
      { ...saying(user(text())), tools: [1, 2].map(() => ({ name: "exec", input_schema: { type: "object" } })) },
      /unique/
    ]
  ]
  for (const [name, body, expected] of refused) {
    it(`refuse ${name}`, () => assert.match(violations(body).join("; "), expected))
  }
})
