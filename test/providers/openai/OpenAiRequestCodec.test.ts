import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import { type Dialect, dialectOf, toParams } from "../../../src/providers/openai/OpenAiRequestCodec.ts"
import type { ProviderRequest } from "../../../src/providers/Provider.ts"
import { violations } from "../../support/OpenAiServer.ts"

const plain: Dialect = { maxTokensField: "max_tokens", highestEffort: "high" }

const params = (messages: ReadonlyArray<Prompt.MessageEncoded>, tools: ReadonlyArray<Tool.Any> = []) => {
  const request = { model: "m", prompt: Prompt.make(messages), tools, maxTokens: 10 }
  const given = toParams(request, plain)
  assert.deepStrictEqual(violations(JSON.parse(JSON.stringify(given))), [])
  return given
}
const messages = (...given: ReadonlyArray<Prompt.MessageEncoded>): unknown => params(given).messages

const call = (id: string) => ({ type: "tool-call", id, name: "exec", params: { command: "ls" } }) as const
const result = (id: string, value: unknown, isFailure = false) =>
  ({ type: "tool-result", id, name: "exec", isFailure, result: value }) as const
const called = (id: string) => ({ id, type: "function", function: { name: "exec", arguments: '{"command":"ls"}' } })
const go = { role: "user", content: "go" } as const

