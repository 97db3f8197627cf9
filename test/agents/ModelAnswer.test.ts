import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { Prompt, Response } from "effect/ai"
import * as ModelAnswer from "../../src/agents/ModelAnswer.ts"
import type { Price } from "../../src/providers/Pricing.ts"
import { ProviderError } from "../../src/providers/ProviderError.ts"
import type { Amount } from "../../src/tenants/Budget.ts"
import { Spending } from "../../src/tenants/Spending.ts"
import * as FakeProvider from "../support/FakeProvider.ts"

const price: Price = { input: 1_000_000, output: 1_000_000 }
const question = { prompt: Prompt.make("x".repeat(35)), tools: [], maxTokens: 100 }
const uncounted = new Response.Usage({ inputTokens: {}, outputTokens: {} })

const cut = (reason: ProviderError["reason"]) =>
  Stream.fail(new ProviderError({ provider: "fake", reason, detail: "told to fail" }))

/** Asks models that answer so, and says what came of it and what was settled. */
const world = Effect.fnUntraced(function* (...replies: ReadonlyArray<FakeProvider.Reply>) {
  const settled: Array<Amount> = []
  const spending = Layer.mock(Spending)({
    spend: (_, call, taken) => Effect.onExit(call, (exit) => Effect.sync(() => settled.push(taken(exit))))
  })
  const [first, ...others] = replies.map((reply, index) => ({
    provider: { ...FakeProvider.make([reply], "abc"[index]).service, priceOf: () => price },
    model: "m"
  }))
  if (first === undefined) return yield* Effect.die("nobody to ask")
  const answer = yield* Effect.provide(ModelAnswer.make, spending)
  return { ask: answer([first, ...others], question, () => undefined), settled }
})

describe("ModelAnswer", () => {
  it.effect("takes a reply whose tokens nobody counted for what we think it took, and tells no cost of it", () =>
    Effect.gen(function* () {
      const finish = Response.makePart("finish", { reason: "stop", usage: uncounted })
      const { ask, settled } = yield* world(Stream.concat(FakeProvider.words("1234567"), Stream.make(finish)))
      const answered = yield* ask
      assert.strictEqual(answered._tag, "Whole")
      assert.notProperty(answered, "cost")
      assert.deepStrictEqual(settled, [{ tokens: 12, cost: 12 }])
    })
  )

  it.effect("settles what a call took that is given up in the middle of its reply", () =>
    Effect.gen(function* () {
      const heard = Deferred.makeUnsafe<void>()
      const stays = Stream.fromEffectDrain(Effect.andThen(Deferred.succeed(heard, undefined), Effect.never))
      const { ask, settled } = yield* world(Stream.concat(FakeProvider.words("1234567"), stays))
      const fiber = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* Deferred.await(heard)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(settled, [{ tokens: 12, cost: 12 }])
    })
  )

  it.effect("says who stood in for whom, and settles nothing for those who could not answer", () =>
    Effect.gen(function* () {
      const failing = yield* world(cut("authentication"), cut("overloaded"))
      const error = yield* Effect.flip(failing.ask)
      assert.strictEqual(error._tag, "ProviderError")
      assert.deepStrictEqual(failing.settled, [{ tokens: 0, cost: 0 }])
      const { ask } = yield* world(cut("authentication"), FakeProvider.text("done"))
      assert.deepInclude(yield* ask, {
        model: "b/m",
        detours: [{ model: "a/m", reason: "authentication", detail: "told to fail" }]
      })
    })
  )

  it.effect("is cut when it breaks off for a reason that may pass, and fails otherwise", () =>
    Effect.gen(function* () {
      const passing = yield* world(Stream.concat(FakeProvider.words("so far"), cut("overloaded")))
      assert.deepInclude(yield* passing.ask, { _tag: "Cut", continues: false })
      const lasting = yield* world(Stream.concat(FakeProvider.words("so far"), cut("refused")))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(lasting.ask)))
    })
  )
})
