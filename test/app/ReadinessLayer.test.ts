import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as ReadinessLayer from "../../src/app/ReadinessLayer.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import { EventLoop } from "../../src/telemetry/EventLoop.ts"
import type { Hold } from "../../src/telemetry/Hold.ts"
import { Readiness } from "../../src/telemetry/Readiness.ts"
import { Tenants } from "../../src/tenants/Tenants.ts"

const reasonsWith = (hold: Hold) =>
  Effect.gen(function* () {
    const readiness = yield* Readiness
    return yield* readiness.reasons
  }).pipe(
    Effect.provide(ReadinessLayer.layer),
    Effect.provide([
      Drain.layer,
      Layer.succeed(EventLoop, EventLoop.of({ longest: () => hold, naming: Effect.void })),
      Layer.mock(Tenants, { all: Effect.succeed([]) })
    ])
  )

const culprit = { fiber: 7, span: "tools.exec", at: undefined, annotations: {} }

describe("Readiness", () => {
  it.effect("says who held the event loop for longer than a second", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reasonsWith({ millis: 3100, culprit }), [
        "the event loop was held for 3.1 s by tools.exec"
      ])
      assert.deepStrictEqual(yield* reasonsWith({ millis: 900, culprit }), [])
    })
  )
})
