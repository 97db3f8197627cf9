import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import * as Registry from "../../src/kernel/Registry.ts"

describe("Registry", () => {
  it.effect("waits for a name that leads nowhere yet, and again for its next handle", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make<number>()
      const first = yield* Effect.forkChild(registry.awaiting("a"), { startImmediately: true })
      const scope = yield* Scope.make()
      yield* Scope.provide(registry.register("a", 1), scope)
      assert.strictEqual(yield* Fiber.join(first), 1)
      assert.strictEqual(yield* registry.awaiting("a"), 1)
      yield* Scope.close(scope, Exit.void)
      const second = yield* Effect.forkChild(registry.awaiting("a"), { startImmediately: true })
      yield* registry.register("a", 2)
      assert.strictEqual(yield* Fiber.join(second), 2)
    })
  )

  it.effect("finds a handle by its name until its Scope closes", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make<number>()
      const scope = yield* Scope.make()
      yield* Scope.provide(registry.register("a", 1), scope)
      yield* registry.register("b", 2)
      assert.deepStrictEqual(yield* registry.find("a"), Option.some(1))
      assert.deepStrictEqual(yield* registry.names, ["a", "b"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* registry.find("a"), Option.none())
      assert.deepStrictEqual(yield* registry.names, ["b"])
    })
  )

  it.effect("refuses a name that is taken, and keeps the first handle", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make<number>()
      yield* registry.register("a", 1)
      const error = yield* Effect.flip(Effect.scoped(registry.register("a", 2)))
      assert.strictEqual(error.message, 'The name "a" is taken')
      assert.deepStrictEqual(yield* registry.find("a"), Option.some(1))
    })
  )

  it.effect("keeps a handle that is undefined", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make<undefined>()
      yield* registry.register("a", undefined)
      assert.deepStrictEqual(yield* registry.find("a"), Option.some(undefined))
    })
  )
})
