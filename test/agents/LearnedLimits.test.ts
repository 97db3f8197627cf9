/** How agents come to know what their models take in and give. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope } from "effect"
import { Agents } from "../../src/agents/Agents.ts"
import * as LearnedLimits from "../../src/agents/LearnedLimits.ts"
import { AgentId } from "../../src/domain/Ids.ts"
import type { ModelLimits, Provider } from "../../src/providers/Provider.ts"
import { ProviderError } from "../../src/providers/ProviderError.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { ended, inTime, log, say, settle } from "../support/AgentWorld.ts"
import { answering, failing, make, text } from "../support/FakeProvider.ts"
import { noteTaker } from "../support/NoteTaker.ts"

type LimitsOf = NonNullable<Provider["Service"]["limitsOf"]>

const telling = (provider: { readonly service: Provider["Service"] }, limitsOf: LimitsOf): Provider["Service"] => ({
  ...provider.service,
  limitsOf
})
const unreachable = new ProviderError({ provider: "fake", reason: "connection", detail: "nobody is there" })

describe("LearnedLimits", () => {
  it.effect("are what the provider said, from when it has said it", () =>
    Effect.gen(function* () {
      const told = yield* Deferred.make<ModelLimits>()
      const asked: Array<string> = []
      const provider = telling(make([]), (model) => {
        asked.push(model)
        return Deferred.await(told)
      })
      const learned = yield* LearnedLimits.make
      const target = { provider, model: "m" }
      yield* learned.learn(target)
      yield* learned.learn(target)
      assert.deepStrictEqual(learned.of(target), {})
      yield* Deferred.succeed(told, { maxInputTokens: 7 })
      yield* settle
      yield* learned.learn(target)
      assert.deepStrictEqual(learned.of(target), { maxInputTokens: 7 })
      assert.deepStrictEqual(learned.of({ provider, model: "other" }), {})
      assert.strictEqual(asked.length, 1)
    })
  )

  it.effect("are asked for again when nobody could say", () =>
    Effect.gen(function* () {
      let asked = 0
      const provider = telling(make([]), () => (asked++ === 0 ? unreachable : Effect.succeed({ maxInputTokens: 7 })))
      const learned = yield* LearnedLimits.make
      const target = { provider, model: "m" }
      yield* learned.learn(target)
      yield* settle
      assert.deepStrictEqual(learned.of(target), {})
      yield* learned.learn(target)
      yield* settle
      assert.deepStrictEqual(learned.of(target), { maxInputTokens: 7 })
    })
  )

  it.effect("are not kept of any number of models", () =>
    Effect.gen(function* () {
      const provider = telling(make([]), () => Effect.succeed({ maxInputTokens: 7 }))
      const learned = yield* LearnedLimits.make
      const targets = Array.from({ length: 300 }, (_, nth) => ({ provider, model: `m${nth}` }))
      yield* Effect.forEach(targets, learned.learn, { discard: true })
      yield* settle
      const known = targets.filter((target) => learned.of(target).maxInputTokens === 7)
      assert.deepStrictEqual([known.length, known.at(-1)?.model], [256, "m299"])
    })
  )

  it.effect("stop being asked for with their scope", () =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      const waiting = Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      const scope = yield* Scope.make()
      const learned = yield* Scope.provide(LearnedLimits.make, scope)
      yield* learned.learn({ provider: telling(make([]), () => waiting), model: "m" })
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(stopped)
    })
  )
})

const main = AgentId.make("main")
const contextOf = (model: string, answeredBy?: string) =>
  Effect.map(
    Agents.use((agents) => agents.serving(main)),
    ({ policyFor }) => policyFor(model, answeredBy).context
  )

describe("an agent's turn", () => {
  const window = 2_000
  const agents = { main: { context: { compactAt: 0.8, keepTurns: 2 }, maxTokens: 3_000 } }
  const filler = "The sea is calm today. ".repeat(20)

  it.effect("is kept within what the provider says of its model, without waiting for it", () => {
    const model = noteTaker({ window })
    const asked: Array<string> = []
    const provider = telling(model, (name) => {
      asked.push(name)
      return Effect.succeed({ maxInputTokens: window, maxOutputTokens: 64 })
    })
    return Effect.gen(function* () {
      assert.deepInclude(yield* contextOf("fake/model"), { window: 200_000, maxTokens: 3_000 })
      for (let nth = 1; nth <= 14; nth++) {
        yield* say(filler)
        assert.strictEqual((yield* inTime(ended(nth))).outcome, "completed")
      }
      assert.deepStrictEqual(asked, ["model"])
      const compacted = (yield* log()).filter((event) => event.type === "Compacted")
      assert.deepInclude(compacted[0], { method: "summarised", reason: "window" })
      assert.deepInclude(yield* contextOf("fake/model"), { window, maxTokens: 64 })
      const lengths = model.requests.map(({ maxTokens }) => maxTokens)
      assert.strictEqual(lengths[0], 3_000)
      assert.deepStrictEqual(new Set(lengths.slice(1)), new Set([64]))
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], agents })))
  })

  for (const [what, own, times] of [
    ["asks nobody where its file says all there is to know", { context: { window } }, 0],
    ["asks where thinking may not be known to the model", { context: { window }, thinking: "adaptive" }, 1]
  ] as const) {
    it.effect(what, () => {
      let asked = 0
      const limits = Effect.sync(() => ({ maxInputTokens: ++asked }))
      const provider = telling(make([text("hi")]), () => limits)
      return Effect.gen(function* () {
        yield* say("hello")
        yield* inTime(ended())
        assert.strictEqual(asked, times)
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], agents: { main: own } })))
    })
  }

  it.effect("goes on where the limits cannot be told", () =>
    Effect.gen(function* () {
      yield* say("hello")
      assert.strictEqual((yield* inTime(ended())).outcome, "completed")
      assert.deepInclude(yield* contextOf("fake/model"), { window: 200_000 })
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [telling(make([text("hi")]), () => unreachable)] })))
  )

  it.effect("fits the model of its session, and who stands in for it as long as that one answers", () => {
    const limits: Readonly<Record<string, number>> = { model: 1_000, own: 9_000, spare: 500 }
    const limitsOf = (model: string) => Effect.succeed({ maxInputTokens: limits[model] ?? 1 })
    return Effect.gen(function* () {
      const agent = yield* Agents.use((agents) => agents.serving(main))
      for (const name of ["fake/model", "fake/own", "fake/spare"]) yield* agent.learn(name)
      yield* settle
      assert.deepInclude(yield* contextOf("fake/own"), { window: 9_000 })
      assert.deepInclude(yield* contextOf("fake/model", "fake/spare"), { window: 500 })
      assert.deepInclude(yield* contextOf("fake/model", "fake/own"), { window: 1_000 })
      assert.deepInclude(yield* contextOf("fake/model", "fake/model"), { window: 1_000 })
    }).pipe(
      Effect.provide(
        AgentWorld.layer({
          providers: [telling(make([]), limitsOf)],
          agents: { main: { fallbacks: ["fake/spare"] } }
        })
      )
    )
  })

  it.effect("is kept within a smaller model that answers in place of its own", () => {
    const down = answering(() => failing("overloaded"))
    const small = noteTaker({ window })
    const spare = { ...telling(small, () => Effect.succeed({ maxInputTokens: window })), name: "spare" }
    const main = { ...agents.main, fallbacks: ["spare/small"] }
    return Effect.gen(function* () {
      for (let nth = 1; nth <= 14; nth++) {
        yield* say(filler)
        assert.strictEqual((yield* inTime(ended(nth))).outcome, "completed")
      }
      const entries = yield* log()
      assert.deepInclude(
        entries.find((event) => event.type === "Compacted"),
        { method: "summarised", reason: "window", model: "spare/small" }
      )
      assert.isFalse(entries.some((event) => event.type === "ContextOverflowed"))
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [down, spare], agents: { main } })))
  })
})
