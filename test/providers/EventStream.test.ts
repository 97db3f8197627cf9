import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as BodyWatch from "../../src/providers/BodyWatch.ts"
import type { BodyFault } from "../../src/providers/BodyWatch.ts"
import { eventStream } from "../../src/providers/EventStream.ts"

const wire =
  'data: {"a":"é€😀"}\n\n: a comment\nretry: 5\nevent: two\r\ndata: x\r\ndata: y\r\n\r\ndata: end\n\ndata: late\n\n'
const expected = ['message:{"a":"é€😀"}', "two:x\ny", "message:end"]

/** A body that gives these pieces; then ends, or stays open and silent. */
const body = (
  pieces: ReadonlyArray<Uint8Array>,
  options: { readonly open?: boolean; readonly onCancel?: () => unknown } = {}
) => {
  const rest = [...pieces]
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = rest.shift()
      if (piece !== undefined) controller.enqueue(piece)
      else if (options.open !== true) controller.close()
      return piece === undefined ? new Promise<void>(() => undefined) : undefined
    },
    cancel: async () => {
      await options.onCancel?.()
    }
  })
}

const open = (opened: Effect.Effect<ReadableStream<Uint8Array>, BodyFault>) =>
  eventStream<BodyFault, never>({
    open: opened,
    watch: BodyWatch.make({
      firstByte: Duration.seconds(120),
      idle: Duration.seconds(60),
      content: Duration.hours(1)
    }).watch,
    onFault: (fault) => fault,
    isLast: (event) => event.data === "end"
  })

const read = (source: ReadableStream<Uint8Array>) =>
  Stream.runCollect(Stream.map(open(Effect.succeed(source)), (event) => `${event.event}:${event.data}`))

const bytes = (text: string) => new TextEncoder().encode(text)

/** Lets everything that is ready run, so that whoever waits is waiting on the clock. */
const settle = Effect.promise(() => new Promise(setImmediate)).pipe(Effect.repeat({ times: 5 }))

describe("EventStream", () => {
  it.effect("reads whole events up to the last one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(body([bytes(wire)])), expected)
    })
  )

  it.effect("reads the same when every byte comes alone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(body(Array.from(bytes(wire), (byte) => Uint8Array.of(byte)))), expected)
    })
  )

  it.effect.prop(
    "reads the same wherever the bytes are split",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: bytes(wire).length })))],
    ([cuts]) =>
      Effect.gen(function* () {
        const whole = bytes(wire)
        const edges = [0, ...cuts.toSorted((left, right) => left - right), whole.length]
        const pieces = edges.slice(1).map((edge, index) => whole.slice(edges[index], edge))
        assert.deepStrictEqual(yield* read(body(pieces)), expected)
      })
  )

  it.effect("drops an event that the body cuts off", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(body([bytes("data: one\n\ndata: two\n")])), ["message:one"])
    })
  )

  it.effect("counts connecting and the first byte as one wait", () =>
    Effect.gen(function* () {
      const connected = yield* Deferred.make<void>()
      const opened = Effect.as(Deferred.await(connected), body([], { open: true }))
      const fiber = yield* Effect.forkChild(Effect.flip(Stream.runDrain(open(opened))))
      yield* settle
      yield* TestClock.adjust("60 seconds")
      yield* Deferred.succeed(connected, undefined)
      yield* settle
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), { _tag: "Silent", after: Duration.seconds(120) })
    })
  )

  it.effect("fails once the body has been silent for the idle time, and cancels it", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      const onCancel = () => Deferred.doneUnsafe(cancelled, Effect.void)
      const source = body([bytes("data: one\n\n")], { open: true, onCancel })
      const fiber = yield* Effect.forkChild(Effect.flip(read(source)))
      yield* settle
      yield* TestClock.adjust("59 seconds")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), { _tag: "Stalled", after: Duration.seconds(60) })
      yield* Deferred.await(cancelled)
    })
  )

  it.effect("is not kept from ending by a body that cannot be cancelled", () =>
    Effect.gen(function* () {
      const source = body([bytes("data: one\n\n")], { open: true, onCancel: () => new Promise<void>(() => undefined) })
      const fiber = yield* Effect.forkChild(read(source))
      yield* settle
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isDefined(interrupting.pollUnsafe())
    })
  )

  it.effect("fails when the body breaks", () =>
    Effect.gen(function* () {
      const cause = new Error("gone")
      const source = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(cause) })
      assert.deepStrictEqual(yield* Effect.flip(read(source)), { _tag: "Broken", cause })
    })
  )

  it.effect("fails on an event that never ends instead of keeping it all", () =>
    Effect.gen(function* () {
      const endless = body(Array.from({ length: 12 }, () => bytes("x".repeat(1024 * 1024))))
      assert.deepStrictEqual(yield* Effect.flip(read(endless)), { _tag: "TooLarge" })
    })
  )
})
