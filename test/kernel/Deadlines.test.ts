import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Deadlines } from "../../src/kernel/Deadlines.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { Census } from "./Census.ts"
import { leaping } from "./LeapingClock.ts"
import { asking, layer, settle, Troupe } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 3, within: "1 minute" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

/** Deadlines, and the fibers that have watched over them. */
const watched = Effect.gen(function* () {
  const fibers: Array<Fiber.Fiber<void>> = []
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const deadlines = new Deadlines(yield* Clock.Clock, (effect) => {
    const fiber = fork(effect)
    fibers.push(fiber)
    return fiber
  })
  const awake = () => fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length
  return { awake, deadlines, fibers }
})

describe("Deadlines", () => {
  it.effect("sleep in one fiber for each length of patience, however many wait", () =>
    Effect.gen(function* () {
      const { awake, deadlines, fibers } = yield* watched
      const expired: Array<number> = []
      for (const patience of [1000, 1000, 2000, 1000]) deadlines.add(patience, () => expired.push(patience))
      assert.deepStrictEqual([fibers.length, awake()], [2, 2])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([expired, awake()], [[1000, 1000, 1000], 1])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([expired, awake()], [[1000, 1000, 1000, 2000], 0])
    })
  )

  it.effect("leave nothing behind of those who were answered in time", () =>
    Effect.gen(function* () {
      const { awake, deadlines, fibers } = yield* watched
      for (let nth = 0; nth < 1000; nth++) deadlines.remove(deadlines.add(5000, () => assert.fail("was answered")))
      assert.strictEqual(fibers.length, 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(awake(), 0)
    })
  )

  it.effect("expire in time although the time of day is set", () =>
    Effect.gen(function* () {
      const { deadlines } = yield* Effect.provideService(watched, Clock.Clock, yield* leaping)
      const expired: Array<number> = []
      for (const patience of [1000, 2000]) deadlines.add(patience, () => expired.push(patience))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(expired, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(expired, [1000])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(expired, [1000, 2000])
    })
  )

  it.effect("sleep no more once they are closed", () =>
    Effect.gen(function* () {
      const { awake, deadlines } = yield* watched
      deadlines.add(1000, () => assert.fail("is closed"))
      deadlines.close()
      yield* settle
      assert.strictEqual(awake(), 0)
      yield* TestClock.adjust("1 second")
    })
  )

  const Wait = Schema.Struct({
    patience: Schema.Literals([0, 1, 10, 100]),
    pause: Schema.Literals([0, 1, 7]),
    isAnswered: Schema.Boolean
  })
  it.effect.prop(
    "expire each one once, exactly when its patience ends, unless it was removed",
    [Schema.Array(Wait)],
    ([waits]) =>
      Effect.gen(function* () {
        const { awake, deadlines } = yield* watched
        const clock = yield* Clock.Clock
        const expected: Array<number> = []
        const expired: Array<number> = []
        for (const { isAnswered, patience, pause } of waits) {
          const deadline = deadlines.add(patience, () => expired.push(clock.currentTimeMillisUnsafe()))
          if (isAnswered) deadlines.remove(deadline)
          if (!isAnswered || patience === 0) expected.push(clock.currentTimeMillisUnsafe() + patience)
          yield* TestClock.adjust(pause)
        }
        yield* TestClock.adjust(200)
        assert.deepStrictEqual(
          expired,
          expected.toSorted((one, other) => one - other)
        )
        assert.strictEqual(awake(), 0)
      }),
    { arbitrary: { runs: 50 } }
  )

  test(
    "hold an asker for exactly as long as it said, five seconds unless told",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const a = actor("a")
      yield* Supervisor.make({ ...rules, children: [a] })
      const usual = yield* asking(a, Effect.never)
      const short = yield* asking(a, Effect.void, { timeout: "20 millis" })
      const endless = yield* asking(a, Effect.void, { timeout: "infinity" })
      yield* TestClock.adjust(19)
      assert.isUndefined(short.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(short), "AskTimeout")
      yield* TestClock.adjust(4979)
      assert.isUndefined(usual.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(usual), "AskTimeout")
      yield* TestClock.adjust("1 day")
      assert.isUndefined(endless.pollUnsafe())
    })
  )

  test(
    "sleep no more once their supervisor's Scope is closed",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const a = actor("a")
      const census = new Census()
      const scope = yield* Scope.make()
      yield* Supervisor.make({ ...rules, children: [a] }).pipe(Scope.provide(scope), census.of)
      yield* a.ask(Effect.void)
      yield* asking(a, Effect.never)
      yield* asking(a, Effect.void, { timeout: "1 hour" })
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual(census.alive, 0)
    })
  )

  test(
    "leave nothing of an ask that timed out: no mail, and an answer that comes late is nobody's",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const a = actor("a")
      yield* Supervisor.make({ ...rules, children: [a] })
      const late = yield* asking(a, Effect.as(Effect.sleep("10 seconds"), "late"))
      for (let nth = 0; nth < 100; nth++) yield* asking(a, Effect.void)
      assert.strictEqual(a.waiting, 100)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([yield* Fiber.join(late), a.waiting], ["AskTimeout", 0])
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.deepStrictEqual([a.waiting > 0, a.vitals()], [false, { waiting: 0, busy: false, done: 1 }])
    })
  )
})
