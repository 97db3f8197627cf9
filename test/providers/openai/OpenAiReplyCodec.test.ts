import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt } from "effect/ai"
import * as Codec from "../../../src/providers/openai/OpenAiReplyCodec.ts"
import type { ProviderPart } from "../../../src/providers/Provider.ts"
import { chunk, type Data, done, type Json, reply, usage } from "../../support/OpenAiServer.ts"

const encode = (data: Data) => (typeof data === "string" ? data : JSON.stringify(data))
const readAll = (...events: ReadonlyArray<Data>) => Codec.read(Codec.initial("seed"), events.map(encode))

/** What a whole answer amounts to. */
const partsOf = (...events: ReadonlyArray<Data>): ReadonlyArray<ProviderPart> => {
  const { broken, parts, state } = readAll(...events)
  assert.isUndefined(broken)
  assert.isTrue(state.finished)
  return parts
}

const finishOf = (...events: ReadonlyArray<Data>) => {
  const last = partsOf(...events).at(-1)
  assert(last?.type === "finish")
  return last
}

const contentOf = (parts: ReadonlyArray<ProviderPart>) =>
  Prompt.fromResponseParts(parts).content.flatMap((message) =>
    message.role !== "assistant"
      ? []
      : message.content.map((part) =>
          part.type === "text" || part.type === "reasoning"
            ? [part.type, part.text]
            : part.type === "tool-call"
              ? [part.id, part.name, part.params]
              : []
        )
  )

const tool = (piece: Json) => chunk({ tool_calls: [piece] })
const stop = chunk({}, "stop")

const odd = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.Union([schema, Schema.Null, Schema.Literals([0, 1, "", "x", "{", "stop"])]))

/** Nearly a chunk. */
const OddChunk = Schema.Struct({
  id: odd(Schema.String),
  usage: odd(Schema.Struct({ prompt_tokens: odd(Schema.Int), completion_tokens: odd(Schema.Int) })),
  choices: odd(
    Schema.Array(
      Schema.Struct({
        index: odd(Schema.Int),
        finish_reason: odd(Schema.String),
        delta: odd(
          Schema.Struct({
            content: odd(Schema.String),
            reasoning: odd(Schema.String),
            refusal: odd(Schema.String),
            tool_calls: odd(
              Schema.Array(
                Schema.Struct({
                  index: odd(Schema.Int),
                  id: odd(Schema.String),
                  function: odd(Schema.Struct({ name: odd(Schema.String), arguments: odd(Schema.String) }))
                })
              )
            )
          })
        )
      })
    )
  )
})

/** How Azure ends an answer that its filter took back. */
const filtered = (results: unknown) => ({
  ...chunk(null),
  choices: [{ index: 0, delta: {}, finish_reason: "content_filter", content_filter_results: results }]
})
const azure = (category = "jailbreak") => ({ finishReason: "content_filter", category })

