import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { Response } from "effect/ai"
import type { ProviderPart } from "../../src/providers/Provider.ts"
import { ProviderError } from "../../src/providers/ProviderError.ts"
import { Signals } from "../../src/telemetry/Signals.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { ended, event, inTime, s, say } from "../support/AgentWorld.ts"
import * as FakeProvider from "../support/FakeProvider.ts"
import { behind, calls, gate, make, type Reply, text, words } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTools } from "../support/Tools.ts"

const finish = (reason: Response.FinishReason) => Stream.drop(text("", reason), 2) satisfies Reply

const reply = (...parts: ReadonlyArray<ProviderPart>): Reply =>
  Stream.concat(Stream.fromIterable(parts), finish("stop"))

const content = Effect.map(event("ModelReplied"), (replied) => replied.content)

const answering = <A, E>(said: Reply, body: Effect.Effect<A, E, AgentWorld.Everything>) =>
  Effect.andThen(say("hello"), Effect.andThen(ended(), body)).pipe(
    Effect.provide(AgentWorld.layer({ providers: [make([said])] }))
  )

describe("a model call", () => {
  it.effect("streams its text to whoever watches, before the reply is in the log", () => {
    const opened = gate()
    const spoken = Stream.concat(words("good morning"), behind(opened, finish("stop")))
    return Effect.gen(function* () {
      const watching = yield* Signals.use((signals) => signals.watch(s))
      const { turn } = yield* say("hello")
      yield* opened.reached
      const signals = yield* Queue.clear(watching)
      const deltas = signals.flatMap((signal) => (signal.type === "Text" ? [signal.delta] : []))
      assert.strictEqual(deltas.map(({ text }) => text).join(""), "good morning")
      const called = yield* event("ModelCalled")
      for (const delta of deltas) assert.deepInclude(delta, { turn, step: 1, called: called.seq })
      assert.isFalse(signals.some((signal) => signal.type === "Appended" && signal.event.type === "ModelReplied"))
      yield* opened.open
      yield* ended()
      assert.deepStrictEqual(yield* content, [{ type: "text", text: "good morning" }])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([spoken])] })))
  })

  it.effect("keeps what the model thought beside what it said, and nothing that is empty", () => {
    const spoken = reply(
      Response.makePart("reasoning-start", { id: "1" }),
      Response.makePart("reasoning-delta", { id: "1", delta: "hm" }),
      Response.makePart("reasoning-end", { id: "1" }),
      Response.makePart("text-start", { id: "2" }),
      Response.makePart("text-end", { id: "2" }),
      Response.makePart("text-start", { id: "3" }),
      Response.makePart("text-delta", { id: "3", delta: "hi" }),
      Response.makePart("text-end", { id: "3" })
    )
    return answering(
      spoken,
      Effect.map(content, (parts) =>
        assert.deepStrictEqual(
          parts.map((part) => [part.type, "text" in part ? part.text : ""]),
          [
            ["reasoning", "hm"],
            ["text", "hi"]
          ]
        )
      )
    )
  })

  it.effect("that says nothing is a reply with nothing in it", () =>
    answering(
      reply(),
      Effect.map(content, (parts) => assert.deepStrictEqual(parts, []))
    )
  )

  for (const [reason, outcome, type] of [
    ["length", "completed", undefined],
    ["content-filter", "failed", "refused"],
    ["error", "failed", "model_error"]
  ] as const) {
    it.effect(`that ends by ${reason} ends the turn as ${outcome}`, () =>
      answering(
        text("so far", reason),
        Effect.map(ended(), (end) => assert.deepStrictEqual([end.outcome, end.failure?.type], [outcome, type]))
      )
    )
  }

  it.effect("describes the agent's tools and no others", () =>
    Effect.gen(function* () {
      const provider = make([calls({ a: { tool: "pure", text: "x" } })])
      const tools = countingTools({ folder: yield* temporary })
      const options = { providers: [provider], tools, agents: { main: { tools: ["pure", "queryable"] } } }
      yield* Effect.andThen(say("hello"), ended()).pipe(Effect.provide(AgentWorld.layer(options)))
      assert.deepStrictEqual(
        provider.requests[0]?.tools.map(({ name }) => name),
        ["pure", "queryable"]
      )
    })
  )

  it.effect("lets others get on while a long conversation is put together, and leaves none of it out", () => {
    const provider = make([])
    const preceding = Array.from({ length: 2000 }, (_, nth) => ({ role: "user" as const, text: `message ${nth}` }))
    return Effect.gen(function* () {
      let turns = 0
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => turns++)
          ),
          { disableYield: true }
        )
      )
      const waiting = (many: number) =>
        Effect.gen(function* () {
          const before = turns
          while (provider.requests.length < many) yield* Effect.yieldNow
          return turns - before
        })
      yield* say("short")
      const short = yield* waiting(1)
      yield* ended()
      yield* say("long", { preceding })
      assert.isAtLeast((yield* waiting(2)) - short, 5)
      const said = provider.requests[1]?.prompt.content.flatMap(({ content }) =>
        typeof content === "string" ? [] : content.flatMap((part) => (part.type === "text" ? [part.text] : []))
      )
      assert.deepStrictEqual(said, ["short", "done", ...preceding.map(({ text }) => text), "long"])
    }).pipe(Effect.scoped, Effect.provide(AgentWorld.layer({ providers: [provider] })))
  })

  it.effect("is made all the same when the provider cannot say how much it is, or takes too long to", () => {
    const reasons = [
      Effect.fail(new ProviderError({ provider: "fake", reason: "unavailable", detail: "not now" })),
      Effect.never
    ]
    const counts: Array<Effect.Effect<number, ProviderError>> = [...reasons]
    const provider = FakeProvider.answering(() => text("hi"), { count: () => counts.shift() ?? Effect.succeed(1) })
    const context = { window: 100, keepTurns: 9 }
    return Effect.gen(function* () {
      for (const turn of [1, 2]) {
        yield* say("x".repeat(150))
        assert.deepInclude(yield* inTime(ended(turn)), { outcome: "completed" })
      }
      assert.deepStrictEqual(counts, [])
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [provider], agents: { main: { context, maxTokens: 10 } } })))
  })
})
