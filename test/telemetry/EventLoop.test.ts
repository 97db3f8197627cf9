/** The loop is held for real. A busy stretch goes on until the watching thread has seen it, however slow the machine. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, Queue } from "effect"
import { TestClock } from "effect/testing"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import { EventLoop } from "../../src/telemetry/EventLoop.ts"
import { sentence } from "../../src/telemetry/Hold.ts"
import { formatEntry } from "../../src/telemetry/Logging.ts"
import { witness } from "../../src/telemetry/Witness.ts"

/** A watched loop, code that holds it for 300 ms and until that was seen, and what is logged of it. */
const watched = Effect.gen(function* () {
  let seen = 0
  const entries = yield* Queue.unbounded<Record<string, unknown>>()
  const loggers = Logger.layer([
    Logger.map(formatEntry, (entry) => entry.message === "event loop held" && Queue.offerUnsafe(entries, entry))
  ])
  const seeing = () => {
    seen++
    return witness()
  }
  const layer = Layer.provide(EventLoop.layerWith({ naming: "always", witness: seeing }), [
    loggers,
    Incarnation.layerAlone
  ])
  const { longest, naming } = Context.get(yield* Layer.build(layer), EventLoop)
  yield* Effect.andThen(Effect.yieldNow, naming)
  const busy = () => {
    const [before, begun] = [seen, performance.now()]
    const lasted = () => performance.now() - begun
    // Who is never seen stops in the end, so that the test fails instead of hanging.
    while (lasted() < 300 || (seen === before && lasted() < 20_000)) Math.sqrt(begun)
  }
  return { busy, longest, logged: Queue.take(entries) }
})

/** Real time in which the heart beats: a timer that begins now is due after its next beat. */
const beaten = Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), 60))

describe("EventLoop", () => {
  it.live("names the span, the fiber and the function that held it", () =>
    Effect.gen(function* () {
      const { busy, logged, longest } = yield* watched
      const fiber = yield* Effect.sync(busy).pipe(
        Effect.andThen(Effect.fiberId),
        Effect.withSpan("tools.exec"),
        Effect.annotateLogs({ tenant: "default", session: "s", agent: "main" })
      )
      const entry = yield* logged
      assert.deepInclude(entry, { level: "warn", message: "event loop held", span: "tools.exec", fiber: `#${fiber}` })
      assert.deepInclude(entry, { tenant: "default", session: "s", agent: "main" })
      assert.include(entry["at"], "EventLoop.test.ts")
      assert.isAtLeast(Number(entry["millis"]), 100)
      assert.match(sentence(longest()), /^the event loop was held for .* by tools\.exec$/)
    })
  )

  it.live("names the innermost span", () =>
    Effect.gen(function* () {
      const { busy, logged } = yield* watched
      const inner = Effect.withSpan(Effect.sync(busy), "Inner.work")
      const short = Effect.withSpan(Effect.void, "Inner.other")
      yield* Effect.withSpan(Effect.andThen(short, Effect.andThen(inner, short)), "Outer.work")
      assert.strictEqual((yield* logged)["span"], "Inner.work")
    })
  )

  it.live("names a fiber that goes on in a callback of Node.js", () =>
    Effect.gen(function* () {
      const { busy, logged } = yield* watched
      const tick = Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), 1))
      yield* Effect.withSpan(Effect.andThen(tick, Effect.sync(busy)), "Later.work")
      assert.strictEqual((yield* logged)["span"], "Later.work")
    })
  )

  it.live("says so when no fiber held it", () =>
    Effect.gen(function* () {
      const { busy, logged, longest } = yield* watched
      setTimeout(busy, 1)
      const entry = yield* logged
      assert.deepStrictEqual([entry["fiber"], entry["span"]], ["none", undefined])
      assert.include(entry["at"], "EventLoop.test.ts")
      assert.match(sentence(longest()), /by code outside any fiber$/)
    })
  )

  it.effect("tells the longest of what happens within a second, and how many it leaves out", () =>
    Effect.gen(function* () {
      const { busy, logged } = yield* watched
      yield* Effect.andThen(Effect.sync(busy), beaten)
      assert.isUndefined((yield* logged)["omitted"])
      yield* Effect.forEach([1, 2, 3], () => Effect.andThen(Effect.sync(busy), beaten))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* logged)["omitted"], 2)
    })
  )

  it.effect("is not watched by a thread before it is in use, nor because of the start", () =>
    Effect.gen(function* () {
      const { longest, naming } = yield* EventLoop
      const held = Effect.sync(() => {
        const begun = performance.now()
        while (performance.now() - begun < 200) Math.sqrt(begun)
      })
      const named = yield* Effect.forkChild(naming, { startImmediately: true })
      yield* Effect.andThen(Effect.andThen(Effect.yieldNow, held), beaten)
      assert.isAtLeast(longest().millis, 100)
      assert.isUndefined(named.pollUnsafe())
      yield* TestClock.adjust("10 seconds")
      yield* Effect.andThen(held, beaten)
      yield* Fiber.join(named)
    }).pipe(
      Effect.provide(Layer.provide(EventLoop.layerWith({ naming: "when in use", witness }), Incarnation.layerAlone))
    )
  )

  it.effect("forgets a hold after two windows of 10 seconds", () =>
    Effect.gen(function* () {
      const { longest } = yield* EventLoop
      const held = Effect.sync(() => {
        const begun = performance.now()
        while (performance.now() - begun < 200) Math.sqrt(begun)
      })
      yield* Effect.yieldNow
      yield* Effect.andThen(held, beaten)
      const { millis } = longest()
      assert.isAtLeast(millis, 100)
      yield* TestClock.adjust("10 seconds")
      assert.isAtLeast(longest().millis, 100)
      yield* TestClock.adjust("10 seconds")
      assert.isBelow(longest().millis, millis)
    }).pipe(
      Effect.provide(Layer.provide(EventLoop.layerWith({ naming: "when in use", witness }), Incarnation.layerAlone))
    )
  )
})
