import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Latch, Scope } from "effect"
import type { Vitals } from "../../../src/kernel/ChildOptions.ts"
import { incarnate, Incarnation } from "../../../src/kernel/Incarnation.ts"
import * as GroupCommit from "../../../src/sessions/sql/GroupCommit.ts"

/** A writer whose commits wait for a gate and write down their batches; "bad" is refused, "defect" dies. */
const gated = Effect.gen(function* () {
  const gate = yield* Latch.make(false)
  const started = yield* Deferred.make<void>()
  const batches: Array<ReadonlyArray<string>> = []
  const commit = Effect.fnUntraced(function* (batch: ReadonlyArray<string>) {
    batches.push(batch)
    yield* Deferred.succeed(started, undefined)
    yield* gate.await
    if (batch.includes("defect")) return yield* Effect.die(new Error("boom"))
    return batch.map((request) => (request === "bad" ? Exit.fail("refused") : Exit.succeed(`${request}!`)))
  })
  let vitals = (): Vitals => ({ waiting: 0, done: 0 })
  const { submit } = yield* Effect.provideService(
    GroupCommit.make({ commit, limit: 3, closed: "closed" }),
    Incarnation,
    incarnate(yield* Effect.scope, (reported) => (vitals = reported)).service
  )
  const ask = (request: string) =>
    Effect.forkChild(
      submit(() => request),
      { startImmediately: true }
    )
  return { gate, started, batches, submit, ask, vitals: () => vitals() }
})

describe("GroupCommit", () => {
  it.effect("commits together what waits, no more than the limit, and answers each", () =>
    Effect.gen(function* () {
      const { ask, batches, gate, started } = yield* gated
      const first = yield* ask("a")
      yield* Deferred.await(started)
      const rest = yield* Effect.forEach(["b", "bad", "c", "d"], ask)
      yield* gate.open
      assert.strictEqual(yield* Fiber.join(first), "a!")
      const exits = yield* Effect.forEach(rest, Fiber.await)
      assert.deepStrictEqual(exits, [Exit.succeed("b!"), Exit.fail("refused"), Exit.succeed("c!"), Exit.succeed("d!")])
      assert.deepStrictEqual(batches, [["a"], ["b", "bad", "c"], ["d"]])
    })
  )

  it.effect("lets whoever can run join, even while others are answered again and again", () =>
    Effect.gen(function* () {
      const { batches, gate, submit } = yield* gated
      yield* gate.open
      const caller = (name: string) => Effect.forEach([1, 2, 3], () => submit(() => name), { discard: true })
      const first = yield* Effect.forkChild(caller("a"), { startImmediately: true })
      // These start behind the writer, which the first caller has woken, and join from the next batch on.
      const others = yield* Effect.forEach(["b", "c"], (name) => Effect.forkChild(caller(name)))
      yield* Fiber.joinAll([first, ...others])
      assert.deepStrictEqual(batches, [["a"], ["a", "b", "c"], ["a", "b", "c"], ["b", "c"]])
    })
  )

  it.effect("tells a defect to the whole batch and goes on", () =>
    Effect.gen(function* () {
      const { ask, gate, submit } = yield* gated
      const fibers = yield* Effect.forEach(["a", "defect"], ask)
      yield* gate.open
      for (const fiber of fibers) {
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }
      assert.strictEqual(yield* submit(() => "next"), "next!")
    })
  )

  it.effect("lets a request that cannot be made harm its caller alone", () =>
    Effect.gen(function* () {
      const { ask, batches, gate, submit, vitals } = yield* gated
      const unmakeable = submit(() => {
        throw new Error("boom")
      })
      assert.isTrue(Cause.hasDies(yield* Effect.flip(Effect.sandbox(unmakeable))))
      const fiber = yield* ask("a")
      assert.deepStrictEqual(vitals(), { waiting: 1, done: 0 })
      yield* gate.open
      assert.strictEqual(yield* Fiber.join(fiber), "a!")
      assert.deepStrictEqual(batches, [["a"]])
    })
  )

  it.effect("does not mind a caller that gives up", () =>
    Effect.gen(function* () {
      const { ask, batches, gate, started, submit } = yield* gated
      const committing = yield* ask("a")
      yield* Deferred.await(started)
      const waiting = yield* ask("b")
      yield* Fiber.interruptAll([committing, waiting])
      yield* gate.open
      assert.strictEqual(yield* submit(() => "c"), "c!")
      assert.deepStrictEqual(batches, [["a"], ["b", "c"]])
    })
  )

  it.effect("says that a request waits until its commit is over, so that a commit that hangs is found", () =>
    Effect.gen(function* () {
      const { ask, gate, started, vitals } = yield* gated
      const first = yield* ask("a")
      yield* Deferred.await(started)
      assert.deepStrictEqual(vitals(), { waiting: 1, done: 0 })
      const second = yield* ask("b")
      assert.deepStrictEqual(vitals(), { waiting: 2, done: 0 })
      yield* gate.open
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(vitals(), { waiting: 0, done: 2 })
    })
  )

  it.effect("finishes the running commit when its Scope closes and refuses the rest", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { ask, gate, started, submit } = yield* Scope.provide(gated, scope)
      const running = yield* ask("a")
      yield* Deferred.await(started)
      const queued = yield* ask("b")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* gate.open
      yield* Fiber.join(closing)
      assert.strictEqual(yield* Fiber.join(running), "a!")
      assert.strictEqual(yield* Effect.flip(Fiber.join(queued)), "closed")
      assert.strictEqual(yield* Effect.flip(submit(() => "c")), "closed")
    })
  )
})