describe("OpenAiRequestCodec", () => {
  it("leaves out what is not there", () => {
    assert.deepStrictEqual(params([{ role: "user", content: "hi" }]) as unknown, {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      max_tokens: 10,
      stream: true,
      stream_options: { include_usage: true }
    })
  })

  const addresses: ReadonlyArray<readonly [url: string, ...dialect: ReadonlyArray<string>]> = [
    ["https://api.openai.com/v1", "max_completion_tokens", "max"],
    ["https://eu.api.openai.com/v1/", "max_completion_tokens", "max"],
    ["https://us.openai.azure.com/openai/v1", "max_completion_tokens", "max"],
    ["https://openrouter.ai/api/v1", "max_tokens", "xhigh"],
    ["http://127.0.0.1:11434/v1", "max_tokens", "high"],
    ["https://api.openai.com.example/v1", "max_tokens", "high"],
    ["nowhere", "max_tokens", "high"]
  ]
  const request: ProviderRequest = { model: "m", prompt: Prompt.make("hi"), tools: [], maxTokens: 10 }

  it("tells each server the most tokens in the field it knows", () => {
    for (const [url, field, effort] of addresses) {
      assert.deepStrictEqual(Object.values(dialectOf(url)), [field, effort], url)
    }
    assert.include(toParams(request, { ...plain, maxTokensField: "max_completion_tokens" }), {
      max_completion_tokens: 10
    })
  })

  const efforts: ReadonlyArray<readonly [Partial<ProviderRequest>, Dialect["highestEffort"], string | undefined]> = [
    [{}, "max", undefined],
    [{ effort: "low" }, "high", "low"],
    [{ effort: "xhigh" }, "high", "high"],
    [{ effort: "max" }, "high", "high"],
    [{ effort: "max" }, "xhigh", "xhigh"],
    [{ effort: "max" }, "max", "max"],
    [{ effort: "medium", thinking: "adaptive" }, "high", "medium"],
    [{ effort: "medium", thinking: { budget: 2048 } }, "high", "medium"],
    [{ thinking: { budget: 2048 } }, "high", undefined],
    [{ effort: "high", thinking: "off" }, "high", "none"]
  ]

  it("tells how hard to try as far as the server has words for it", () => {
    for (const [asked, highestEffort, expected] of efforts) {
      const { reasoning_effort } = toParams({ ...request, ...asked }, { ...plain, highestEffort })
      assert.strictEqual(reasoning_effort ?? undefined, expected, JSON.stringify(asked))
    }
  })

  it("leaves out tools that another provider runs itself", () => {
    const providerTools = [{ type: "web_search_20260318", name: "web_search" }]
    assert.deepStrictEqual(toParams({ ...request, providerTools }, plain), toParams(request, plain))
  })

  it("puts all system messages first, as one", () => {
    assert.deepStrictEqual(
      messages(
        { role: "system", content: "one" },
        { role: "user", content: "hi" },
        { role: "system", content: " " },
        { role: "system", content: "two" }
      ),
      [
        { role: "system", content: "one\n\ntwo" },
        { role: "user", content: "hi" }
      ]
    )
  })

  it("puts results right after their calls, in the order of the calls, and before what a person said meanwhile", () => {
    assert.deepStrictEqual(
      messages(
        go,
        { role: "assistant", content: [{ type: "text", text: "ok" }, call("a"), call("b")] },
        { role: "user", content: "hurry" },
        { role: "tool", content: [result("b", { code: 1 }, true)] },
        { role: "tool", content: [result("a", "one")] },
        { role: "user", content: "please" }
      ),
      [
        go,
        { role: "assistant", content: "ok", tool_calls: [called("a"), called("b")] },
        { role: "tool", tool_call_id: "a", content: "one" },
        { role: "tool", tool_call_id: "b", content: 'Error: {"code":1}' },
        { role: "user", content: "hurry\n\nplease" }
      ]
    )
  })

  it("answers calls whose result is not there, and drops results without a call", () => {
    assert.deepStrictEqual(
      messages(
        go,
        { role: "assistant", content: [call("a")] },
        { role: "user", content: "and?" },
        { role: "tool", content: [result("z", "stray")] },
        { role: "assistant", content: [call("b")] }
      ),
      [
        go,
        { role: "assistant", content: null, tool_calls: [called("a")] },
        { role: "tool", tool_call_id: "a", content: "(no result)" },
        { role: "user", content: "and?" },
        { role: "assistant", content: null, tool_calls: [called("b")] },
        { role: "tool", tool_call_id: "b", content: "(no result)" }
      ]
    )
  })

  it("keeps calls and results together when replies follow each other", () => {
    assert.deepStrictEqual(
      messages(
        go,
        { role: "assistant", content: [call("a")] },
        { role: "assistant", content: [{ type: "text", text: "and" }, call("b")] },
        { role: "tool", content: [result("a", 1), result("b", 2)] }
      ),
      [
        go,
        { role: "assistant", content: "and", tool_calls: [called("a"), called("b")] },
        { role: "tool", tool_call_id: "a", content: "1" },
        { role: "tool", tool_call_id: "b", content: "2" }
      ]
    )
  })

  it("sends no thinking, no empty text and nothing that ran on a provider's side", () => {
    assert.deepStrictEqual(
      messages(
        go,
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "hm", options: { anthropic: { signature: "sig" } } },
            { ...call("s"), providerExecuted: true },
            { ...result("s", "found"), providerExecuted: true },
            { type: "text", text: " \n" }
          ]
        },
        { role: "user", content: "still there?" }
      ),
      [{ role: "user", content: "go\n\nstill there?" }]
    )
  })

  it("lets a person speak first, whoever did", () => {
    assert.deepStrictEqual(messages({ role: "assistant", content: "Welcome!" }, go), [
      { role: "user", content: "(The conversation begins.)" },
      { role: "assistant", content: "Welcome!" },
      go
    ])
  })

  it("makes ids and inputs of other providers fit, and keeps long ids apart", () => {
    const long = (end: string) => `call_${"x".repeat(60)}${end}`
    const given = params([
      go,
      { role: "assistant", content: [{ ...call("call:1.a"), params: "no object" }, call(long("1")), call(long("2"))] },
      { role: "tool", content: [result("call:1.a", undefined), result(long("1"), 1), result(long("2"), 2)] }
    ])
    const ids = given.messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : []))
    assert.strictEqual(ids[0], "call_1_a")
    assert.lengthOf(new Set(ids), 3)
    assert.deepStrictEqual(
      given.messages.slice(2).map(({ content }) => content),
      ["null", "1", "2"]
    )
  })

  it("makes names fit that another provider's model made up", () => {
    const { messages } = params([
      go,
      {
        role: "assistant",
        content: [
          { ...call("a"), name: "functions.exec" },
          { ...call("b"), name: "x".repeat(99) }
        ]
      }
    ])
    const names = messages.flatMap((message) =>
      message.role === "assistant"
        ? (message.tool_calls ?? []).map((one) => (one.type === "function" ? one.function.name : ""))
        : []
    )
    assert.deepStrictEqual(names, ["functions_exec", "x".repeat(64)])
  })

  it("shows images and documents by data URL, and names other files", () => {
    const png = { type: "file", mediaType: "image/png", data: Uint8Array.of(1, 2, 3) } as const
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }
    const text = (value: string) => ({ type: "text", text: value })
    assert.deepStrictEqual(
      messages(
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            png,
            { type: "file", mediaType: "image/webp", data: new URL("https://a.example/b") },
            { type: "file", mediaType: "application/pdf", data: "AQID" },
            { type: "file", mediaType: "application/pdf", data: new URL("https://a.example/c") },
            { type: "file", mediaType: "audio/ogg", fileName: "song", data: "AQID" }
          ]
        },
        { role: "assistant", content: [call("a")] },
        { role: "tool", content: [{ ...result("a", null), modelOutput: [{ type: "text", text: "see" }, png] }] }
      ),
      [
        {
          role: "user",
          content: [
            text("look"),
            image,
            { type: "image_url", image_url: { url: "https://a.example/b" } },
            { type: "file", file: { filename: "document.pdf", file_data: "data:application/pdf;base64,AQID" } },
            text("[the file https://a.example/c of type application/pdf cannot be shown to this model]"),
            text("[the file song of type audio/ogg cannot be shown to this model]")
          ]
        },
        { role: "assistant", content: null, tool_calls: [called("a")] },
        { role: "tool", tool_call_id: "a", content: "see\n[a file of type image/png]" },
        { role: "user", content: [text("[from the tool exec:]"), image] }
      ]
    )
  })

  it("describes tools as functions by their JSON Schema, not strict", () => {
    const exec = Tool.make("exec", { description: "Runs", parameters: Schema.Struct({ command: Schema.String }) })
    const { tools } = params([go], [exec, Tool.make("bare")])
    const schema = {
      type: "object",
      properties: { command: { type: "string" } },
      required: ["command"],
      additionalProperties: true
    }
    assert.deepStrictEqual(tools as unknown, [
      { type: "function", function: { name: "exec", description: "Runs", parameters: schema, strict: false } },
      {
        type: "function",
        function: {
          name: "bare",
          parameters: { type: "object", properties: {}, additionalProperties: false },
          strict: false
        }
      }
    ])
  })
})