describe("OpenAiReplyCodec", () => {
  it("reads a plain reply as OpenAI sends it", () => {
    const parts = partsOf(...reply({ text: "Hello there" }))
    assert.deepStrictEqual(
      parts.map((part) => part.type),
      ["response-metadata", "text-start", "text-delta", "text-delta", "text-end", "finish"]
    )
    assert.deepInclude(parts[0], { id: "chatcmpl-1", modelId: "gpt-test" })
  })

  it("makes no part of role-only deltas, empty choices, null deltas or other choices", () => {
    const other = { choices: [{ index: 1, delta: { content: "not this" } }] }
    const parts = partsOf(
      { choices: [], prompt_filter_results: [] },
      chunk({ role: "assistant", content: null }),
      chunk(null),
      other,
      { choices: [{ delta: { content: "Hi" } }] },
      { choices: null },
      stop,
      done
    )
    assert.deepStrictEqual(contentOf(parts), [["text", "Hi"]])
  })

  for (const field of ["reasoning_content", "reasoning"]) {
    it(`reads ${field} as thinking that ends where the text begins`, () => {
      const parts = partsOf(chunk({ [field]: "hm" }), chunk({ [field]: "!" }), chunk({ content: "Yes" }), stop, done)
      assert.deepStrictEqual(contentOf(parts), [
        ["reasoning", "hm!"],
        ["text", "Yes"]
      ])
    })
  }

  it("reads thinking once where a server sends it under both names", () => {
    const parts = partsOf(chunk({ reasoning_content: "hm", reasoning: "hm" }), stop, done)
    assert.deepStrictEqual(contentOf(parts), [["reasoning", "hm"]])
  })

  const calls: ReadonlyArray<readonly [string, ReadonlyArray<Data>, ReadonlyArray<unknown>]> = [
    [
      "interleaved by index",
      [
        tool({ index: 0, id: "a", function: { name: "x", arguments: '{"k"' } }),
        tool({ index: 1, id: "b", function: { name: "y", arguments: "" } }),
        tool({ index: 0, function: { arguments: ":1}" } }),
        tool({ index: 1, function: { arguments: '{"l":2}' } })
      ],
      [
        ["a", "x", { k: 1 }],
        ["b", "y", { l: 2 }]
      ]
    ],
    [
      "all under the number 0, told apart by their ids",
      [
        tool({ index: 0, id: "a", function: { name: "x", arguments: '{"k":1}' } }),
        tool({ index: 0, id: "b", function: { name: "x", arguments: '{"k":2}' } })
      ],
      [
        ["a", "x", { k: 1 }],
        ["b", "x", { k: 2 }]
      ]
    ],
    [
      "without numbers",
      [
        tool({ id: "a", function: { name: "x", arguments: '{"k"' } }),
        tool({ function: { arguments: ":1}" } }),
        tool({ id: "b", function: { name: "y", arguments: "{}" } })
      ],
      [
        ["a", "x", { k: 1 }],
        ["b", "y", {}]
      ]
    ],
    [
      "without numbers and ids",
      [tool({ function: { name: "x", arguments: "{}" } }), tool({ function: { name: "x", arguments: '{"k":1}' } })],
      [
        ["call_seed_0", "x", {}],
        ["call_seed_1", "x", { k: 1 }]
      ]
    ],
    [
      "with empty ids, or one id for all",
      [
        tool({ index: 0, id: "", function: { name: "x", arguments: "{}" } }),
        tool({ index: 1, id: "same", function: { name: "x" } }),
        tool({ index: 2, id: "same", function: { name: "x" } })
      ],
      [
        ["call_seed_0", "x", {}],
        ["same", "x", {}],
        ["call_seed_2", "x", {}]
      ]
    ],
    [
      "with id and name in every piece",
      [
        tool({ index: 0, id: "a", function: { name: "x", arguments: '{"k"' } }),
        tool({ index: 0, id: "a", function: { name: "x", arguments: ":1}" } })
      ],
      [["a", "x", { k: 1 }]]
    ],
    [
      "whose name comes last",
      [
        tool({ index: 0, id: "a", function: { arguments: '{"k":1' } }),
        tool({ index: 0, function: { name: "x", arguments: "}" } })
      ],
      [["a", "x", { k: 1 }]]
    ],
    [
      "with arguments never sent, null, empty or an object",
      [
        tool({ index: 0, id: "a", function: { name: "x" } }),
        tool({ index: 1, id: "b", function: { name: "x", arguments: null } }),
        tool({ index: 2, id: "c", function: { name: "x", arguments: "" } }),
        tool({ index: 3, id: "d", function: { name: "x", arguments: { k: 1 } } }),
        tool({ index: 4, id: "e", function: { name: "x", arguments: "null" } })
      ],
      [
        ["a", "x", {}],
        ["b", "x", {}],
        ["c", "x", {}],
        ["d", "x", { k: 1 }],
        ["e", "x", {}]
      ]
    ]
  ]

  for (const [which, pieces, expected] of calls) {
    it(`puts tool calls together ${which}`, () => {
      const parts = partsOf(...pieces, stop, done)
      assert.deepStrictEqual(contentOf(parts), expected)
      const begun = parts.flatMap((part) => (part.type === "tool-params-start" ? [part.id] : []))
      const streamed = begun.map((id) =>
        parts.flatMap((part) => (part.type === "tool-params-delta" && part.id === id ? [part.delta] : [])).join("")
      )
      assert.deepStrictEqual(
        streamed.map((json) => (json === "" || json === "null" ? {} : JSON.parse(json))),
        expected.map((call) => (call as ReadonlyArray<unknown>)[2])
      )
    })
  }

  it("keeps what a model wrote in place of arguments", () => {
    const parts = partsOf(tool({ index: 0, id: "a", function: { name: "x", arguments: '{"k":' } }), stop, done)
    const [call] = parts.flatMap((part) => (part.type === "tool-call" ? [part] : []))
    assert.deepStrictEqual([call?.params, call?.metadata], [{}, { openai: { unparsedInput: '{"k":' } }])
  })

  it("takes a call without arguments for cut off where the reply reached its length limit there", () => {
    const first = tool({ index: 0, id: "a", function: { name: "x" } })
    const last = tool({ index: 1, id: "b", function: { name: "x", arguments: "" } })
    const made = (reason: string) =>
      partsOf(first, last, chunk({}, reason), done).flatMap((part) =>
        part.type === "tool-call" ? [part.metadata] : []
      )
    assert.deepStrictEqual(made("tool_calls"), [{}, {}])
    assert.deepStrictEqual(made("length"), [{}, { openai: { unparsedInput: "" } }])
  })

  it("refuses a call without a name", () => {
    const { broken, parts } = readAll(tool({ index: 0, id: "a", function: { arguments: "{}" } }), stop, done)
    assert.deepInclude(broken, { reason: "invalid_response" })
    assert.notInclude(
      parts.map((part) => part.type),
      "finish"
    )
  })

  const text = chunk({ content: "x" })
  const called = tool({ index: 0, id: "a", function: { name: "x" } })
  const finishes: ReadonlyArray<readonly [string, ReadonlyArray<Data>]> = [
    ["stop", [text, stop]],
    ["length", [text, chunk({}, "length")]],
    ["length", [called, chunk({}, "length")]],
    ["content-filter", [text, chunk({}, "content_filter")]],
    ["content-filter", [chunk({ refusal: "I cannot" }), stop]],
    ["tool-calls", [called, chunk({}, "tool_calls")]],
    ["tool-calls", [called, stop]],
    ["tool-calls", [called]],
    ["error", [text, chunk({}, "error")]],
    ["other", [text, chunk({}, "abort")]],
    ["unknown", [text]],
    ["unknown", [text, chunk({}, "")]]
  ]

  it("knows why a model stopped, however its server says it", () => {
    for (const [reason, events] of finishes) {
      assert.strictEqual(finishOf(...events, done).reason, reason, JSON.stringify(events))
    }
  })

  it("says a refusal as text", () => {
    const parts = partsOf(chunk({ refusal: "I " }), chunk({ refusal: "cannot" }), stop, done)
    assert.deepStrictEqual(contentOf(parts), [["text", "I cannot"]])
  })

  const stops: ReadonlyArray<readonly [ReadonlyArray<Data>, Record<string, string>]> = [
    [[chunk({ refusal: "I " }), chunk({ refusal: "cannot" }), stop], { finishReason: "stop", explanation: "I cannot" }],
    [[text, chunk({}, "content_filter")], { finishReason: "content_filter" }],
    [[text, filtered({ hate: { filtered: true, severity: "high" }, violence: { filtered: false } })], azure("hate")],
    [
      [text, filtered({ hate: 1, jailbreak: { filtered: true } }), filtered({ jailbreak: { filtered: true } })],
      azure()
    ],
    [[text, filtered("none")], { finishReason: "content_filter" }]
  ]

  it("says why the model would not answer, as far as its server does", () => {
    for (const [events, expected] of stops) {
      assert.deepStrictEqual(finishOf(...events, done).metadata, { openai: expected }, JSON.stringify(events))
    }
  })

  const totals = (...events: ReadonlyArray<Data>) => {
    const { inputTokens, outputTokens } = finishOf(text, stop, ...events, done).usage
    return { ...inputTokens, out: { ...outputTokens } }
  }
  const unknown = { uncached: undefined, total: undefined, cacheRead: undefined, cacheWrite: undefined }

  it("counts what came from the cache apart, and thinking within the output", () => {
    const details = {
      prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 5 }
    }
    assert.deepStrictEqual(totals(usage(100, 20, details)), {
      uncached: 30,
      total: 100,
      cacheRead: 60,
      cacheWrite: 10,
      out: { total: 20, text: 15, reasoning: 5 }
    })
    assert.include(totals(usage(100, 20, { prompt_cache_hit_tokens: 40 })), { uncached: 60, cacheRead: 40 })
  })

  it("takes the last usage where it comes with every chunk, and none where there is none or it is odd", () => {
    assert.include(totals(usage(100, 1), { ...chunk({}), usage: null }, usage(100, 2)), { total: 100 })
    const none = { ...unknown, out: { total: undefined, text: undefined, reasoning: undefined } }
    assert.deepStrictEqual(totals(), none)
    assert.deepStrictEqual(totals({ choices: [], usage: { prompt_tokens: "many" } }), none)
  })

  it("is complete without the last event once it has a finish reason, and cut off before", () => {
    const whole = readAll(text, stop)
    assert.isFalse(whole.state.finished)
    const { broken, parts } = Codec.end(whole.state)
    assert.isUndefined(broken)
    assert.deepStrictEqual(
      parts.map((part) => part.type),
      ["text-end", "finish"]
    )
    assert.deepInclude(Codec.end(readAll(text).state).broken, { reason: "stream_cut" })
    assert.isEmpty(Codec.end(readAll(text, stop, done).state).parts)
  })

  it("takes an answer that ends before it said anything for one that was cut off", () => {
    assert.deepInclude(readAll(done).broken, { reason: "stream_cut" })
    assert.deepInclude(readAll(chunk({ role: "assistant" }), done).broken, { reason: "stream_cut" })
  })

  it("hands on what came before an error", () => {
    const error = { message: "boom", code: 500 }
    for (const data of [{ error }, { ...chunk({}, "error"), error }, { object: "error", ...error }]) {
      const { broken, parts } = readAll(text, data, done)
      assert.deepInclude((broken as { readonly error: object }).error, error)
      assert.deepStrictEqual(
        parts.map((part) => part.type),
        ["response-metadata", "text-start", "text-delta"]
      )
    }
  })

  it("calls anything else malformed", () => {
    for (const data of ["", "{", "null", "5", '{"choices":5}', '{"choices":[{"delta":{"content":5}}]}']) {
      assert.deepInclude(readAll(text, data).broken, { reason: "invalid_response" }, data)
    }
  })

  const long = reply({ reasoning: "a b", text: "c d", calls: [{ id: "a", name: "x", input: { k: 1 } }] }).map(encode)

  it.prop(
    "reads the same however the events are grouped",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: long.length }))],
    ([at]) => {
      const first = Codec.read(Codec.initial("seed"), long.slice(0, at))
      const second = Codec.read(first.state, long.slice(at))
      assert.deepStrictEqual([...first.parts, ...second.parts], Codec.read(Codec.initial("seed"), long).parts)
    }
  )

  it.prop(
    "never throws and never makes up text, whatever it is given",
    [Schema.Array(Schema.Union([OddChunk, Schema.String])).check(Schema.isMaxLength(6))],
    ([given]) => {
      const events = given.map((data) => (typeof data === "string" ? data : JSON.stringify(data)))
      const { parts, state } = Codec.read(Codec.initial("seed"), events)
      for (const part of [...parts, ...Codec.end(state).parts]) {
        if (part.type === "text-delta") assert.include(events.join(""), JSON.stringify(part.delta).slice(1, -1))
      }
    },
    { arbitrary: { runs: 500 } }
  )
})
