import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { untilDeparture } from "../../src/api/SessionFollowing.ts"
import type { SessionEvent } from "../../src/domain/SessionEvent.ts"

const named = (seq: number): SessionEvent => ({
  type: "SessionRenamed",
  name: null,
  seq,
  at: "2026-01-01T00:00:00.000Z"
})

/** What is heard of a session with these events when it is removed after event 3. */
const heard = Effect.fnUntraced(function* (...seqs: ReadonlyArray<number>) {
  const departure = yield* Deferred.make<number>()
  const events = Stream.concat(Stream.fromIterable(seqs.map(named)), Stream.never)
  const told = untilDeparture(events, 0, Deferred.await(departure))
  const fiber = yield* Effect.forkChild(Stream.runCollect(told), { startImmediately: true })
  yield* TestClock.adjust("1 minute")
  assert.isUndefined(fiber.pollUnsafe())
  yield* Deferred.succeed(departure, 3)
  return fiber
})

describe("Whoever follows a session that is deleted", () => {
  it.effect("is let go behind its last event", () =>
    Effect.gen(function* () {
      const events = yield* Fiber.join(yield* heard(1, 2, 3))
      assert.lengthOf(events, 3)
    })
  )

  it.effect("and lags behind is let go all the same, as its log is not there any more", () =>
    Effect.gen(function* () {
      const fiber = yield* heard(1, 2)
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* Fiber.join(fiber), 2)
    })
  )
})
