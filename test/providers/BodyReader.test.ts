import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as BodyReader from "../../src/providers/BodyReader.ts"

const byte = (value: number) => Uint8Array.of(value)

/** A body that is told what arrives, and what is made of it; its first byte is 0. */
const open = Effect.fnUntraced(function* () {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given
    }
  })
  const reader = stream.getReader()
  const waits: Array<number> = []
  const due = (now: number) => ({ at: now + 60_000, late: () => "idle" })
  const onBroken = (cause: unknown) => `broken: ${cause}`
  const onWaited = (time: number) => waits.push(time)
  const first = { done: false, value: byte(0) } as const
  const body = yield* BodyReader.make({ reader, first, due, onWaited, onBroken })
  const next = Effect.map(body.next, (chunks) => chunks.map((chunk) => chunk[0]))
  return {
    body,
    waits,
    next,
    arrive: (...values: ReadonlyArray<number>) => {
      for (const value of values) controller?.enqueue(byte(value))
    },
    end: () => controller?.close(),
    fail: (cause: string) => controller?.error(cause)
  }
})

/** Lets everything that is ready run, so that whoever waits is waiting on the clock. */
const settle = Effect.promise(() => new Promise(setImmediate)).pipe(Effect.repeat({ times: 5 }))

describe("BodyReader", () => {
  it.effect("gives what has arrived together, in order, and then waits for more", () =>
    Effect.gen(function* () {
      const { arrive, end, next } = yield* open()
      arrive(1, 2)
      assert.deepStrictEqual(yield* next, [0, 1, 2])
      const fiber = yield* Effect.forkChild(next, { startImmediately: true })
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      arrive(3)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [3])
      end()
      assert.deepStrictEqual(yield* next, [])
    })
  )

  it.effect("loses nothing of a body that always has more, and takes a part of it at a time", () =>
    Effect.gen(function* () {
      const { arrive, body, end, next } = yield* open()
      const values = Array.from({ length: 199 }, (_, index) => index + 1)
      arrive(...values)
      end()
      const goes: Array<ReadonlyArray<number | undefined>> = []
      for (let chunks = yield* next; chunks.length > 0; chunks = yield* next) goes.push(chunks)
      assert.deepStrictEqual(goes.flat(), [0, ...values])
      assert.isAbove(goes.length, 1)
      assert.isTrue(body.ended)
    })
  )

  it.effect("gives what came before the connection broke, and fails after it", () =>
    Effect.gen(function* () {
      const { arrive, fail, next } = yield* open()
      assert.deepStrictEqual(yield* next, [0])
      const fiber = yield* Effect.forkChild(next, { startImmediately: true })
      arrive(1)
      fail("reset")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1])
      assert.deepStrictEqual(yield* Effect.exit(next), Exit.fail("broken: reset"))
    })
  )

  it.effect("counts only silence that somebody waits through", () =>
    Effect.gen(function* () {
      const { arrive, next, waits } = yield* open()
      assert.deepStrictEqual(yield* next, [0])
      yield* TestClock.adjust("90 seconds")
      const patient = yield* Effect.forkChild(next, { startImmediately: true })
      yield* TestClock.adjust("59 seconds")
      arrive(1)
      assert.deepStrictEqual(yield* Fiber.join(patient), [1])
      const fiber = yield* Effect.forkChild(Effect.flip(next), { startImmediately: true })
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "idle")
      assert.deepStrictEqual(waits, [0, 59_000, 60_000])
    })
  )
})
