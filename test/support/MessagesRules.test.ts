/** A validator is worth what it refuses. */
import { assert, describe, it } from "@effect/vitest"
import { violations } from "./MessagesRules.ts"

const user = (...content: ReadonlyArray<object>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<object>) => ({ role: "assistant", content })
const text = (words = "hello") => ({ type: "text", text: words })
const use = (id: string) => ({ type: "tool_use", id, name: "exec", input: {} })
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: [text()] })
const search = (id: string) => ({ type: "server_tool_use", id, name: "web_search", input: { query: "q" } })
const found = (id: string) => ({ type: "web_search_tool_result", tool_use_id: id, content: [] })
const thought = { type: "thinking", thinking: "", signature: "sig" }
const marked = (ttl = "5m") => ({ ...text(), cache_control: { type: "ephemeral", ttl } })
const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }

const base = { model: "claude-test", max_tokens: 2000, stream: true }
const saying = (...messages: ReadonlyArray<object>) => ({ ...base, messages })
const hello = saying(user(text()))
const thinking = (budget_tokens: number) => ({ type: "enabled", budget_tokens })

describe("Rules of the Messages API", () => {
  const accepted: ReadonlyArray<readonly [string, unknown]> = [
    [
      "a conversation with thinking, tools and images",
      {
        ...saying(user(image, text()), assistant(thought, use("a"), use("b")), user(result("a"), result("b"), text())),
        system: [text()],
        tools: [
          { name: "exec", description: "Runs.", input_schema: { type: "object", properties: {} } },
          { type: "web_search_20250305", name: "web_search", max_uses: 3 }
        ],
        thinking: thinking(1024),
        output_config: { effort: "high" },
        diagnostics: { previous_message_id: "msg_1" }
      }
    ],
    ["four breakpoints", { ...saying(user(marked("1h"), marked("1h"), marked())), system: [marked("1h")] }],
    ["a search and what it found", saying(user(text()), assistant(search("s"), found("s"), text()), user(text()))],
    ["a paused reply", saying(user(text()), assistant(search("s")))],
    ["a search beside a call", saying(user(text()), assistant(search("s"), use("a")), user(result("a")))]
  ]
  for (const [name, body] of accepted) it(`accept ${name}`, () => assert.deepStrictEqual(violations(body), []))

  it("accept a request to count tokens, which has no limit of them", () => {
    const body = { model: "m", messages: [user(text())] }
    assert.deepStrictEqual(violations(body, "/v1/messages/count_tokens"), [])
    assert.deepStrictEqual(violations({ ...body, max_tokens: 5 }, "/v1/messages/count_tokens"), [
      "the body: must NOT have additional properties: max_tokens"
    ])
  })

  const refused: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["no messages", saying(), /there are none/],
    ["a conversation that begins with the model", saying(assistant(text()), user(text())), /first message/],
    ["a conversation that ends with the model", saying(user(text()), assistant(text())), /last message/],
    ["two messages of one role", saying(user(text()), user(text())), /in a row/],
    ["a system message among the others", saying(user(text()), { role: "system", content: "x" }), /no role/],
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
    ["an image of the model's", saying(user(text()), assistant(image), user(text())), /may not stand with assistant/],
    [
      "an image in a failure",
      saying(user(text()), assistant(use("a")), user({ ...result("a"), content: [image], is_error: true })),
      /must be text/
    ],
    ["a search without its end", saying(user(text()), assistant(search("s"), text()), user(text())), /s has no result/],
    ["a search nobody asked for", saying(user(text()), assistant(found("s"), text()), user(text())), /not called/],
    ["thinking without its signature", saying(user(text()), assistant({ ...thought, signature: "" })), /signature/],
    [
      "thinking without a signature at all",
      saying(user(text()), assistant({ type: "thinking", thinking: "hm" }), user(text())),
      /signature/
    ],
    ["a reply that ends with thinking", saying(user(text()), assistant(text(), thought), user(text())), /final block/],
    ["one id in two replies", saying(...[1, 2].flatMap(() => [user(text()), assistant(use("a"))])), /must be unique/],
    ["less thinking than there can be", { ...hello, thinking: thinking(1000) }, /at least 1024/],
    ["more thinking than there is room for", { ...hello, thinking: thinking(2000) }, /less than max_tokens/],
    [
      "thinking that must use a tool",
      { ...hello, thinking: { type: "adaptive" }, tool_choice: { type: "any" } },
      /must be used/
    ],
    [
      "calls without the thought before them",
      { ...saying(user(text()), assistant(use("a")), user(result("a"))), thinking: thinking(1024) },
      /begin with thinking/
    ],
    ["five breakpoints", saying(user(marked(), marked(), marked(), marked(), marked())), /found 5/],
    ["an hour behind five minutes", saying(user(marked(), marked("1h"))), /1h must not come after/],
    ["a breakpoint on thinking", saying(user(text()), assistant({ ...thought, ...marked() }), user(text())), /addit/],
    ["no room for a reply", { ...hello, max_tokens: 0 }, /max_tokens/],
    ["an empty system prompt", { ...hello, system: "" }, /system/],
    ["a parameter that is gone", { ...hello, temperature: 1 }, /the body: .*: temperature/],
    ["a parameter that goes into a header", { ...hello, workspace_id: "w" }, /workspace_id/],
    [
      "a field of a block that does not exist",
      saying(user({ ...text(), name: "x" })),
      /messages\.0\.content\.0: .*name/
    ],
    ["an effort nobody has", { ...hello, output_config: { effort: "huge" } }, /output_config\.effort: .*low,medium/],
    ["a tool of no known type", { ...hello, tools: [{ type: "web_search", name: "web_search" }] }, /tools\.0/],
    [
      "a setting that a tool does not have",
      { ...hello, tools: [{ type: "web_search_20250305", name: "web_search", uses: 3 }] },
      /tools\.0: .*uses/
    ],
    [
      "two tools of one name",
      { ...hello, tools: [1, 2].map(() => ({ name: "exec", input_schema: { type: "object" } })) },
      /unique/
    ]
  ]
  for (const [name, body, expected] of refused) {
    it(`refuse ${name}`, () => assert.match(violations(body).join("; "), expected))
  }
})
