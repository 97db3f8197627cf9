import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { Day } from "../../src/domain/Day.ts"
import { known, priced, priceOf } from "../../src/providers/PriceList.ts"
import { make } from "../support/FakeProvider.ts"

const { anthropic, openai } = known.vendors

describe("PriceList", () => {
  it("says of what day its prices are and where each vendor's stand", () => {
    assert.isTrue(Option.isSome(Schema.decodeOption(Day)(known.asOf)))
    assert.strictEqual(new URL(anthropic.source).hostname, "platform.claude.com")
    assert.strictEqual(new URL(openai.source).hostname, "developers.openai.com")
  })

  it("has only prices in which reading from a cache is cheapest and a reply is dearest", () => {
    for (const [model, { long, ...rates }] of [...Object.entries(anthropic.models), ...Object.entries(openai.models)]) {
      for (const { cacheRead = 0, cacheWrite = Infinity, input, output } of long === undefined
        ? [rates]
        : [rates, long]) {
        assert.isTrue(0 < cacheRead && cacheRead < input && input < output && input < cacheWrite, model)
      }
      if (long !== undefined) assert.isTrue(long.input > rates.input && long.output > rates.output, model)
    }
  })

  it("prices Anthropic's writes to the cache as its documentation multiplies them", () => {
    for (const [model, { cacheWrite = 0, cacheWriteHour = 0, input }] of Object.entries(anthropic.models)) {
      assert.closeTo(cacheWrite, input * 1.25, 1e-9, model)
      assert.closeTo(cacheWriteHour, input * 2, 1e-9, model)
    }
  })

  it("looks a model up by its id, then without the date at its end, and never by what it is like", () => {
    const anthropicPrice = (model: string) => priceOf({ kind: "anthropic" }, model)
    assert.strictEqual(anthropicPrice("claude-haiku-4-5"), anthropic.models["claude-haiku-4-5"])
    assert.strictEqual(anthropicPrice("claude-haiku-4-5-20251001"), anthropic.models["claude-haiku-4-5"])
    for (const model of [
      "claude-haiku-4",
      "claude-haiku-4-5-latest",
      "claude-haiku-4-6",
      "claude-haiku-4-5-2025",
      ""
    ]) {
      assert.isUndefined(anthropicPrice(model), model)
    }
    assert.isUndefined(anthropicPrice("constructor"))
  })

  it("knows OpenAI's prices at OpenAI only, as others have models of the same names", () => {
    const at = (baseUrl: string) => priceOf({ kind: "openai", baseUrl: new URL(baseUrl) }, "gpt-5-mini-2025-08-07")
    assert.strictEqual(at("https://api.openai.com/v1"), openai.models["gpt-5-mini"])
    assert.isUndefined(at("http://127.0.0.1:11434/v1"))
    assert.isUndefined(at("https://openrouter.ai/api/v1"))
  })

  it("lets the config go before what is known", () => {
    const prices = { "claude-opus-5-5": { input: 1, output: 2, cacheRead: 0.5 }, llama3: { input: 0, output: 0 } }
    assert.deepStrictEqual(priceOf({ kind: "anthropic", prices }, "claude-opus-5-5"), {
      input: 1,
      output: 2,
      cacheRead: 0.5,
      cacheWrite: 1.25,
      cacheWriteHour: 2
    })
    const local = { kind: "openai" as const, baseUrl: new URL("http://127.0.0.1:11434/v1"), prices }
    assert.deepStrictEqual(priceOf(local, "llama3"), { input: 0, output: 0 })
    assert.isUndefined(priceOf(local, "llama4"))
  })

  it("gives a provider its prices; the demo's are nothing, which is known", () => {
    const { service } = make([])
    assert.deepStrictEqual(priced(service, { kind: "scripted" }).priceOf?.("demo"), { input: 0, output: 0 })
    assert.isUndefined(priced(service, { kind: "anthropic" }).priceOf?.("nobody"))
    assert.strictEqual(priced(service, { kind: "scripted" }).name, service.name)
  })
})
