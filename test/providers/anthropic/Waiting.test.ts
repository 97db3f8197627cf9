/** Answers that go on and come to nothing, on virtual time over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Redacted, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import * as AnthropicProvider from "../../../src/providers/anthropic/AnthropicProvider.ts"
import * as Server from "../../support/AnthropicServer.ts"

const once = { attempts: 1, base: Duration.millis(1), cap: Duration.millis(1) }
const thrice = { ...once, attempts: 3 }

const ask = (baseUrl: string, { retry } = { retry: once }) =>
  Effect.flatMap(AnthropicProvider.make({ name: "claude", apiKey: Redacted.make("sk-test"), baseUrl, retry }), (made) =>
    Stream.runCollect(made.stream({ model: "claude-test", prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }))
  )

/** Lets virtual time pass until the fiber ends; the sockets are real, so it needs turns of the event loop. */
const elapse = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    return yield* Clock.currentTimeMillis
  })

describe("AnthropicProvider", () => {
  it.effect("fails as stalled when an answer only shows signs of life", () =>
    Effect.gen(function* () {
      const ping = `event: ping\ndata: {"type":"ping"}\n\n`
      const pinging = Stream.forever(Stream.fromEffect(Effect.delay(Effect.succeed(ping), "20 seconds")))
      const server = yield* Server.make([
        { ...Server.events(Server.reply({ text: "Hello" }).slice(0, 2)), rest: pinging, after: "hang" }
      ])
      const fiber = yield* Effect.forkChild(Effect.flip(ask(server.url)))
      const sent = yield* server.next
      assert.isAtLeast(yield* elapse(fiber), 180_000)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason, "stream_stalled")
      assert.strictEqual(error.detail, "the model said nothing for 3m, though its connection was open")
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
    })
  )

  it.effect("fails as timed out when an answer trickles for ever", () =>
    Effect.gen(function* () {
      const delta = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "drip " } }
      const drip = `event: content_block_delta\ndata: ${JSON.stringify(delta)}\n\n`
      const dripping = Stream.forever(Stream.fromEffect(Effect.delay(Effect.succeed(drip), "20 seconds")))
      const server = yield* Server.make([
        { ...Server.events(Server.reply({ text: "Hello" }).slice(0, 3)), rest: dripping, after: "hang" }
      ])
      const fiber = yield* Effect.forkChild(Effect.flip(ask(server.url, { retry: thrice })))
      const sent = yield* server.next
      assert.isAtLeast(yield* elapse(fiber), 900_000)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason, "timeout")
      assert.strictEqual(error.detail, "the call was given up because it had not ended within 15m")
      assert.strictEqual(yield* Deferred.await(sent.ended), "abandoned")
      assert.strictEqual(server.requests.length, 1)
    })
  )
})
