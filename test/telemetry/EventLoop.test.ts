import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { EventLoop } from "../../src/telemetry/EventLoop.ts"

describe("EventLoop", () => {
  it.effect("tells the longest delay of each window, and begins anew with the next", () =>
    Effect.gen(function* () {
      const { delay } = yield* EventLoop
      yield* Effect.yieldNow
      const before = delay()
      yield* TestClock.adjust("10 seconds")
      const after = delay()
      for (const measured of [before, after]) assert.isTrue(Number.isFinite(measured) && measured >= 0)
    }).pipe(Effect.provide(EventLoop.layer))
  )
})
