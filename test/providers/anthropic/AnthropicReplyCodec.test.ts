import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt } from "effect/ai"
import type { ProviderPart } from "../../../src/providers/Provider.ts"
import * as Reply from "../../../src/providers/anthropic/AnthropicReplyCodec.ts"
import { type Event, reply } from "../../support/AnthropicServer.ts"

const read = (events: ReadonlyArray<Event>) =>
  Reply.read(
    Reply.initial,
    events.map((event) => JSON.stringify(event))
  )

const start: Event = { type: "message_start", message: { id: "msg", model: "m", usage: { input_tokens: 3 } } }
const stop: Event = { type: "message_stop" }
const ended = (stop_reason: string | null, usage?: object): Event => ({
  type: "message_delta",
  delta: { stop_reason },
  ...(usage === undefined ? undefined : { usage })
})
const block = (content_block: object, ...deltas: ReadonlyArray<object>): ReadonlyArray<Event> => [
  { type: "content_block_start", index: 0, content_block },
  ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
  { type: "content_block_stop", index: 0 }
]

const finishOf = (parts: ReadonlyArray<ProviderPart>) => {
  const last = parts.at(-1)
  assert(last?.type === "finish")
  return last
}

const callOf = (parts: ReadonlyArray<ProviderPart>) => {
  const call = parts.find((part) => part.type === "tool-call")
  assert(call !== undefined)
  return call
}

