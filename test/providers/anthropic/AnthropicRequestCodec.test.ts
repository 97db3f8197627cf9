import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import { toParams } from "../../../src/providers/anthropic/AnthropicRequestCodec.ts"

const params = (messages: ReadonlyArray<Prompt.MessageEncoded>, tools: ReadonlyArray<Tool.Any> = []) =>
  toParams({ model: "m", prompt: Prompt.make(messages), tools, maxTokens: 10 })

const call = (id: string) => ({ type: "tool-call", id, name: "exec", params: { command: "ls" } }) as const
const result = (id: string, value: unknown, isFailure = false) =>
  ({ type: "tool-result", id, name: "exec", isFailure, result: value }) as const
const toolUse = (id: string) => ({ type: "tool_use", id, name: "exec", input: { command: "ls" } })
const text = (value: string) => ({ type: "text", text: value })

describe("AnthropicRequestCodec", () => {
  it("leaves out what is not there", () => {
    assert.deepStrictEqual(params([{ role: "user", content: "hi" }]), {
      model: "m",
      max_tokens: 10,
      stream: true,
      messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }]
    })
  })

  it("gathers system messages wherever they stand", () => {
    const given = params([
      { role: "system", content: "one" },
      { role: "user", content: "hi" },
      { role: "system", content: " " },
      { role: "system", content: "two" }
    ])
    assert.deepStrictEqual(given.system, [text("one"), text("two")] as typeof given.system)
    assert.strictEqual(given.messages.length, 1)
  })

  it("puts results right after their calls, and before anything a person said meanwhile", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      { role: "assistant", content: [{ type: "text", text: "ok" }, call("a"), call("b")] },
      { role: "user", content: "hurry" },
      { role: "tool", content: [result("a", "one")] },
      { role: "tool", content: [result("b", { code: 1 }, true)] },
      { role: "user", content: "please" }
    ])
    assert.deepStrictEqual(messages as unknown, [
      { role: "user", content: [text("go")] },
      { role: "assistant", content: [text("ok"), toolUse("a"), toolUse("b")] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "a", content: [text("one")] },
          { type: "tool_result", tool_use_id: "b", content: [text('{"code":1}')], is_error: true },
          text("hurry"),
          text("please")
        ]
      }
    ])
  })

  it("never sends an empty text or an empty message", () => {
    const { messages } = params([
      { role: "user", content: "one" },
      { role: "assistant", content: [{ type: "text", text: " \n" }] },
      { role: "user", content: "two" },
      { role: "assistant", content: [call("a")] },
      { role: "tool", content: [result("a", "")] }
    ])
    assert.deepStrictEqual(messages as unknown, [
      { role: "user", content: [text("one"), text("two")] },
      { role: "assistant", content: [toolUse("a")] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a" }] }
    ])
  })

  it("lets a person speak first, whoever did", () => {
    const { messages } = params([
      { role: "assistant", content: "Welcome!" },
      { role: "user", content: "hi" }
    ])
    assert.deepStrictEqual(messages as unknown, [
      { role: "user", content: [text("(The conversation begins.)")] },
      { role: "assistant", content: [text("Welcome!")] },
      { role: "user", content: [text("hi")] }
    ])
  })

  it("sends thinking back in its place, and drops thinking that is not the vendor's", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "hm", options: { anthropic: { signature: "sig" } } },
          { type: "reasoning", text: "", options: { anthropic: { redactedData: "xyz" } } },
          { type: "reasoning", text: "", options: { anthropic: { signature: "omitted" } } },
          { type: "reasoning", text: "mine" },
          { type: "reasoning", text: "odd", options: { anthropic: { signature: 5 } } },
          call("a")
        ]
      }
    ])
    assert.deepStrictEqual(messages[1]?.content as unknown, [
      { type: "thinking", thinking: "hm", signature: "sig" },
      { type: "redacted_thinking", data: "xyz" },
      { type: "thinking", thinking: "", signature: "omitted" },
      toolUse("a")
    ])
  })

  it("makes ids and inputs of other providers fit", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      { role: "assistant", content: [{ ...call("call:1.a"), params: "not an object" }] },
      { role: "tool", content: [result("call:1.a", undefined)] }
    ])
    assert.deepStrictEqual(messages.slice(1) as unknown, [
      { role: "assistant", content: [{ type: "tool_use", id: "call_1_a", name: "exec", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1_a", content: [text("null")] }] }
    ])
  })

  it("leaves out what ran on a provider's side", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      {
        role: "assistant",
        content: [
          { ...call("s"), providerExecuted: true },
          { ...result("s", "found"), providerExecuted: true },
          { type: "text", text: "done" }
        ]
      }
    ])
    assert.deepStrictEqual(messages[1]?.content as unknown, [text("done")])
  })

  it("shows images and documents, and names other files", () => {
    const png = { type: "file", mediaType: "image/png", data: Uint8Array.of(1, 2, 3) } as const
    const { messages } = params([
      {
        role: "user",
        content: [
          png,
          { type: "file", mediaType: "image/webp", data: new URL("https://a.example/b") },
          { type: "file", mediaType: "application/pdf", data: "AQID" },
          { type: "file", mediaType: "application/pdf", data: new URL("https://a.example/c") },
          { type: "file", mediaType: "audio/ogg", fileName: "song", data: "AQID" }
        ]
      },
      { role: "assistant", content: [call("a")] },
      { role: "tool", content: [{ ...result("a", null), modelOutput: [{ type: "text", text: "see" }, png] }] }
    ])
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } }
    assert.deepStrictEqual(messages[0]?.content as unknown, [
      image,
      { type: "image", source: { type: "url", url: "https://a.example/b" } },
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AQID" } },
      { type: "document", source: { type: "url", url: "https://a.example/c" } },
      text("[the file song of type audio/ogg cannot be shown to this model]")
    ])
    assert.deepStrictEqual(messages[2]?.content as unknown, [
      { type: "tool_result", tool_use_id: "a", content: [text("see"), image] }
    ])
  })

  it("describes tools by their JSON Schema", () => {
    const exec = Tool.make("exec", { description: "Runs", parameters: Schema.Struct({ command: Schema.String }) })
    const raw = Tool.dynamic("raw", { parameters: { type: "object", properties: {} } })
    const { tools } = params([{ role: "user", content: "hi" }], [exec, Tool.make("bare"), raw])
    const schema = {
      type: "object",
      properties: { command: { type: "string" } },
      required: ["command"],
      additionalProperties: true
    }
    assert.deepStrictEqual(tools as unknown, [
      { name: "exec", description: "Runs", input_schema: schema },
      { name: "bare", input_schema: { type: "object", additionalProperties: false } },
      { name: "raw", input_schema: { type: "object", properties: {} } }
    ])
  })
})
