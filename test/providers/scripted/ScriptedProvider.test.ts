import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Schema, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import { Provider, type ProviderPart } from "../../../src/providers/Provider.ts"
import * as ScriptedProvider from "../../../src/providers/scripted/ScriptedProvider.ts"

const exec = Tool.make("exec", { parameters: Schema.Struct({ command: Schema.String }) })
const demo = ScriptedProvider.make({ name: "demo" })

const ask = (text: string, provider = demo) =>
  provider.stream({ model: "demo", prompt: Prompt.make(text), tools: [exec], maxTokens: 100 })

const types = (parts: ReadonlyArray<ProviderPart>) => parts.map((part) => part.type)
const textOf = (parts: ReadonlyArray<ProviderPart>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

/** How long a stream takes in virtual time, in milliseconds. */
const elapsed = Effect.fnUntraced(function* (stream: Stream.Stream<unknown, unknown>) {
  const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
  yield* Fiber.join(fiber)
  return yield* Clock.currentTimeMillis
})

describe("ScriptedProvider", () => {
  it.effect("streams an answer word by word and finishes with what it cost", () =>
    Effect.gen(function* () {
      const parts = yield* Stream.runCollect(ask("say: one two three"))
      const deltas = ["text-delta", "text-delta", "text-delta"]
      assert.deepStrictEqual(types(parts), ["response-metadata", "text-start", ...deltas, "text-end", "finish"])
      assert.strictEqual(textOf(parts), "one two three")
      const finish = parts.at(-1)
      assert(finish?.type === "finish")
      assert.strictEqual(finish.reason, "stop")
      assert.strictEqual(finish.usage.outputTokens.total, 4)
      assert.isAbove(finish.usage.inputTokens.total ?? 0, 0)
    })
  )

  it.effect("calls tools in parallel under ids of their own", () =>
    Effect.gen(function* () {
      const parts = yield* Stream.runCollect(ask("run: ls\nrun: ls"))
      const calls = parts.filter((part) => part.type === "tool-call")
      assert.deepStrictEqual(
        calls.map((call) => call.params),
        [{ command: "ls" }, { command: "ls" }]
      )
      assert.strictEqual(new Set(calls.map((call) => call.id)).size, 2)
      for (const call of calls) assert.match(call.id, /^[A-Za-z0-9_-]+$/)
      const finish = parts.at(-1)
      assert(finish?.type === "finish")
      assert.strictEqual(finish.reason, "tool-calls")
    })
  )

  it.effect("says the same to the same conversation, under other ids in a longer one", () =>
    Effect.gen(function* () {
      const first = yield* Stream.runCollect(ask("run: ls"))
      assert.deepStrictEqual(yield* Stream.runCollect(ask("run: ls")), first)
      const prompt = Prompt.concat(Prompt.make("run: ls"), Prompt.make("run: ls"))
      const later = yield* Stream.runCollect(demo.stream({ model: "demo", prompt, tools: [exec], maxTokens: 100 }))
      const idOf = (parts: ReadonlyArray<ProviderPart>) => parts.find((part) => part.type === "tool-call")?.id
      assert.notStrictEqual(idOf(later), idOf(first))
    })
  )

  it.effect("thinks before it answers", () =>
    Effect.gen(function* () {
      const parts = yield* Stream.runCollect(ask("think: hm\nsay: yes"))
      const reasoning = ["reasoning-start", "reasoning-delta", "reasoning-end"]
      const answer = ["text-start", "text-delta", "text-end", "finish"]
      assert.deepStrictEqual(types(parts), ["response-metadata", ...reasoning, ...answer])
    })
  )

  it.effect("fails on demand, after what it was told to say", () =>
    Effect.gen(function* () {
      const seen: Array<ProviderPart> = []
      const stream = Stream.tap(ask("say: hi\nfail: overloaded"), (part) => Effect.sync(() => seen.push(part)))
      const error = yield* Effect.flip(Stream.runDrain(stream))
      assert.deepStrictEqual([error.provider, error.reason], ["demo", "overloaded"])
      assert.deepStrictEqual(types(seen), ["response-metadata", "text-start", "text-delta", "text-end"])
    })
  )

  it.effect("takes no time by itself", () =>
    Effect.gen(function* () {
      yield* Stream.runDrain(ask("count: 1000"))
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    })
  )

  it.effect("pauses between words when asked to be slow", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* elapsed(ask("slow: 11")), 1000)
    })
  )

  it.effect("says nothing for as long as it is told to wait", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* elapsed(ask("wait: 2")), 2000)
      assert.strictEqual(textOf(yield* Stream.runCollect(ask("say: at once"))), "at once")
    })
  )

  it.effect("waits before every part when it is made with a delay", () =>
    Effect.gen(function* () {
      const slow = ScriptedProvider.make({ name: "demo", delay: Duration.millis(50) })
      assert.strictEqual(yield* elapsed(ask("say: hi", slow)), 5 * 50)
    })
  )

  it.effect("is provided as a layer", () =>
    Effect.gen(function* () {
      const provider = yield* Effect.provide(Provider, ScriptedProvider.layer({ name: "demo" }))
      assert.deepStrictEqual([provider.name, provider.models], ["demo", ["demo"]])
    })
  )

  it.prop("splits a text into words that are the text again", [Schema.String], ([text]) => {
    assert.strictEqual([...ScriptedProvider.words(text)].join(""), text)
  })
})
