import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import * as Heap from "../../src/telemetry/Heap.ts"

/** Something that nobody holds once the job that made it is over. */
const garbage = () => new WeakRef({ size: "large" })

describe("Heap", () => {
  it.effect("gives back what nobody holds any more when the start is over", () =>
    Effect.gen(function* () {
      const early = garbage()
      yield* Layer.build(Layer.provide(Heap.layer, Incarnation.layerAlone))
      yield* Effect.promise(() => setImmediate())
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(early.deref())
    })
  )
})
