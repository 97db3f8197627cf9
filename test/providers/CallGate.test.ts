import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as CallGate from "../../src/providers/CallGate.ts"
import type { Cost } from "../../src/providers/RateLimitState.ts"

const one: Cost = { requests: 1, inputTokens: 0, outputTokens: 0 }
const none: Cost = { requests: 0, inputTokens: 0, outputTokens: 0 }

const enter = (gate: CallGate.CallGate, session: string) =>
  Effect.uninterruptibleMask((restore) => gate.enter(session, one, (_, waiting) => restore(waiting)))

const waiting = (gate: CallGate.CallGate) => gate.waiting.map(({ session }) => session)

describe("CallGate", () => {
  it.effect("passes on what is given back at once", () =>
    Effect.gen(function* () {
      const gate = yield* CallGate.make({ requestsPerMinute: 1 }, Duration.minutes(1))
      const ticket = yield* enter(gate, "a")
      const next = yield* Effect.forkChild(enter(gate, "b"), { startImmediately: true })
      assert.deepStrictEqual(waiting(gate), ["b"])
      gate.settle(ticket, none, 0)
      yield* Fiber.join(next)
      assert.deepStrictEqual(waiting(gate), [])
    })
  )

  for (const order of ["before", "after"] as const) {
    it.effect(`takes back what was given to one who is interrupted right ${order}`, () =>
      Effect.gen(function* () {
        const gate = yield* CallGate.make({ requestsPerMinute: 1 }, Duration.minutes(1))
        const ticket = yield* enter(gate, "a")
        const gone = yield* Effect.forkChild(enter(gate, "b"), { startImmediately: true })
        const next = yield* Effect.forkChild(enter(gate, "c"), { startImmediately: true })
        if (order === "before") gone.interruptUnsafe()
        gate.settle(ticket, none, 0)
        gone.interruptUnsafe()
        const exit = yield* Fiber.await(gone)
        if (exit._tag === "Success") gate.settle(exit.value, none, 0)
        yield* Fiber.join(next)
        assert.deepStrictEqual(waiting(gate), [])
      })
    )
  }

  it.effect("takes back what was given to one who is interrupted before it could take it", () =>
    Effect.gen(function* () {
      const gate = yield* CallGate.make({ requestsPerMinute: 1 }, Duration.minutes(1))
      const ticket = yield* enter(gate, "a")
      const slow = Effect.uninterruptibleMask((restore) =>
        gate.enter("b", one, (_, waiting) => restore(Effect.andThen(Effect.never, waiting)))
      )
      const gone = yield* Effect.forkChild(slow, { startImmediately: true })
      const next = yield* Effect.forkChild(enter(gate, "c"), { startImmediately: true })
      gate.settle(ticket, none, 0)
      assert.deepStrictEqual(waiting(gate), ["c"])
      yield* Fiber.interrupt(gone)
      yield* Fiber.join(next)
      assert.deepStrictEqual(waiting(gate), [])
    })
  )

  it.effect("gives nothing back twice", () =>
    Effect.gen(function* () {
      const gate = yield* CallGate.make({ requestsPerMinute: 2 }, Duration.minutes(1))
      const ticket = yield* enter(gate, "a")
      yield* enter(gate, "b")
      gate.settle(ticket, none, 0)
      gate.settle(ticket, none, 0)
      yield* enter(gate, "c")
      const fourth = yield* Effect.forkChild(enter(gate, "d"), { startImmediately: true })
      assert.deepStrictEqual(waiting(gate), ["d"])
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(fourth)
    })
  )

  it.effect("lets a smaller call go once a larger one before it was given up", () =>
    Effect.gen(function* () {
      const gate = yield* CallGate.make({ inputTokensPerMinute: 60 }, Duration.seconds(20))
      const call = (session: string, inputTokens: number) =>
        Effect.uninterruptibleMask((restore) =>
          gate.enter(session, { ...none, inputTokens }, (_, waiting) => restore(waiting))
        )
      yield* call("a", 60)
      const large = yield* Effect.forkChild(call("b", 60), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      const small = yield* Effect.forkChild(call("c", 15), { startImmediately: true })
      assert.deepStrictEqual(waiting(gate), ["b", "c"])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(large))).call.session, "b")
      yield* Fiber.join(small)
    })
  )

  it.effect("serves a queue of any length in which everybody passes on at once what they got", () =>
    Effect.gen(function* () {
      const gate = yield* CallGate.make({ requestsPerMinute: 1 }, Duration.minutes(1))
      const ticket = yield* enter(gate, "first")
      const pass = Effect.map(enter(gate, "s"), (own) => gate.settle(own, none, 0))
      const calls = yield* Effect.replicateEffect(Effect.forkChild(pass, { startImmediately: true }), 5_000)
      assert.strictEqual(gate.waiting.length, 5_000)
      gate.settle(ticket, none, 0)
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(waiting(gate), [])
    })
  )
})
