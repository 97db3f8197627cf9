import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { Response } from "effect/ai"
import { TestClock } from "effect/testing"
import { textOf } from "../../src/domain/SessionEvent.ts"
import type { Provider, ProviderPart } from "../../src/providers/Provider.ts"
import { ProviderError, type ProviderFault } from "../../src/providers/ProviderError.ts"
import { Signals } from "../../src/telemetry/Signals.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { ended, event, inTime, s, say } from "../support/AgentWorld.ts"
import * as FakeProvider from "../support/FakeProvider.ts"
import { behind, calls, failing, gate, make, type Reply, text, words } from "../support/FakeProvider.ts"
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

  const cutAfter = (said: string, reason: ProviderFault = "stream_cut") => Stream.concat(words(said), failing(reason))

  const eventsOf = (replies: ReadonlyArray<Reply>, more: Partial<Provider["Service"]> = {}) => {
    const provider = make(replies)
    const world = AgentWorld.layer({ providers: [{ ...provider.service, ...more }] })
    return Effect.andThen(say("hello"), Effect.andThen(ended(), AgentWorld.log())).pipe(
      Effect.map((events) => ({ events, provider, types: events.map(({ type }) => type) })),
      Effect.provide(world)
    )
  }

  const saidTo = ({ requests }: FakeProvider.FakeProvider, nth: number) =>
    requests[nth]?.prompt.content.slice(-2).map(({ content, role }) => {
      const said = typeof content === "string" ? content : content.map((part) => ("text" in part ? part.text : ""))
      return [role, String(said)]
    })

  it.effect("that breaks off is gone on with where it stopped, where the provider can", () =>
    Effect.gen(function* () {
      const { events, provider, types } = yield* eventsOf([cutAfter("one two"), text(" three")], { continues: true })
      assert.deepStrictEqual(types.slice(2), [
        ...["ModelCalled", "ReplyCut", "ReplyContinued", "ModelCalled", "ModelReplied", "TurnEnded"]
      ])
      const cut = events.find((entry) => entry.type === "ReplyCut")
      assert.deepInclude(cut, { text: "one two", reason: "stream_cut", step: 1, model: "fake/model" })
      assert.isAbove(cut?.usage?.outputTokens.total ?? 0, 0)
      assert.deepStrictEqual(saidTo(provider, 1), [
        ["assistant", "one two"],
        ["user", "[Your reply was cut off here. Go on exactly where it stops, and repeat nothing of it.]"]
      ])
    })
  )

  it.effect("that begins anew where it was to go on says nothing twice", () =>
    Effect.gen(function* () {
      const replies = [cutAfter("one two"), cutAfter("one two three"), text("one two three four")]
      const { events } = yield* eventsOf(replies, { continues: true })
      const said = events.flatMap((entry) =>
        entry.type === "ReplyCut" || entry.type === "ModelReplied" ? [textOf(entry)] : []
      )
      assert.deepStrictEqual(said, ["one two", " three", " four"])
    })
  )

  it.effect("that breaks off is begun again where it cannot, and what was shown is superseded", () =>
    Effect.gen(function* () {
      const { events, provider, types } = yield* eventsOf([cutAfter("one two"), text("one two three")])
      assert.deepStrictEqual(types.slice(2), ["ModelCalled", "ReplyCut", "ModelCalled", "ModelReplied", "TurnEnded"])
      assert.deepInclude(
        events.find((entry) => entry.type === "ReplyCut"),
        { text: "" }
      )
      assert.deepStrictEqual(
        events.flatMap((entry) => (entry.type === "ModelCalled" ? [entry.step] : [])),
        [1, 2]
      )
      assert.deepStrictEqual(provider.requests[1]?.prompt, provider.requests[0]?.prompt)
    })
  )

  it.effect("that breaks off again and again is given up with what it broke off for", () =>
    Effect.gen(function* () {
      const cuts = Array.from({ length: 4 }, (_, nth) => cutAfter(`part ${nth}. `, "stream_stalled"))
      const { events, provider } = yield* eventsOf(cuts, { continues: true })
      assert.strictEqual(provider.requests.length, 3)
      const end = events.at(-1)
      assert.strictEqual(end?.type === "TurnEnded" ? end.failure?.type : "", "stream_stalled")
    })
  )

  it.effect("that breaks off for a reason that does not pass ends the turn", () =>
    Effect.gen(function* () {
      const { events, provider } = yield* eventsOf([cutAfter("so far", "authentication")], { continues: true })
      assert.strictEqual(provider.requests.length, 1)
      const end = events.at(-1)
      assert.strictEqual(end?.type === "TurnEnded" ? end.failure?.type : "", "authentication")
    })
  )

  it.effect("never runs a tool whose call was in a reply that broke off", () =>
    Effect.gen(function* () {
      const asked = Stream.concat(Stream.take(calls({ a: { tool: "unsafe", text: "x" } }), 1), failing("stream_cut"))
      const tools = countingTools({ folder: yield* temporary })
      const provider = make([asked, text("no need")])
      const events = yield* Effect.andThen(say("hello"), Effect.andThen(ended(), AgentWorld.log())).pipe(
        Effect.provide(AgentWorld.layer({ providers: [provider], tools }))
      )
      assert.isFalse(events.some(({ type }) => type === "ToolCalled"))
      assert.strictEqual(provider.requests.length, 2)
    })
  )

  it.effect("that reaches its length limit is gone on with, so often, and the turn says if it is not whole", () =>
    Effect.gen(function* () {
      const parts = Array.from({ length: 5 }, (_, nth) => text(`part ${nth}. `, "length"))
      const { events, provider, types } = yield* eventsOf(parts)
      assert.strictEqual(types.filter((type) => type === "ReplyContinued").length, 3)
      assert.strictEqual(provider.requests.length, 4)
      assert.deepInclude(events.at(-1), { outcome: "completed", cutShort: "length" })
    })
  )

  it.effect("that used up its length limit without a word ends the turn with what to do about it", () =>
    Effect.gen(function* () {
      const { events } = yield* eventsOf([text("", "length")])
      const end = events.at(-1)
      assert.deepStrictEqual(end?.type === "TurnEnded" ? end.failure : undefined, {
        type: "max_tokens",
        message: "the model used up its reply before it said anything; raise the agent's maxTokens"
      })
    })
  )

  it.effect("is not asked for where the day's limit does not allow it, and what was said is answered a day later", () =>
    Effect.gen(function* () {
      const provider = make([FakeProvider.counted("one", 900, 900), text("two")])
      const agents = { main: { maxTokens: 1_000 } }
      const world = AgentWorld.layer({ providers: [provider], agents, limits: { tokensPerDay: 2_500 } })
      yield* Effect.gen(function* () {
        yield* Effect.andThen(say("first"), ended(1))
        yield* Effect.andThen(say("second"), ended(2))
        const end = (yield* AgentWorld.log()).at(-1)
        assert(end?.type === "TurnEnded")
        assert.strictEqual(end.failure?.type, "spend_limit")
        assert.match(
          end.failure?.message ?? "",
          /2,500 tokens .* 1,800 used; it begins anew at 00:00 UTC \(1970-01-02\)/
        )
        assert.lengthOf(provider.requests, 1)
        yield* TestClock.adjust("1 day")
        yield* Effect.andThen(say("and now?"), ended(3))
        assert.deepStrictEqual(
          provider.requests
            .at(-1)
            ?.prompt.content.flatMap(({ content, role }) => (role === "user" ? content : []))
            .map((part) => (part.type === "text" ? part.text : "")),
          ["first", "second", "and now?"]
        )
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("falls back to the models that stand in, and the log says who answered after whom, and what it cost", () =>
    Effect.gen(function* () {
      const first = make([failing("overloaded")], "first")
      const second = make([FakeProvider.counted("hi", 1_000_000, 100_000)], "second")
      const priced = { ...second.service, priceOf: () => ({ input: 3, output: 15 }) }
      const agents = { main: { model: "first/large", fallbacks: ["second/small", "first/large"] } }
      const world = AgentWorld.layer({ providers: [first, priced], agents })
      yield* Effect.gen(function* () {
        yield* Effect.andThen(say("hello"), ended())
        assert.deepInclude(yield* event("ModelCalled"), { model: "first/large" })
        assert.deepInclude(yield* event("ModelReplied"), {
          model: "second/small",
          detours: [{ model: "first/large", reason: "overloaded", detail: "told to fail with overloaded" }],
          cost: 4.5
        })
        const { logs } = yield* AgentWorld.World
        const told = logs.find(({ message }) => String(message) === "model call falls back")
        assert.deepInclude(told?.annotations, { from: "first/large", to: "second/small", reason: "overloaded" })
      }).pipe(Effect.provide(world))
    })
  )

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
