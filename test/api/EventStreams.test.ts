import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { alive, frameText, heartbeat } from "../../src/api/EventStreams.ts"

describe("EventStreams", () => {
  it("writes what a frame has", () => {
    assert.strictEqual(frameText({ data: "{}" }), "data: {}\n\n")
    assert.strictEqual(frameText({ id: "7", event: "TurnEnded", data: "{}" }), "id: 7\nevent: TurnEnded\ndata: {}\n\n")
  })

  it.effect("keeps a quiet stream alive with comments", () =>
    Effect.gen(function* () {
      const written = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(alive(Stream.never), (text) => Queue.offer(written, text)),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust("14 seconds")
      assert.strictEqual(yield* Queue.size(written), 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Queue.take(written), ": alive\n\n")
      yield* TestClock.adjust(heartbeat)
      assert.strictEqual(yield* Queue.take(written), ": alive\n\n")
    })
  )

  it.effect("ends with its last frame", () =>
    Effect.gen(function* () {
      const reading = yield* Effect.forkChild(Stream.runCollect(alive(Stream.make({ data: "1" }, { data: "2" }))))
      assert.deepStrictEqual(yield* Fiber.join(reading), ["data: 1\n\n", "data: 2\n\n"])
    })
  )
})