describe("AnthropicReplyCodec", () => {
  const reasons = [
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "pause"],
    ["refusal", "content-filter"],
    ["brand_new", "other"],
    [null, "unknown"]
  ] as const

  it("maps every stop reason", () => {
    for (const [theirs, ours] of reasons) {
      const finish = finishOf(read([start, ended(theirs), stop]).parts)
      assert.strictEqual(finish.reason, ours, String(theirs))
      assert.deepStrictEqual(finish.metadata, { anthropic: { stopReason: theirs, usage: {} } })
    }
  })

  it("keeps what a refusal says of itself", () => {
    const details = [
      [
        { type: "refusal", category: "cyber", explanation: "no" },
        { category: "cyber", explanation: "no" }
      ],
      [{ type: "refusal", category: null, explanation: null }, {}],
      [null, {}]
    ] as const
    for (const [stop_details, kept] of details) {
      const delta = { stop_reason: "refusal", stop_details }
      const finish = finishOf(read([start, { type: "message_delta", delta }, stop]).parts)
      assert.deepStrictEqual(finish.metadata["anthropic"], { stopReason: "refusal", ...kept, usage: {} })
    }
  })

  it("keeps what is priced by itself, from wherever in the answer it is told", () => {
    const before = { input_tokens: 3, cache_creation: { ephemeral_1h_input_tokens: 7 }, service_tier: "priority" }
    const usage = { output_tokens: 4, server_tool_use: { web_search_requests: 2, web_fetch_requests: null } }
    const finish = finishOf(read([{ ...start, message: { usage: before } }, ended("end_turn", usage), stop]).parts)
    const expected = { cacheWriteHour: 7, webSearches: 2, serviceTier: "priority" }
    assert.deepStrictEqual(finish.metadata["anthropic"], { stopReason: "end_turn", usage: expected })
  })

  it("keeps why the cache was of no use, once that is known", () => {
    const reasons = [
      [
        { type: "tools_changed", cache_missed_input_tokens: 900 },
        { type: "tools_changed", tokens: 900 }
      ],
      [{ type: "previous_message_not_found" }, { type: "previous_message_not_found" }],
      [null, undefined]
    ] as const
    for (const [cache_miss_reason, kept] of reasons) {
      const message = { id: "msg", diagnostics: { cache_miss_reason } }
      const finish = finishOf(read([{ type: "message_start", message }, ended("end_turn"), stop]).parts)
      const metadata = { stopReason: "end_turn", usage: {}, ...(kept === undefined ? undefined : { cacheMiss: kept }) }
      assert.deepStrictEqual(finish.metadata["anthropic"], metadata)
    }
  })

  it("takes later usage for the whole, and sums up what the cache did", () => {
    const before = { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: null, output_tokens: 1 }
    const usage = { cache_read_input_tokens: 100, output_tokens: 40, output_tokens_details: { thinking_tokens: 15 } }
    const finish = finishOf(read([{ ...start, message: { usage: before } }, ended("end_turn", usage), stop]).parts)
    assert.deepStrictEqual({ ...finish.usage.inputTokens }, { uncached: 3, cacheWrite: 20, cacheRead: 100, total: 123 })
    assert.deepStrictEqual({ ...finish.usage.outputTokens }, { total: 40, reasoning: 15, text: 25 })
  })

  const tool = { type: "tool_use", id: "toolu_1", name: "exec", input: {} }
  const json = (partial_json: string) => ({ type: "input_json_delta", partial_json })
  const inputs: ReadonlyArray<readonly [object, ReadonlyArray<object>, unknown, unknown]> = [
    [tool, [json('{"command"'), json(':"ls"}')], { command: "ls" }, {}],
    [tool, [], {}, {}],
    [tool, [json("")], {}, {}],
    [{ ...tool, input: undefined }, [], {}, {}],
    [{ ...tool, input: { command: "ls" } }, [], { command: "ls" }, {}],
    [tool, [json('{"command":"l')], {}, { anthropic: { unparsedInput: '{"command":"l' } }],
    [tool, [json('["ls"]')], {}, { anthropic: { unparsedInput: '["ls"]' } }]
  ]

  it("parses a tool's input when it is whole, and says so when it is not", () => {
    for (const [content, deltas, params, metadata] of inputs) {
      const call = callOf(read([...block(content, ...deltas), ended("tool_use"), stop]).parts)
      assert.deepStrictEqual([call.id, call.name, call.providerExecuted], ["toolu_1", "exec", false])
      assert.deepStrictEqual([call.params, call.metadata], [params, metadata])
    }
  })

  it("takes a call without input for cut off where the reply reached its length limit there", () => {
    const metadata = (...events: ReadonlyArray<Event>) =>
      read([...events, ended("max_tokens"), stop]).parts.flatMap((part) =>
        part.type === "tool-call" ? [part.metadata] : []
      )
    const cut = { anthropic: { unparsedInput: "" } }
    assert.deepStrictEqual(metadata(...block(tool)), [cut])
    assert.deepStrictEqual(metadata(...block(tool, json(""))), [cut])
    assert.deepStrictEqual(metadata(...block(tool), ...block({ ...tool, id: "toolu_2" })), [{}, cut])
    assert.deepStrictEqual(metadata(...block(tool), ...block({ type: "text", text: "So" })), [{}])
    assert.deepStrictEqual(metadata(...block(tool, json("{}"))), [{}])
    assert.deepStrictEqual(metadata(...block({ ...tool, input: { command: "ls" } })), [{}])
  })

  it("announces a tool call and its input as they come", () => {
    const parts = read(block(tool, json('{"command"'), json(':"ls"}'))).parts
    const types = parts.map((part) => part.type)
    const deltas = ["tool-params-delta", "tool-params-delta"]
    assert.deepStrictEqual(types, ["tool-params-start", ...deltas, "tool-params-end", "tool-call"])
  })

  it("takes what never ended for ended where the answer does", () => {
    const open = [
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "hm", signature: "sig" } },
      { type: "content_block_start", index: 1, content_block: tool },
      { type: "content_block_delta", index: 1, delta: json('{"command":"ls"}') }
    ]
    const { parts } = read([start, ...open, ended("tool_use"), stop])
    assert.deepStrictEqual(callOf(parts).params, { command: "ls" })
    const [message] = Prompt.fromResponseParts(parts).content
    assert(message?.role === "assistant")
    assert.deepStrictEqual(
      message.content.map((part) => part.type),
      ["reasoning", "tool-call"]
    )
    assert.strictEqual(finishOf(parts).reason, "tool-calls")
  })

  it("keeps calls made in parallel apart", () => {
    const calls = [
      { id: "a", name: "exec", input: { command: "ls" } },
      { id: "b", name: "exec", input: { command: "pwd" } }
    ]
    const parts = read(reply({ text: "Both.", calls })).parts
    const made = parts.flatMap((part) =>
      part.type === "tool-call" ? [{ id: part.id, name: part.name, input: part.params }] : []
    )
    assert.deepStrictEqual(made, calls)
  })

  it("keeps thinking and its signature through a prompt", () => {
    const thinking = block(
      { type: "thinking", thinking: "", signature: "" },
      { type: "thinking_delta", thinking: "hm" },
      { type: "thinking_delta", thinking: "m" },
      { type: "signature_delta", signature: "sig" }
    )
    const [message] = Prompt.fromResponseParts(read(thinking).parts).content
    assert(message?.role === "assistant")
    const part = message.content[0]
    assert(part?.type === "reasoning")
    assert.deepStrictEqual([part.text, part.options], ["hmm", { anthropic: { signature: "sig" } }])
  })

  it("keeps redacted thinking through a prompt", () => {
    const [message] = Prompt.fromResponseParts(read(block({ type: "redacted_thinking", data: "xyz" })).parts).content
    assert(message?.role === "assistant")
    assert.deepStrictEqual(message.content[0]?.options, { anthropic: { redactedData: "xyz" } })
  })

  it("takes text and thinking that come with the start of their block", () => {
    const types = (content: object) =>
      read(block(content)).parts.map((part) => ("delta" in part ? part.delta : part.type))
    assert.deepStrictEqual(types({ type: "text", text: "Hi" }), ["text-start", "Hi", "text-end"])
    const thought = { type: "thinking", thinking: "hm", signature: "sig" }
    assert.deepStrictEqual(types(thought), ["reasoning-start", "hm", "reasoning-end"])
  })

  const search = { type: "server_tool_use", id: "srv", name: "web_search", input: {}, caller: { type: "direct" } }
  const found = [{ type: "web_search_result", url: "https://a.example", title: "A", encrypted_content: "xyz" }]

  it("takes a tool that the API ran for a call and its result, with all that goes back", () => {
    const call = callOf(read(block(search, json('{"query":'), json('"x"}'))).parts)
    assert.deepStrictEqual([call.id, call.name, call.providerExecuted], ["srv", "web_search", true])
    assert.deepStrictEqual(call.params, { query: "x" })
    const kept = { block: { type: "server_tool_use", caller: { type: "direct" } } }
    assert.deepStrictEqual(call.metadata, { anthropic: kept })

    const returned = { type: "web_search_tool_result", tool_use_id: "srv", content: found }
    const [result] = read(block(returned)).parts
    assert(result?.type === "tool-result")
    assert.deepStrictEqual([result.id, result.name, result.isFailure], ["srv", "web_search", false])
    assert.deepStrictEqual([result.providerExecuted, result.encodedResult], [true, found])
    assert.deepStrictEqual(result.metadata, { anthropic: { block: { type: "web_search_tool_result" } } })
  })

  it("knows the failure of a tool that the API ran", () => {
    const content = { type: "bash_code_execution_tool_result_error", error_code: "unavailable" }
    const [result] = read(block({ type: "bash_code_execution_tool_result", tool_use_id: "srv", content })).parts
    assert(result?.type === "tool-result")
    assert.isTrue(result.isFailure)
  })

  it("keeps citations with their text, and a file in a container, through a prompt", () => {
    const citation = { type: "char_location", cited_text: "Hi" }
    const text = block(
      { type: "text", text: "", citations: [] },
      { type: "citations_delta", citation },
      { type: "text_delta", text: "Hi" },
      { type: "citations_delta", citation }
    )
    const upload = { type: "container_upload", file_id: "file_1" }
    const [message] = Prompt.fromResponseParts(read([...text, ...block(upload)]).parts).content
    assert(message?.role === "assistant")
    assert.deepStrictEqual(
      message.content.map((part) => ("text" in part ? [part.type, part.text, part.options] : part.type)),
      [
        ["text", "Hi", { anthropic: { citations: [citation, citation] } }],
        ["reasoning", "", { anthropic: { block: upload } }]
      ]
    )
  })

  it("keeps who made the model call a tool of ours", () => {
    const caller = { type: "code_execution_20260120", tool_id: "srv" }
    const call = callOf(read(block({ ...tool, caller, toolset_name: "browser" }, json("{}"))).parts)
    assert.deepStrictEqual(call.metadata, { anthropic: { block: { caller, toolset_name: "browser" } } })
    assert.isFalse(call.providerExecuted)
  })

  it("passes over blocks, deltas and events it knows nothing of", () => {
    const silent: ReadonlyArray<ReadonlyArray<Event>> = [
      block({ type: "brand_new" }, { type: "brand_new_delta" }),
      block({ type: "brand_new" }, { type: "brand_new_delta", text: { of: "another shape" }, signature: null }),
      block({ type: "server_tool_use", name: "without an id" }, json("{}")),
      block({ type: "web_search_tool_result", content: [] }),
      block({ type: "web_search_tool_result", tool_use_id: "srv" }),
      [{ type: "content_block_delta", index: 7, delta: { type: "text_delta", text: "stray" } }],
      [{ type: "content_block_stop", index: 7 }],
      [{ type: "ping" }],
      [{ type: "brand_new_event" }]
    ]
    for (const events of silent) assert.deepStrictEqual(read(events), { state: Reply.initial, parts: [] })
    const parts = read(block({ type: "text", text: "" }, { type: "text_delta", text: "Hi" }, json("{}"))).parts
    assert.deepStrictEqual(
      parts.map((part) => part.type),
      ["text-start", "text-delta", "text-end"]
    )
  })

  const Noise = Schema.Record(Schema.String, Schema.Json)
  const Unheard = Schema.String.check(Schema.makeFilter((type) => !known.has(type)))
  const known = new Set([
    ...["message_start", "message_delta", "message_stop", "error", "text", "thinking", "redacted_thinking", "tool_use"],
    ...["content_block_start", "content_block_delta", "content_block_stop", "server_tool_use", "container_upload"],
    ...["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"]
  ])

  it.prop(
    "reads the same whatever unknown events, blocks and deltas stand in between",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })), Unheard, Noise],
    ([at, type, noise]) => {
      const events = reply({ thinking: { text: "hm", signature: "sig" }, text: "one two" })
      const strange: ReadonlyArray<Event> = [
        { ...noise, type },
        { type: "content_block_start", index: 90, content_block: { ...noise, type } },
        { type: "content_block_delta", index: 90, delta: { type } },
        { type: "content_block_delta", index: 0, delta: { type } },
        { type: "content_block_stop", index: 90 }
      ]
      const mixed = read([...events.slice(0, at), ...strange, ...events.slice(at)])
      const whole = type.endsWith("_tool_result") ? mixed : read(events)
      assert.deepStrictEqual(mixed, whole)
    }
  )

  it("stops at an error, and at what it cannot understand, with all that came before", () => {
    const error = { error: { type: "overloaded_error", message: "Overloaded" } }
    const events = [start, { type: "error", ...error }, ...block({ type: "text", text: "late" })]
    const reading = read(events)
    assert.strictEqual(reading.parts.length, 1)
    assert.deepInclude(reading.broken, error)
    const malformed = [
      ["{", "an event of the answer is not JSON"],
      ["{}", "an event of the answer has no type"],
      ['{"type":"content_block_stop"}', "the event content_block_stop is malformed"],
      [
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":5}}',
        "the event content_block_delta"
      ],
      ['{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}', "the event content_block_start"]
    ] as const
    for (const [data, said] of malformed) {
      const { broken } = Reply.read(Reply.initial, [data])
      assert(broken !== undefined && "reason" in broken)
      assert.strictEqual(broken.reason, "invalid_response")
      assert.include(broken.detail, said)
    }
  })

  it("takes a reply that filled the window for an overflow, with all that it said", () => {
    const reading = read([
      start,
      ...block({ type: "text", text: "So far" }),
      ended("model_context_window_exceeded"),
      stop
    ])
    assert.isFalse(reading.parts.some((part) => part.type === "finish"))
    assert.isTrue(reading.parts.some((part) => part.type === "text-delta"))
    assert.include(reading.broken, { reason: "context_overflow" })
  })

  it.prop(
    "reads the same however the events are grouped",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))],
    ([at]) => {
      const thinking = { text: "hm", signature: "sig" }
      const calls = [{ id: "a", name: "exec", input: { command: "ls" } }]
      const served = [...block(search, json('{"query":'), json('"x"}')), ...block({ ...search, type: "new" })]
      const said = reply({ thinking, text: "one two three", calls })
      const data = [...served, ...said].map((event) => JSON.stringify(event))
      const first = Reply.read(Reply.initial, data.slice(0, at))
      const second = Reply.read(first.state, data.slice(at))
      assert.deepStrictEqual([...first.parts, ...second.parts], Reply.read(Reply.initial, data).parts)
    }
  )
})
