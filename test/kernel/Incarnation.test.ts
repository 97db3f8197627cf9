import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import { layer, settle, Troupe } from "./Troupe.ts"

describe("an incarnation without a supervisor", () => {
  it.effect("logs the failure of a fiber, as nobody else is told", () =>
    Effect.gen(function* () {
      const { fork } = yield* Incarnation
      yield* fork(Effect.fail("boom"))
      yield* settle
      const { logs } = yield* Troupe
      assert.deepInclude(logs, { message: "fiber failed", level: "Error", annotations: {} })
    }).pipe(Effect.provide(Incarnation.layerAlone), Effect.provide(layer))
  )

  it.effect("says nothing of fibers that end because it does", () =>
    Effect.gen(function* () {
      const slow = Effect.onInterrupt(Effect.never, () => settle)
      const life = Effect.flatMap(Incarnation, ({ fork }) => fork(slow, { mustNotEnd: "the writer" }))
      yield* Effect.provide(life, Incarnation.layerAlone)
      yield* settle
      assert.deepStrictEqual((yield* Troupe).logs, [])
    }).pipe(Effect.provide(layer))
  )
})
