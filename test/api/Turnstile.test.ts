import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { atOnce, make } from "../../src/api/Turnstile.ts"

/** Lets a crowd through, and looks in each time that others get on. */
const crowd = Effect.fnUntraced(function* (many: number) {
  const pass = yield* make
  let passed = 0
  const all = Effect.forEach(
    Array.from({ length: many }),
    () =>
      Effect.andThen(
        pass,
        Effect.sync(() => passed++)
      ),
    { concurrency: "unbounded", discard: true }
  )
  const passing = yield* Effect.forkChild(all)
  const seen = [0]
  while (passed < many) {
    yield* Effect.yieldNow
    seen.push(passed)
  }
  yield* Fiber.join(passing)
  return seen
})

describe("Turnstile", () => {
  it.effect("lets a crowd through a few at a time", () =>
    Effect.gen(function* () {
      const seen = yield* crowd(500)
      const steps = seen.slice(1).map((passed, index) => passed - (seen[index] ?? 0))
      assert.isAtMost(Math.max(...steps), atOnce)
      assert.strictEqual(seen.at(-1), 500)
    })
  )

  it.effect("lets whoever comes alone through at once", () =>
    Effect.map(crowd(1), (seen) => assert.isAtMost(seen.length, 3))
  )

  it.effect("keeps no place for whoever gave up waiting", () =>
    Effect.gen(function* () {
      const pass = yield* make
      const waiting = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => pass, { concurrency: "unbounded", discard: true })
      )
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiting)
      for (let nth = 0; nth < 2 * atOnce; nth++) yield* pass
    })
  )
})
