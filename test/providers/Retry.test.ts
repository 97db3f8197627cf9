import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Logger, Ref, Stream } from "effect"
import { Prompt, Response } from "effect/ai"
import { TestClock } from "effect/testing"
import type { Provider, ProviderPart } from "../../src/providers/Provider.ts"
import { isTransient, ProviderError, ProviderFault } from "../../src/providers/ProviderError.ts"
import { isContent, type RetryPolicy, retrying, withRetry } from "../../src/providers/Retry.ts"

const policy: RetryPolicy = { attempts: 4, base: Duration.seconds(1), cap: Duration.seconds(30) }
const usage = new Response.Usage({ inputTokens: {}, outputTokens: {} })
const metadata = Response.makePart("response-metadata", { id: "msg" })
const start = Response.makePart("text-start", { id: "0" })
const delta = Response.makePart("text-delta", { id: "0", delta: "hi" })
const finish = Response.makePart("finish", { reason: "stop", usage })
const whole: ReadonlyArray<ProviderPart> = [metadata, start, delta, finish]

const fault = (reason: ProviderFault, retryAfter?: Duration.Duration) =>
  new ProviderError({
    provider: "p",
    reason,
    detail: reason,
    ...(retryAfter === undefined ? undefined : { retryAfter })
  })

type Attempt = readonly [parts: ReadonlyArray<ProviderPart>, error?: ProviderError]

/** Plays one attempt after the other and notes when each began, in seconds. */
const play = Effect.fnUntraced(function* (attempts: ReadonlyArray<Attempt>, using = policy) {
  const begun = yield* Ref.make<ReadonlyArray<number>>([])
  const received: Array<ProviderPart> = []
  const stream = Stream.unwrap(
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const times = yield* Ref.updateAndGet(begun, (times) => [...times, now / 1000])
      const [parts, error] = attempts[times.length - 1] ?? [[], fault("unknown")]
      const spoken = Stream.fromIterable(parts).pipe(Stream.rechunk(1))
      return error === undefined ? spoken : Stream.concat(spoken, Stream.fail(error))
    })
  )
  const run = Stream.runForEach(retrying(stream, using), (part) => Effect.sync(() => received.push(part)))
  const fiber = yield* Effect.forkChild(Effect.exit(run))
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
  return { exit: yield* Fiber.join(fiber), received, begun: yield* Ref.get(begun) }
})

