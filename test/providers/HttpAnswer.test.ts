import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Redacted, Stream } from "effect"
import { Response as Reply } from "effect/ai"
import { TestClock } from "effect/testing"
import { answer, type PartPull } from "../../src/providers/HttpAnswer.ts"
import type { Timeouts } from "../../src/providers/Patience.ts"
import type { ProviderPart } from "../../src/providers/Provider.ts"
import { retrying } from "../../src/providers/Retry.ts"

const metadata = Reply.makePart("response-metadata", { id: "msg" })
const empty = Reply.makePart("text-delta", { id: "0", delta: "" })
const word = Reply.makePart("text-delta", { id: "0", delta: "word " })
const usage = new Reply.Usage({ inputTokens: {}, outputTokens: {} })
const finish = Reply.makePart("finish", { reason: "stop", usage })

/** A part, and how many seconds after the last it comes. */
type Cue = readonly [seconds: number, part: ProviderPart]

const partsByName = { metadata, empty, word, finish }
type Name = keyof typeof partsByName
const nameOf = (part: ProviderPart) =>
  Object.entries(partsByName).find(([, other]) => other === part)?.[0] ?? assert.fail("an unknown part")

/** A body that plays its cues; without a finish it stays open and silent behind the last. */
const bodyOf = Effect.fnUntraced(function* (cues: ReadonlyArray<Cue>, abandoned: () => void) {
  const context = yield* Effect.context<never>()
  const run = Effect.runPromiseWith(context)
  const rest = [...cues]
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const cue = rest.shift()
      if (cue === undefined) return new Promise<void>(() => undefined)
      await run(Effect.sleep(Duration.seconds(cue[0])))
      controller.enqueue(new TextEncoder().encode(`data: ${nameOf(cue[1])}\n\n`))
    },
    cancel: abandoned
  })
})

const timeouts: Timeouts = {
  firstByte: Duration.minutes(2),
  idle: Duration.minutes(1),
  content: Duration.seconds(10),
  call: Duration.hours(1)
}

/** One list of cues for each time it is asked. */
const answering = (limits: Partial<Timeouts>, ...attempts: ReadonlyArray<ReadonlyArray<Cue>>) => {
  let [asked, abandoned] = [0, 0]
  const stream = answer({
    context: { provider: "slow", apiKey: Redacted.make("") },
    timeouts: { ...timeouts, ...limits },
    deadline: { at: 100_000, within: Duration.seconds(100) },
    send: Effect.suspend(() =>
      Effect.map(
        bodyOf(attempts[Math.min(asked++, attempts.length - 1)] ?? [], () => abandoned++),
        (body) => new Response(body)
      )
    ),
    idHeader: "request-id",
    onHead: () => undefined,
    isLast: ({ data }) => data === "finish",
    read: (_, events): Effect.Effect<PartPull> =>
      Effect.succeed(
        Effect.map(events, (arrived) => {
          const [first, ...others] = arrived.map(({ data }) => partsByName[data as Name])
          return [first ?? assert.fail("no event"), ...others]
        })
      )
  })
  return { stream, asked: () => asked, abandoned: () => abandoned }
}

/** Asks on virtual time: what came, how it ended, and after how many seconds. */
const ask = Effect.fnUntraced(function* (stream: ReturnType<typeof answering>["stream"]) {
  const received: Array<ProviderPart> = []
  const run = Stream.runForEach(stream, (part) => Effect.sync(() => received.push(part)))
  const fiber = yield* Effect.forkChild(Effect.result(run), { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) {
    yield* Effect.promise(() => new Promise(setImmediate))
    yield* TestClock.adjust("1 second")
  }
  const result = yield* Fiber.join(fiber)
  const error = result._tag === "Failure" ? result.failure : undefined
  return { received, error, seconds: (yield* Clock.currentTimeMillis) / 1000 }
})

const words = (count: number, apart: number): ReadonlyArray<Cue> => Array.from({ length: count }, () => [apart, word])

describe("HttpAnswer", () => {
  it.effect("lets a reply through that says something often enough", () =>
    Effect.gen(function* () {
      const { error, received } = yield* ask(answering({}, [...words(10, 9), [9, finish]]).stream)
      assert.strictEqual(error, undefined)
      assert.strictEqual(received.length, 11)
    })
  )

  it.effect("gives up on a body that shows signs of life and says nothing", () =>
    Effect.gen(function* () {
      const pings = Array.from({ length: 100 }, (): Cue => [1, empty])
      const { abandoned, stream } = answering({}, [[1, metadata], ...pings])
      const { error, seconds } = yield* ask(stream)
      assert.strictEqual(error?.reason, "stream_stalled")
      assert.strictEqual(error?.message, "slow: the model said nothing for 10s, though its connection was open")
      assert.isAtLeast(seconds, 10)
      assert.isAtMost(seconds, 12)
      assert.strictEqual(abandoned(), 1)
    })
  )

  it.effect("begins to wait anew with everything that is said", () =>
    Effect.gen(function* () {
      const cues: ReadonlyArray<Cue> = [
        [8, word],
        [8, word],
        [5, empty]
      ]
      const { error, received } = yield* ask(answering({}, cues).stream)
      assert.deepStrictEqual([error?.reason, received], ["stream_stalled", [word, word, empty]])
    })
  )

  it.effect("tells silence from saying nothing by whichever limit comes first", () =>
    Effect.gen(function* () {
      const silent = yield* ask(answering({ idle: Duration.seconds(5) }, [[1, word]]).stream)
      assert.include(silent.error?.detail, "fell silent for 5s")
      const speechless = yield* ask(answering({}, [[1, word]]).stream)
      assert.include(speechless.error?.detail, "said nothing for 10s")
    })
  )

  it.effect("gives up when the call is over its time, with all that it said", () =>
    Effect.gen(function* () {
      const { error, received } = yield* ask(answering({}, words(200, 1)).stream)
      assert.strictEqual(error?.reason, "timeout")
      assert.include(error?.detail, "had not ended within 1m 40s")
      assert.isAtLeast(received.length, 90)
      assert.isAtMost(received.length, 100)
    })
  )

  it.effect("does not count the time its reader takes", () =>
    Effect.gen(function* () {
      const cues: ReadonlyArray<Cue> = [
        [1, word],
        [1, finish]
      ]
      const reading = Stream.runForEach(answering({}, cues).stream, () => Effect.sleep("30 seconds"))
      const fiber = yield* Effect.forkChild(Effect.exit(reading), { startImmediately: true })
      while (fiber.pollUnsafe() === undefined) {
        yield* Effect.promise(() => new Promise(setImmediate))
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Success")
    })
  )

  it.effect("lets what stalled before its first content be asked again, and nothing after it", () =>
    Effect.gen(function* () {
      const policy = { attempts: 3, base: Duration.seconds(1), cap: Duration.seconds(1) }
      const mute = answering({}, [[1, metadata]], [...words(1, 1), [1, finish]])
      assert.deepStrictEqual((yield* ask(retrying(mute.stream, policy))).received, [word, finish])
      assert.strictEqual(mute.asked(), 2)
      const torn = answering({}, words(1, 1))
      assert.deepStrictEqual(
        [(yield* ask(retrying(torn.stream, policy))).error?.reason, torn.asked()],
        ["stream_stalled", 1]
      )
    })
  )
})
