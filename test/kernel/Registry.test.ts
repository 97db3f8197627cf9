import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Scope } from "effect"
import * as Registry from "../../src/kernel/Registry.ts"

describe("Registry", () => {
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
    }))

  it.effect("refuses a name that is taken, and keeps the first handle", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make<number>()
      yield* registry.register("a", 1)
      const error = yield* Effect.flip(Effect.scoped(registry.register("a", 2)))
      assert.strictEqual(error.message, "The name \"a\" is taken")
      assert.deepStrictEqual(yield* registry.find("a"), Option.some(1))
    }))

  it.effect("keeps a handle that is undefined", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make<undefined>()
      yield* registry.register("a", undefined)
      assert.deepStrictEqual(yield* registry.find("a"), Option.some(undefined))
    }))
})