describe("Retry", () => {
  it.effect("asks once when all goes well", () =>
    Effect.gen(function* () {
      const { begun, received } = yield* play([[whole]])
      assert.deepStrictEqual(received, whole)
      assert.strictEqual(begun.length, 1)
    })
  )

  for (const reason of ProviderFault.literals) {
    const transient = isTransient(fault(reason))
    it.effect(`${transient ? "asks again" : "gives up at once"} after ${reason}`, () =>
      Effect.gen(function* () {
        const { begun } = yield* play([[[], fault(reason)], [whole]])
        assert.strictEqual(begun.length, transient ? 2 : 1)
      })
    )
  }

  it.effect("doubles its waits, within the jitter, up to its attempts", () =>
    Effect.gen(function* () {
      const busy: Attempt = [[], fault("overloaded")]
      const { begun, exit } = yield* play([busy, busy, busy, busy, [whole]])
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(begun.length, 4)
      const waits = begun.slice(1).map((time, index) => time - (begun[index] ?? 0))
      for (const [index, wait] of waits.entries()) {
        assert.isAtLeast(wait, 2 ** index * 0.8)
        assert.isAtMost(wait, 2 ** index * 1.2 + 0.1)
      }
    })
  )

  it.effect("waits exactly as long as the provider asks", () =>
    Effect.gen(function* () {
      const { begun } = yield* play([[[], fault("rate_limited", Duration.seconds(7))], [whole]])
      assert.deepStrictEqual(begun, [0, 7])
    })
  )

  it.effect("never waits longer than its cap", () =>
    Effect.gen(function* () {
      const capped = { ...policy, base: Duration.hours(1) }
      const { begun } = yield* play(
        [[[], fault("rate_limited", Duration.hours(1))], [[], fault("timeout")], [whole]],
        capped
      )
      assert.deepStrictEqual(begun, [0, 30, 60])
    })
  )

  it.effect("spends no attempt on what was not sent, nor all its time on asking", () =>
    Effect.gen(function* () {
      const skipped: Attempt = [
        [],
        new ProviderError({ provider: "p", reason: "overloaded", detail: "", skipped: true })
      ]
      const busy: Attempt = [[], fault("overloaded")]
      const eager = { ...policy, attempts: 2, base: Duration.zero }
      const { begun, exit } = yield* play([skipped, skipped, busy, skipped, skipped, skipped, [whole]], eager)
      assert.strictEqual(exit._tag, "Success")
      assert.deepStrictEqual(begun, [0, 1, 2, 2, 3, 4, 5])
    })
  )

  it.effect("repeats nothing once content has been handed on", () =>
    Effect.gen(function* () {
      const { begun, exit, received } = yield* play([[[metadata, start, delta], fault("stream_cut")], [whole]])
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(begun.length, 1)
      assert.deepStrictEqual(received, [metadata, start, delta])
    })
  )

  it.effect("leaves no trace of an attempt that broke before its content", () =>
    Effect.gen(function* () {
      const { begun, received } = yield* play([[[metadata, start], fault("stream_cut")], [whole]])
      assert.strictEqual(begun.length, 2)
      assert.deepStrictEqual(received, whole)
    })
  )

  it.effect("starts with a whole budget for every run of the stream", () =>
    Effect.gen(function* () {
      const calls = yield* Ref.make(0)
      const stream = Stream.unwrap(
        Effect.as(
          Ref.update(calls, (n) => n + 1),
          Stream.fail(fault("overloaded"))
        )
      )
      const patient = retrying(stream, { ...policy, attempts: 2, base: Duration.zero })
      const fiber = yield* Effect.forkChild(Effect.repeat(Effect.exit(Stream.runDrain(patient)), { times: 1 }))
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Ref.get(calls), 4)
    })
  )

  it.effect("logs every repetition with its attempt, reason and delay", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make((entry) => lines.push(JSON.stringify(Logger.formatStructured.log(entry))))
      yield* Effect.provide(play([[[], fault("rate_limited", Duration.seconds(7))], [whole]]), Logger.layer([logger]))
      assert.strictEqual(lines.length, 1)
      for (const expected of ["model call will be retried", '"attempt":2', '"reason":"rate_limited"', '"delay":"7s"']) {
        assert.include(lines[0], expected)
      }
    })
  )

  it.effect("keeps a provider's name and models", () =>
    Effect.gen(function* () {
      const provider: Provider["Service"] = { name: "p", models: ["m"], stream: () => Stream.fromIterable(whole) }
      const patient = withRetry(provider, policy)
      assert.deepStrictEqual([patient.name, patient.models], ["p", ["m"]])
      const request = { model: "m", prompt: Prompt.empty, tools: [], maxTokens: 1 }
      assert.deepStrictEqual(yield* Stream.runCollect(patient.stream(request)), whole)
    })
  )

  const contents: ReadonlyArray<readonly [ProviderPart, boolean]> = [
    [metadata, false],
    [start, false],
    [Response.makePart("text-delta", { id: "0", delta: "" }), false],
    [Response.makePart("reasoning-start", { id: "0" }), false],
    [Response.makePart("reasoning-end", { id: "0" }), false],
    [Response.makePart("text-end", { id: "0" }), false],
    [delta, true],
    [Response.makePart("reasoning-delta", { id: "0", delta: "hm" }), true],
    [Response.makePart("tool-params-start", { id: "0", name: "exec", providerExecuted: false }), true],
    [Response.makePart("tool-call", { id: "0", name: "exec", params: {}, providerExecuted: false }), true],
    [finish, true]
  ]

  it("takes announcements for no content", () => {
    for (const [part, expected] of contents) assert.strictEqual(isContent(part), expected, part.type)
  })
})
