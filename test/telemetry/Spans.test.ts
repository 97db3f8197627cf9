import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Tracer } from "effect"
import { inSpan } from "../../src/telemetry/Spans.ts"

const name = Effect.map(
  Effect.option(Effect.currentSpan),
  Option.map((span) => span.name)
)
const named = inSpan(name, "Test.span", { attributes: {} })

describe("inSpan", () => {
  it.effect("makes no span that nobody collects", () =>
    Effect.map(named, (span) => assert.deepStrictEqual(span, Option.none()))
  )

  it.effect("makes a span for a tracer", () =>
    Effect.gen(function* () {
      const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })
      assert.deepStrictEqual(yield* Effect.withTracer(named, tracer), Option.some("Test.span"))
    })
  )
})
