import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Inbox } from "../../src/agents/Inbox.ts"

describe("Inbox", () => {
  it.effect("hands out all that is there, once and in its order", () =>
    Effect.gen(function* () {
      const inbox = new Inbox<number>()
      inbox.put(1)
      inbox.put(2)
      assert.strictEqual(inbox.size, 2)
      assert.deepStrictEqual(yield* inbox.take, [1, 2])
      inbox.put(3)
      assert.deepStrictEqual(inbox.clear(), [3])
      assert.deepStrictEqual(inbox.clear(), [])
    })
  )

  it.effect("keeps whoever takes waiting until something comes", () =>
    Effect.gen(function* () {
      const inbox = new Inbox<string>()
      const taking = yield* Effect.forkChild(inbox.take, { startImmediately: true })
      assert.isUndefined(taking.pollUnsafe())
      inbox.put("here")
      inbox.put("and there")
      assert.deepStrictEqual(yield* Fiber.join(taking), ["here", "and there"])
      assert.strictEqual(inbox.size, 0)
    })
  )

  it.effect("keeps what comes when whoever waited has gone", () =>
    Effect.gen(function* () {
      const inbox = new Inbox<string>()
      yield* Fiber.interrupt(yield* Effect.forkChild(inbox.take, { startImmediately: true }))
      inbox.put("late")
      assert.deepStrictEqual(yield* inbox.take, ["late"])
    })
  )
})
