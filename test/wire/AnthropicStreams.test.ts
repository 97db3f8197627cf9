import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Schema, Stream } from "effect"
import { Prompt, type Response } from "effect/ai"
import type { Provider, ProviderPart } from "../../src/providers/Provider.ts"
import * as AnthropicProvider from "../../src/providers/anthropic/AnthropicProvider.ts"
import { toParams } from "../../src/providers/anthropic/AnthropicRequestCodec.ts"
import * as Server from "../support/AnthropicServer.ts"
import { violations } from "../support/MessagesRules.ts"

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

type Json = Readonly<Record<string, unknown>>

interface RawEvent {
  readonly type: string
  readonly index?: number
  readonly delta?: Readonly<Record<string, string>>
  readonly content_block?: Json
  readonly usage?: { readonly output_tokens: number }
}

/** What a recording says, read the plain way: whole file, every `data` line parsed. */
const recorded = (name: string) => {
  const lines = readFileSync(`${Server.fixtures}${name}.sse`, "utf8").split("\n")
  const events: Array<RawEvent> = lines.flatMap((line) =>
    line.startsWith("data: ") ? [JSON.parse(line.slice(6))] : []
  )
  const joined = (type: string, key: string) =>
    events.map((event) => (event.delta?.["type"] === type ? event.delta[key] : "")).join("")
  const last = events.findLast((event) => event.type === "message_delta")
  return {
    text: joined("text_delta", "text"),
    thinking: joined("thinking_delta", "thinking"),
    blocks: blocksIn(events),
    output: last?.usage?.output_tokens,
    stop: last?.delta?.["stop_reason"]
  }
}

/** Every block, put together from its deltas. */
const blocksIn = (events: ReadonlyArray<RawEvent>): ReadonlyArray<Json> =>
  events.flatMap(({ content_block: start, index }) => {
    if (start === undefined) return []
    const deltas = events.flatMap((event) => (event.index === index && event.delta ? [event.delta] : []))
    const all = (type: string, key: string): ReadonlyArray<unknown> =>
      deltas.flatMap((delta) => (delta["type"] === type ? [delta[key]] : []))
    const input = all("input_json_delta", "partial_json").join("")
    return [
      {
        ...start,
        ...("text" in start ? { text: all("text_delta", "text").join("") } : {}),
        ...("thinking" in start ? { thinking: all("thinking_delta", "thinking").join("") } : {}),
        ...("signature" in start ? { signature: all("signature_delta", "signature").join("") } : {}),
        ...("citations" in start ? { citations: all("citations_delta", "citation") } : {}),
        ...(input === "" ? {} : { input: JSON.parse(input) })
      }
    ]
  })

/** What of these may go back: no blank text, and no empty list of citations. */
const sendable = (blocks: ReadonlyArray<Json>) =>
  blocks.flatMap(({ citations, ...block }) => {
    if (typeof block["text"] === "string" && block["text"].trim() === "") return []
    return [Array.isArray(citations) && citations.length > 0 ? { ...block, citations } : block]
  })

const encodeMessage = Schema.encodeSync(Prompt.AssistantMessage)
const decodeMessage = Schema.decodeUnknownSync(Prompt.AssistantMessage)

/** The model's message as the session's log gives it back. */
const logged = (parts: ReadonlyArray<ProviderPart>): Prompt.AssistantMessage => {
  const [message] = Prompt.fromResponseParts(parts).content
  assert(message?.role === "assistant")
  return decodeMessage(JSON.parse(JSON.stringify(encodeMessage(message))))
}

/** The next step's request: the results of what was called, or a person's answer. */
const nextStep = (reply: Prompt.AssistantMessage, caching: "5 minutes" | "off") => {
  const results = reply.content.flatMap((part) =>
    part.type === "tool-call" && !part.providerExecuted
      ? [
          Prompt.toolResultPart({
            id: part.id,
            name: part.name,
            isFailure: false,
            result: "ok",
            providerExecuted: false
          })
        ]
      : []
  )
  const answer = results.length > 0 ? Prompt.toolMessage({ content: results }) : said("go on")
  return toParams(
    { model: "m", prompt: Prompt.fromMessages([said("hello"), reply, answer]), tools: [], maxTokens: 100 },
    { caching }
  )
}

const said = (text: string) => Prompt.userMessage({ content: [Prompt.textPart({ text })] })

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
        const called = expected.blocks.filter(({ type }) => type === "tool_use" || type === "server_tool_use")
        assert.deepStrictEqual(
          parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.params]] : [])),
          called.map(({ id, input }) => [id, input])
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

    it.live(`sends all of ${name} back unmodified and in order`, () =>
      Effect.gen(function* () {
        const reply = logged(yield* partsOf(Server.fixture(name)))
        const [, message] = nextStep(reply, "off").messages
        assert.deepStrictEqual(message?.content as unknown, sendable(recorded(name).blocks))
        assert.deepStrictEqual(violations(nextStep(reply, "5 minutes")), [])
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

  it.live("never hands on a tool that ran on the vendor's side as one that is to be run", () =>
    Effect.gen(function* () {
      for (const name of ["10-web-search-citations", "11-web-fetch-thinking", "12-code-execution"]) {
        const parts = yield* partsOf(Server.fixture(name))
        const calls = parts.filter((part) => part.type === "tool-call")
        assert.isAbove(calls.length, 0)
        assert.isTrue(calls.every((call) => call.providerExecuted))
      }
    })
  )

  it.live("counts the searches and fetches of the vendor's tools", () =>
    Effect.gen(function* () {
      const spent = (name: string) =>
        Effect.map(partsOf(Server.fixture(name)), (parts) => finishOf(parts).metadata["anthropic"])
      const standard = { stopReason: "end_turn", usage: { cacheWriteHour: 0, serviceTier: "standard" } }
      const searched = { ...standard.usage, webSearches: 2 }
      const fetched = { ...standard.usage, webSearches: 0, webFetches: 1 }
      assert.deepStrictEqual(yield* spent("10-web-search-citations"), { ...standard, usage: searched })
      assert.deepStrictEqual(yield* spent("11-web-fetch-thinking"), { ...standard, usage: fetched })
    })
  )

  it.live("goes on in the container that a paused turn ran in", () =>
    Effect.gen(function* () {
      const reply = logged(yield* partsOf(Server.fixture("12-code-execution")))
      const prompt = Prompt.concat(Prompt.make("hello"), Prompt.fromMessages([reply]))
      const { container } = toParams({ model: "m", prompt, tools: [], maxTokens: 100 })
      assert.strictEqual(container, "container_011CaNRFAbjdPf4rmBarZzqQ")
    })
  )
})
