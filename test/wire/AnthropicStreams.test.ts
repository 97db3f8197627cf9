import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Stream } from "effect"
import { Prompt, type Response } from "effect/ai"
import type { Provider, ProviderPart } from "../../src/providers/Provider.ts"
import * as AnthropicProvider from "../../src/providers/anthropic/AnthropicProvider.ts"
import { toParams } from "../../src/providers/anthropic/AnthropicRequestCodec.ts"
import * as Server from "../support/AnthropicServer.ts"

const names = Server.haveFixtures
  ? readdirSync(Server.fixtures).flatMap((file) => (file.endsWith(".sse") ? [file.slice(0, -4)] : []))
  : []

const providerFor = (url: string) =>
  AnthropicProvider.make({
    name: "anthropic",
    apiKey: Redacted.make("sk-test"),
    baseUrl: url,
    retry: { attempts: 1, base: Duration.millis(1), cap: Duration.millis(1) }
  })

const ask = (provider: Provider["Service"]) =>
  Stream.runCollect(provider.stream({ model: "claude-test", prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }))

const partsOf = (answer: Server.Answer) =>
  Effect.gen(function* () {
    const server = yield* Server.make([answer])
    return yield* Effect.flatMap(providerFor(server.url), ask)
  })

interface RawEvent {
  readonly type: string
  readonly delta?: Readonly<Record<string, string>>
  readonly content_block?: Readonly<Record<string, string>>
  readonly usage?: { readonly output_tokens: number }
}

/** What a recording says, read the plain way: whole file, every `data` line parsed. */
const recorded = (name: string) => {
  const lines = readFileSync(`${Server.fixtures}${name}.sse`, "utf8").split("\n")
  const events: Array<RawEvent> = lines.flatMap((line) =>
    line.startsWith("data: ") ? [JSON.parse(line.slice(6))] : []
  )
  const joined = (type: string, key: string) =>
    events.map((event) => (event.delta?.type === type ? event.delta[key] : "")).join("")
  return {
    text: joined("text_delta", "text"),
    thinking: joined("thinking_delta", "thinking"),
    signatures: events.flatMap((event) =>
      event.delta?.type === "signature_delta" ? [event.delta.signature ?? ""] : []
    ),
    tools: events.flatMap((event) => (event.content_block?.type === "tool_use" ? [event.content_block.id ?? ""] : [])),
    output: events.findLast((event) => event.type === "message_delta")?.usage?.output_tokens,
    stop: events.findLast((event) => event.type === "message_delta")?.delta?.stop_reason
  }
}

const deltas = (parts: ReadonlyArray<ProviderPart>, type: "text-delta" | "reasoning-delta") =>
  parts.map((part) => (part.type === type ? part.delta : "")).join("")

const finishOf = (parts: ReadonlyArray<ProviderPart>): Response.FinishPart => {
  const last = parts.at(-1)
  assert(last?.type === "finish")
  return last
}

describe.skipIf(!Server.haveFixtures)("AnthropicProvider on recorded streams", () => {
  for (const name of names) {
    it.live(`reads all of ${name}`, () =>
      Effect.gen(function* () {
        const parts = yield* partsOf(Server.fixture(name))
        const expected = recorded(name)
        assert.strictEqual(deltas(parts, "text-delta"), expected.text)
        assert.strictEqual(deltas(parts, "reasoning-delta"), expected.thinking)
        const calls = parts.filter((part) => part.type === "tool-call")
        assert.deepStrictEqual(
          calls.map((call) => call.id),
          expected.tools
        )
        const finish = finishOf(parts)
        assert.strictEqual(finish.usage.outputTokens.total, expected.output)
        assert.strictEqual(finish.reason, expected.stop === "tool_use" ? "tool-calls" : "stop")
      })
    )

    it.live(`reads ${name} alike when it arrives byte by byte`, () =>
      Effect.gen(function* () {
        const whole = yield* partsOf(Server.fixture(name))
        const split = yield* partsOf({ ...Server.fixture(name), chunkSize: 1 })
        assert.deepStrictEqual(split, whole)
      })
    )

    it.live(`sends the thinking of ${name} back unmodified and in its place`, () =>
      Effect.gen(function* () {
        const parts = yield* partsOf(Server.fixture(name))
        const prompt = Prompt.concat(Prompt.make("hello"), Prompt.fromResponseParts(parts))
        const { messages } = toParams({ model: "m", prompt, tools: [], maxTokens: 100 })
        const content = messages[1]?.content
        assert(Array.isArray(content))
        const thinking = content.flatMap((block) => (block.type === "thinking" ? [block] : []))
        const expected = recorded(name)
        assert.deepStrictEqual(
          thinking.map((block) => block.signature),
          expected.signatures
        )
        assert.strictEqual(thinking.map((block) => block.thinking).join(""), expected.thinking)
        assert.strictEqual(
          content.findIndex((block) => block.type === "thinking"),
          thinking.length === 0 ? -1 : 0
        )
      })
    )
  }

  it.live("counts what the cache wrote and read into the input", () =>
    Effect.gen(function* () {
      const { usage } = finishOf(yield* partsOf(Server.fixture("21-prompt-cache-read")))
      const { cacheRead = 0, cacheWrite = 0, total, uncached = 0 } = usage.inputTokens
      assert.isAbove(cacheRead, 0)
      assert.strictEqual(total, uncached + cacheRead + cacheWrite)
    })
  )

  it.live("never hands on a tool that ran on the vendor's side", () =>
    Effect.gen(function* () {
      for (const name of ["10-web-search-citations", "11-web-fetch-thinking", "12-code-execution"]) {
        const parts = yield* partsOf(Server.fixture(name))
        assert.isFalse(parts.some((part) => part.type.startsWith("tool-")))
      }
    })
  )
})
