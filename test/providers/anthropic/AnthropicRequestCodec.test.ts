import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt, Tool } from "effect/ai"
import type { ProviderRequest } from "../../../src/providers/Provider.ts"
import { toCountParams, toParams } from "../../../src/providers/anthropic/AnthropicRequestCodec.ts"

const asking = (messages: ReadonlyArray<Prompt.MessageEncoded>, more?: Partial<ProviderRequest>): ProviderRequest => ({
  model: "m",
  prompt: Prompt.make(messages),
  tools: [],
  maxTokens: 10,
  ...more
})
const params = (messages: ReadonlyArray<Prompt.MessageEncoded>, more?: Partial<ProviderRequest>) =>
  toParams(asking(messages, more), { caching: "off" })

const call = (id: string) => ({ type: "tool-call", id, name: "exec", params: { command: "ls" } }) as const
const result = (id: string, value: unknown, isFailure = false) =>
  ({ type: "tool-result", id, name: "exec", isFailure, result: value }) as const
const toolUse = (id: string) => ({ type: "tool_use", id, name: "exec", input: { command: "ls" } })
const text = (value: string) => ({ type: "text", text: value }) as const

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

  it("never ends a reply with thinking, and leaves out one that has nothing else", () => {
    const thought = { type: "reasoning", text: "hm", options: { anthropic: { signature: "sig" } } } as const
    const redacted = { type: "reasoning", text: "", options: { anthropic: { redactedData: "xyz" } } } as const
    const replies = (...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>) =>
      params([
        { role: "user", content: "one" },
        { role: "assistant", content },
        { role: "user", content: "two" }
      ]).messages as unknown
    const [one, two] = [text("one"), text("two")]
    const alone = [{ role: "user", content: [one, two] }]
    assert.deepStrictEqual(replies(thought, redacted), alone)
    assert.deepStrictEqual(replies(thought, text(" \n")), alone)
    const answered = [
      { role: "user", content: [one] },
      { role: "assistant", content: [{ type: "thinking", thinking: "hm", signature: "sig" }, text("ok")] },
      { role: "user", content: [two] }
    ]
    assert.deepStrictEqual(replies(thought, text("ok"), thought, redacted), answered)
    const { messages } = params([{ role: "user", content: "one" }, assistant(thought)])
    assert.deepStrictEqual(messages as unknown, [{ role: "user", content: [one] }])
  })

  it("tells calls apart whose ids another provider gave twice", () => {
    const round = (value: string) =>
      [assistant(call("call:0")), { role: "tool", content: [result("call:0", value)] }] as const
    const other = [assistant(call("call_0_2")), { role: "tool", content: [result("call_0_2", "x")] } as const]
    const messages = [{ role: "user", content: "go" } as const, ...round("one"), ...other, ...round("two")]
    const sent = params([...messages, ...round("three")]).messages.flatMap(({ content }) =>
      typeof content === "string" ? [] : content
    )
    const ids = sent.flatMap((block) => (block.type === "tool_use" ? [block.id] : []))
    assert.deepStrictEqual(ids, ["call_0", "call_0_2", "call_0_3", "call_0_4"])
    const answered = sent.flatMap((block) => (block.type === "tool_result" ? [[block.tool_use_id, block.content]] : []))
    assert.deepStrictEqual(answered as unknown, [
      ["call_0", [text("one")]],
      ["call_0_2", [text("x")]],
      ["call_0_3", [text("two")]],
      ["call_0_4", [text("three")]]
    ])
  })

  it("makes names fit that another provider's model made up", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      assistant({ ...call("a"), name: "functions.exec" }, { ...call("b"), name: "x".repeat(200) })
    ])
    const names = messages.flatMap(({ content }) =>
      typeof content === "string" ? [] : content.flatMap((block) => (block.type === "tool_use" ? [block.name] : []))
    )
    assert.deepStrictEqual(names, ["functions_exec", "x".repeat(128)])
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

  const search = (
    id: string,
    options: Prompt.ProviderOptions = { anthropic: { block: { type: "server_tool_use" } } }
  ) => ({ type: "tool-call", id, name: "web_search", params: { query: id }, providerExecuted: true, options }) as const
  const found = (id: string) =>
    ({
      ...result(id, [id]),
      providerExecuted: true,
      options: { anthropic: { block: { type: "web_search_tool_result" } } }
    }) as const
  const searching = (id: string) => ({ type: "server_tool_use", id, name: "web_search", input: { query: id } })
  const finding = (id: string) => ({ type: "web_search_tool_result", tool_use_id: id, content: [id] })
  const assistant = (...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>) =>
    ({ role: "assistant", content }) as const

  it("leaves out what ran on another provider's side", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      assistant(search("s", {}), { ...result("s", "found"), providerExecuted: true }, text("done"))
    ])
    assert.deepStrictEqual(messages[1]?.content as unknown, [text("done")])
  })

  it("sends a paused turn as it is, and joins what became of it", () => {
    const paused = [{ role: "user", content: "go" } as const, assistant(text("Well."), search("a"))]
    const { messages } = params(paused)
    assert.deepStrictEqual(messages[1]?.content as unknown, [text("Well."), searching("a")])
    const later = params([...paused, assistant(found("a"), search("b"), found("b"), text("So."))])
    const content = [text("Well."), searching("a"), finding("a"), searching("b"), finding("b"), text("So.")]
    assert.deepStrictEqual(later.messages.slice(1) as unknown, [{ role: "assistant", content }])
  })

  it("lets a call of the API's own wait beside calls of ours", () => {
    const { messages } = params([
      { role: "user", content: "go" },
      assistant(search("s"), call("a")),
      { role: "tool", content: [result("a", "one")] },
      { role: "user", content: "hurry" }
    ])
    assert.deepStrictEqual(messages[1]?.content as unknown, [searching("s"), toolUse("a")])
  })

  it("never sends a call of the API's own without a result where none will come, nor the other way round", () => {
    const cut = { anthropic: { block: { type: "server_tool_use" }, unparsedInput: '{"query' } }
    const { messages } = params([
      { role: "user", content: "go" },
      assistant(text("Well."), search("a"), found("b")),
      { role: "user", content: "stop" },
      assistant(search("c", cut), text("Fine."))
    ])
    assert.deepStrictEqual(messages[1]?.content as unknown, [text("Well.")])
    assert.deepStrictEqual(messages[3]?.content as unknown, [text("Fine.")])
  })

  it("goes on in the container of a paused turn, and in none afterwards", () => {
    const container = { type: "reasoning", text: "", options: { anthropic: { container: "container_1" } } } as const
    const go = { role: "user", content: "go" } as const
    const paused = [go, assistant(search("a"), found("a"), container)]
    assert.strictEqual(params(paused).container, "container_1")
    assert.deepStrictEqual(params(paused).messages[1]?.content as unknown, [searching("a"), finding("a")])
    const waiting = [
      go,
      assistant(search("a"), call("b"), container),
      { role: "tool", content: [result("b", 1)] } as const
    ]
    assert.strictEqual(params([...waiting, go]).container, "container_1")
    assert.isUndefined(params([...paused, assistant(text("done")), go]).container)
    assert.isUndefined(params([...paused, go, assistant(text("done"))]).container)
  })

  it("sends citations, files in a container and the caller of a tool back with what they belong to", () => {
    const citations = [{ type: "char_location", cited_text: "Hi" }]
    const upload = { type: "container_upload", file_id: "file_1" }
    const caller = { type: "direct" }
    const { messages } = params([
      { role: "user", content: "go" },
      assistant(
        { ...text("Hi"), options: { anthropic: { citations } } },
        { type: "reasoning", text: "", options: { anthropic: { block: upload } } },
        { ...call("a"), options: { anthropic: { block: { caller } } } }
      )
    ])
    const content = [{ ...text("Hi"), citations }, upload, { ...toolUse("a"), caller }]
    assert.deepStrictEqual(messages[1]?.content as unknown, content)
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
          { type: "file", mediaType: "audio/ogg", fileName: "song", data: "AQID" },
          {
            type: "file",
            mediaType: "text/plain; charset=utf-8",
            fileName: "a.txt",
            data: new TextEncoder().encode("é")
          },
          { type: "file", mediaType: "text/markdown", data: "IyBI" },
          { type: "file", mediaType: "text/plain", data: new URL("https://a.example/d") },
          { type: "file", mediaType: "text/plain", fileName: "b.txt", data: "" }
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
      text("[the file song of type audio/ogg cannot be shown to this model]"),
      { type: "document", source: { type: "text", media_type: "text/plain", data: "é" }, title: "a.txt" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "# H" } },
      text("[the file  of type text/plain cannot be shown to this model]"),
      text("[the file b.txt of type text/plain cannot be shown to this model]")
    ])
    assert.deepStrictEqual(messages[2]?.content as unknown, [
      { type: "tool_result", tool_use_id: "a", content: [text("see"), image] }
    ])
  })

  it("describes tools by their JSON Schema", () => {
    const exec = Tool.make("exec", { description: "Runs", parameters: Schema.Struct({ command: Schema.String }) })
    const raw = Tool.dynamic("raw", { parameters: { type: "object", properties: {} } })
    const { tools } = params([{ role: "user", content: "hi" }], { tools: [exec, Tool.make("bare"), raw] })
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

  it("sends the provider's own tools as they are, before ours", () => {
    const webSearch = { type: "web_search_20260318", name: "web_search", max_uses: 3 }
    const { tools } = params([{ role: "user", content: "hi" }], {
      tools: [Tool.make("bare")],
      providerTools: [webSearch, { name: "of no type" }]
    })
    assert.deepStrictEqual(tools?.[0] as unknown, webSearch)
    assert.deepStrictEqual(
      tools?.map((tool) => ("name" in tool ? tool.name : "")),
      ["web_search", "bare"]
    )
  })

  it("says how hard to try and whether to think", () => {
    const hi = [{ role: "user", content: "hi" }] as const
    const thinking = [
      ["adaptive", { type: "adaptive" }, 4096],
      ["off", { type: "disabled" }, 4096],
      [{ budget: 2048 }, { type: "enabled", budget_tokens: 2048 }, 4096],
      [{ budget: 4096 }, { type: "enabled", budget_tokens: 4096 }, 8192]
    ] as const
    for (const [ours, theirs, tokens] of thinking) {
      const given = params(hi, { thinking: ours, effort: "xhigh", maxTokens: 4096 })
      assert.deepStrictEqual(given.thinking, theirs)
      assert.deepStrictEqual(given.output_config, { effort: "xhigh" })
      assert.strictEqual(given.max_tokens, tokens)
      assert.deepStrictEqual(toCountParams(asking(hi, { thinking: ours })).thinking, theirs)
    }
  })

  it("goes on without a budget for thinking where the calls to be answered were made without any", () => {
    const asked = (...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>) =>
      params(
        [{ role: "user", content: "go" }, assistant(...content), { role: "tool", content: [result("a", "one")] }],
        { thinking: { budget: 2048 }, maxTokens: 4096 }
      )
    const thought = { type: "reasoning", text: "hm", options: { anthropic: { signature: "sig" } } } as const
    assert.notProperty(asked(call("a")), "thinking")
    assert.property(asked(thought, call("a")), "thinking")
  })

  it("shows nothing but text of a failure", () => {
    const png = { type: "file", mediaType: "image/png", data: Uint8Array.of(1, 2, 3) } as const
    const shown = { ...result("a", null, true), modelOutput: [{ type: "text", text: "see" } as const, png] }
    const { messages } = params([
      { role: "user", content: "go" },
      assistant(call("a")),
      { role: "tool", content: [shown] }
    ])
    assert.deepStrictEqual(messages[2]?.content as unknown, [
      { type: "tool_result", tool_use_id: "a", content: [text("see")], is_error: true }
    ])
  })

  it("asks why the cache was of no use only if it is told to", () => {
    const hi = asking([{ role: "user", content: "hi" }])
    assert.notProperty(toParams(hi), "diagnostics")
    const first = toParams(hi, { cacheDiagnosis: true })
    assert.deepStrictEqual(first.diagnostics, { previous_message_id: null })
    const next = toParams({ ...hi, previous: "msg_1" }, { cacheDiagnosis: true })
    assert.deepStrictEqual(next.diagnostics, { previous_message_id: "msg_1" })
    const elsewhere = toParams({ ...hi, previous: "chatcmpl-1" }, { cacheDiagnosis: true })
    assert.deepStrictEqual(elsewhere.diagnostics, { previous_message_id: null })
  })

  const said = Schema.NonEmptyString
  /** One turn: what a person says, calls with their results if any, and the answer. */
  const Exchange = Schema.Struct({ person: said, calls: Schema.Array(said), thought: said, answer: said })
  const told = ({ answer, calls, person, thought }: typeof Exchange.Type, at: number) => {
    const ids = calls.map((_, index) => `call_${at}_${index}`)
    const reasoning = { type: "reasoning", text: thought, options: { anthropic: { signature: thought } } } as const
    const asked = assistant(reasoning, ...ids.map((id) => call(id)))
    const results = ids.map((id, index) => result(id, calls[index]))
    return [
      { role: "user", content: person } as const,
      ...(ids.length === 0 ? [] : [asked, { role: "tool", content: results } as const]),
      assistant(text(`${answer}.`))
    ]
  }

  it.prop(
    "makes the same bytes of the same conversation, and begins those of a longer one with them",
    [Schema.Array(Exchange).check(Schema.isMinLength(1), Schema.isMaxLength(4)), Schema.Int],
    ([exchanges, cut]) => {
      const system = { role: "system", content: "Be brief." } as const
      const whole = [system, ...exchanges.flatMap(told)]
      const length = 2 + (Math.abs(cut) % (whole.length - 1))
      const more = { tools: [Tool.make("exec")], providerTools: [{ type: "web_search_20260318", name: "web_search" }] }
      const bytes = (messages: ReadonlyArray<Prompt.MessageEncoded>) => JSON.stringify(params(messages, more))
      const shorter = bytes(whole.slice(0, length))
      assert.strictEqual(bytes(whole.slice(0, length)), shorter)
      const open = shorter.slice(0, -"]}]}".length)
      assert.isTrue(bytes(whole).startsWith(open), `${bytes(whole)} does not begin with ${open}`)
    }
  )
})
