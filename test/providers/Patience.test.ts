import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Logger, Schema, Stream } from "effect"
import { Prompt, Response } from "effect/ai"
import { TestClock } from "effect/testing"
import { ProviderConfig } from "../../src/config/ProviderConfig.ts"
import { defaults, withCallWithin } from "../../src/providers/Patience.ts"
import type { Provider, ProviderPart } from "../../src/providers/Provider.ts"
import { ProviderError } from "../../src/providers/ProviderError.ts"
import { withRetry } from "../../src/providers/Retry.ts"

const metadata = Response.makePart("response-metadata", { id: "msg" })
const word = Response.makePart("text-delta", { id: "0", delta: "word " })
const usage = new Response.Usage({ inputTokens: {}, outputTokens: {} })
const finish = Response.makePart("finish", { reason: "stop", usage })

/** A part, and how many seconds after the last it comes. */
type Cue = readonly [seconds: number, part: ProviderPart]

interface Model {
  readonly provider: Provider["Service"]
  readonly attempts: () => number
  readonly abandoned: () => number
}

/** Plays one list of cues per attempt; what has no finish hangs behind its last part. */
const model = (...attempts: ReadonlyArray<ReadonlyArray<Cue>>): Model => {
  let begun = 0
  let abandoned = 0
  const provider: Provider["Service"] = {
    name: "slow",
    models: [],
    stream: () =>
      Stream.suspend(() => {
        const cues = attempts[Math.min(begun++, attempts.length - 1)] ?? []
        const parts = Stream.mapEffect(Stream.fromIterable(cues), ([seconds, part]) =>
          Effect.delay(Effect.succeed(part), Duration.seconds(seconds))
        )
        const whole = cues.at(-1)?.[1].type === "finish" ? parts : Stream.concat(parts, Stream.never)
        return Stream.onExit(whole, (exit) =>
          Effect.sync(() => {
            if (exit._tag === "Failure") abandoned++
          })
        )
      })
  }
  return { provider, attempts: () => begun, abandoned: () => abandoned }
}

const request = { model: "m", prompt: Prompt.make("hello"), tools: [], maxTokens: 10 }

/** Asks on virtual time: what came, how it ended, and after how many seconds. */
const ask = Effect.fnUntraced(
  function* (provider: Provider["Service"]) {
    const received: Array<ProviderPart> = []
    const run = Stream.runForEach(provider.stream(request), (part) => Effect.sync(() => received.push(part)))
    const fiber = yield* Effect.forkChild(Effect.result(run), { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    const result = yield* Fiber.join(fiber)
    const error = result._tag === "Failure" ? result.failure : undefined
    return { received, error, seconds: (yield* Clock.currentTimeMillis) / 1000 }
  },
  Effect.provide(Logger.layer([]))
)

/** The same, whose stream fails if it has not ended by then. */
const failsAfter = (limit: Duration.Duration, provider: Provider["Service"]): Provider["Service"] => ({
  ...provider,
  stream: (asked) => {
    const fault = new ProviderError({ provider: "slow", reason: "stream_stalled", detail: "fell silent" })
    return Stream.interruptWhen(provider.stream(asked), Effect.delay(Effect.fail(fault), limit))
  }
})

const tenSeconds = Duration.seconds(10)
const words = (count: number, apart: number): ReadonlyArray<Cue> => Array.from({ length: count }, () => [apart, word])

describe("withCallWithin", () => {
  it.effect("lets a call through that ends in time", () =>
    Effect.gen(function* () {
      const { provider } = model([...words(3, 3), [0, finish]])
      const { error, received } = yield* ask(withCallWithin(provider, tenSeconds))
      assert.deepStrictEqual([error, received.length], [undefined, 4])
    })
  )

  it.effect("gives up on a reply that trickles, with all that it said", () =>
    Effect.gen(function* () {
      const { abandoned, provider } = model(words(100, 1))
      const { error, received, seconds } = yield* ask(withCallWithin(provider, Duration.millis(10_500)))
      assert(error instanceof ProviderError)
      assert.strictEqual(error.reason, "timeout")
      assert.include(error.message, "had not ended within 10s 500ms")
      assert.strictEqual(received.length, 11)
      assert.deepStrictEqual([seconds, abandoned()], [11, 1])
    })
  )

  it.effect("bounds all attempts together and the waits between them, and repeats nothing", () =>
    Effect.gen(function* () {
      const policy = { attempts: 100, base: Duration.seconds(3), cap: Duration.seconds(3) }
      const { attempts, provider } = model([[1, metadata]])
      const patient = withRetry(failsAfter(tenSeconds, provider), policy)
      const { error, received, seconds } = yield* ask(withCallWithin(patient, Duration.seconds(60)))
      assert.deepStrictEqual([error?.reason, received.length, seconds], ["timeout", 0, 60])
      assert.isAtLeast(attempts(), 4)
      assert.isAtMost(attempts(), 6)
    })
  )

  it.effect("also ends a stream whose parts are always there", () =>
    Effect.gen(function* () {
      const { provider } = model([])
      const stream = Stream.forever(Stream.make(word))
      const endless = withCallWithin({ ...provider, stream: () => stream }, tenSeconds)
      const reading = Stream.runForEach(endless.stream(request), () => Effect.sleep("1 second"))
      const fiber = yield* Effect.forkChild(Effect.flip(reading), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "timeout")
    })
  )
})

describe("the defaults", () => {
  it("are those of a provider's file", () => {
    const file = { kind: "anthropic", apiKey: "x" }
    const config = Schema.decodeUnknownSync(ProviderConfig)(file)
    assert(config.kind === "anthropic")
    assert.deepStrictEqual(config.timeouts, defaults)
  })
})
