/** What a session does when its conversation becomes more than its model takes in. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Queue, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { summaryMarker } from "../../src/domain/Note.ts"
import type { ProviderRequest } from "../../src/providers/Provider.ts"
import { Signals } from "../../src/telemetry/Signals.ts"
import { make as makeTool } from "../../src/tools/Tool.ts"
import {
  cancel,
  ended,
  event,
  type Everything,
  inTime,
  layer,
  log,
  logged,
  s,
  say,
  sharedStore,
  types,
  World
} from "../support/AgentWorld.ts"
import { behind, broken, calls, counted, failing, gate, type Reply, text } from "../support/FakeProvider.ts"
import {
  isSummary,
  json,
  noteTaker,
  type NoteTakerOptions,
  summaryOf,
  tokensOf,
  wholeOf
} from "../support/NoteTaker.ts"

const window = 2_000
const agents = { main: { context: { window, compactAt: 0.8, keepTurns: 2 }, maxTokens: 100, midTurn: "queue" } }

const filler = (nth: number) => `Message ${nth}. ${"The sea is calm today. ".repeat(20)}`
const fact = "Remember: the harbour is at 54.3 north."

/** So many turns, the first of which says something to be remembered. */
const talk = (turns: number) =>
  Effect.gen(function* () {
    for (let nth = 1; nth <= turns; nth++) {
      yield* say(nth === 1 ? fact : filler(nth))
      yield* inTime(ended(nth))
    }
  })

/** Enough turns for one compaction with this window, not for two. */
const enough = 14

const withModel = <A, E>(
  options: Partial<NoteTakerOptions>,
  body: (requests: ReadonlyArray<ProviderRequest>) => Effect.Effect<A, E, Everything>
) => {
  const provider = noteTaker({ window, ...options })
  return body(provider.requests).pipe(Effect.provide(layer({ providers: [provider], agents })))
}

/** What is there when the model was not asked at all. */
const unasked: ProviderRequest = { model: "", prompt: Prompt.empty, tools: [], maxTokens: 0 }

const lastOf = (requests: ReadonlyArray<ProviderRequest>) => requests.slice(-1).map(wholeOf).join()

const compactions = Effect.map(log(), (events) => events.filter((entry) => entry.type === "Compacted"))
const outcomes = Effect.map(log(), (events) =>
  events.flatMap((entry) => (entry.type === "TurnEnded" ? [entry.failure?.type ?? entry.outcome] : []))
)

describe("a conversation that nearly fills the window", () => {
  it.effect("goes on behind a note, with its last turns whole and the prefix the same from step to step", () =>
    withModel({}, (requests) =>
      Effect.gen(function* () {
        yield* talk(enough)
        const [compacted] = yield* compactions
        assert.deepInclude(compacted, { method: "summarised", reason: "window" })
        assert.deepStrictEqual(compacted?.note.facts, [fact])
        assert.isAbove(compacted?.usage?.inputTokens.total ?? 0, 0)
        const whole = lastOf(requests)
        assert.include(whole, fact)
        for (const nth of [enough, enough - 1, enough - 2]) assert.include(whole, filler(nth))
        assert.notInclude(whole, filler(2))
        const after = requests.slice(requests.findIndex(isSummary) + 1).map(({ prompt }) => prompt.content)
        for (const [index, messages] of after.entries()) {
          assert.deepStrictEqual(messages, after.at(-1)?.slice(0, messages.length), `request ${index}`)
        }
      })
    )
  )

  it.effect("is summarised by the turn's model, without tools, within bounds and out of sight", () =>
    withModel({}, (requests) =>
      Effect.gen(function* () {
        const watching = yield* Signals.use((signals) => signals.watch(s))
        yield* talk(enough)
        const [request = unasked] = requests.filter(isSummary)
        assert.deepInclude(request, { model: "model", tools: [], maxTokens: 256 })
        assert.isTrue(wholeOf(request).startsWith(`${summaryMarker}\n`))
        const { note, transcript } = summaryOf(request)
        assert.deepStrictEqual(note.facts, [])
        assert.deepInclude(transcript[0], { event: 1, role: "user", text: fact })
        const signals = yield* Queue.clear(watching)
        const shown = signals.map((signal) => (signal.type === "Text" ? signal.delta.text : "")).join("")
        assert.notInclude(shown, "Remember")
      }).pipe(Effect.scoped)
    )
  )

  it.effect("is counted by the provider when it may or may not be too much, and the step is not taken twice", () =>
    withModel({ counts: true, answer: () => counted("Yes.", 0, 0), window: window * 10 }, (requests) =>
      Effect.gen(function* () {
        yield* talk(enough)
        const measured = yield* event("ContextMeasured")
        assert.isAtLeast(measured.tokens, 1_600)
        assert.lengthOf(
          requests.filter((request) => !isSummary(request)),
          enough
        )
        assert.isAbove((yield* compactions).length, 0)
        for (const request of requests) assert.isBelow(tokensOf(request), window)
      })
    )
  )
})

describe("a summary", () => {
  const fails = (name: string, reply: (request: ProviderRequest) => Reply, detail: RegExp) =>
    it.effect(name, () =>
      withModel({ summarise: reply }, (requests) =>
        Effect.gen(function* () {
          yield* talk(enough)
          assert.isTrue((yield* outcomes).every((outcome) => outcome === "completed"))
          const found = yield* compactions
          assert.lengthOf(found, requests.filter(isSummary).length)
          for (const { detail: why, method, note } of found) {
            assert.strictEqual(method, "turnsDropped")
            assert.match(why ?? "", detail)
            assert.match(note.facts.join(), /^Events 1 to \d+ of this conversation were left out without a summary\.$/)
          }
          assert.include(lastOf(requests), "were left out without a summary")
          for (const request of requests) assert.isAtMost(tokensOf(request), window)
        })
      )
    )

  fails("that fails costs the oldest turns, and says so", () => failing("overloaded"), /told to fail with overloaded/)
  fails("that is nonsense does too", () => text('{"foo": 1}'), /could not be understood/)
  fails("that breaks off does too", () => text('{"add": {"facts": ["one'), /could not be understood/)
  fails("that goes on and on in prose does too", () => text("so it goes ".repeat(300)), /could not be understood/)
  fails("that hangs does too, in the end", () => Stream.never, /took longer than 3 minutes/)
  fails("that is cut off by an error of the window does too", () => failing("context_overflow"), /context_overflow/)

  const spent = (name: string, summarise: (request: ProviderRequest) => Reply, times: number) =>
    it.effect(name, () =>
      withModel({ summarise }, (requests) =>
        Effect.gen(function* () {
          yield* talk(enough)
          const [compacted] = yield* compactions
          assert.lengthOf(requests.filter(isSummary), times * (yield* compactions).length)
          assert.strictEqual(compacted?.usage?.outputTokens.total, times * 7)
          assert.strictEqual(compacted?.model, "fake/model")
        })
      )
    )

  const long = Array.from(
    { length: 60 },
    (_, nth) => `It was said once more that the sea is calm, for the ${nth}. time.`
  )

  spent("is counted also where it cannot be understood", () => counted('{"foo": 1}', 10, 7), 1)
  spent(
    "is counted also where a shorter one cannot be understood",
    (request) =>
      summaryOf(request).transcript.length === 0
        ? counted('{"foo": 1}', 10, 7)
        : counted(JSON.stringify({ add: { facts: long } }), 10, 7),
    2
  )

  it.effect("in a fence is understood, and a short one in prose is kept as a fact", () =>
    withModel(
      {
        summarise: (request) =>
          summaryOf(request).note.facts.length === 0
            ? text('Here it is:\n```json\n{"add": {"facts": ["in a fence"]}}\n```')
            : text("in prose")
      },
      () =>
        Effect.gen(function* () {
          yield* talk(2 * enough)
          const found = yield* compactions
          assert.deepStrictEqual(found[0]?.note.facts, ["in a fence"])
          assert.deepStrictEqual(found[1]?.note.facts, ["in a fence", "in prose"])
        })
    )
  )

  it.effect("that makes the note too long is asked for once more, and what does not fit then goes", () => {
    return withModel({ summarise: (request) => json(request, { add: { facts: [...long, "short"] } }) }, (requests) =>
      Effect.gen(function* () {
        yield* talk(enough)
        const [found] = yield* compactions
        assert.strictEqual(found?.method, "summarised")
        assert.match(found?.detail ?? "", /^\d+ entries of the note were left out for want of room$/)
        assert.include(found?.note.facts ?? [], "short")
        const [, again = unasked] = requests.filter(isSummary)
        assert.deepStrictEqual(summaryOf(again).transcript, [])
        assert.match(wholeOf(again), /has become too long/)
      })
    )
  })

  for (const reason of ["billing", "connection", "rate_limited"] as const) {
    it.effect(`from a provider that answers nobody (${reason}) fails the turn and leaves nothing out`, () =>
      withModel({ summarise: () => failing(reason) }, () =>
        Effect.gen(function* () {
          yield* talk(enough)
          assert.include(yield* outcomes, reason)
          assert.deepStrictEqual(yield* compactions, [])
        })
      )
    )
  }

  it.effect("stops at once when its turn is cancelled, and the next turn takes it up", () => {
    const opened = gate()
    let asked = 0
    const summarise = (request: ProviderRequest) =>
      asked++ === 0 ? behind(opened, text("never")) : json(request, { add: { facts: [fact] } })
    return withModel({ summarise }, () =>
      Effect.gen(function* () {
        for (let nth = 1; asked === 0; nth++) {
          yield* say(nth === 1 ? fact : filler(nth))
          yield* Effect.raceFirst(inTime(ended(nth)), opened.reached)
        }
        yield* cancel
        yield* opened.left
        yield* event("TurnEnded", ({ outcome }) => outcome === "cancelled")
        assert.deepStrictEqual((yield* types()).slice(-3), ["CompactionStarted", "CancelRequested", "TurnEnded"])
        yield* say("and now?")
        yield* inTime(event("Compacted"))
      })
    )
  })

  it.effect("that is cut off is asked for again, and counts as a resumption", () => {
    const opened = gate()
    let asked = 0
    const summarise = (request: ProviderRequest) =>
      asked++ === 0 ? behind(opened, text("never")) : json(request, { add: { facts: [fact] } })
    return withModel({ summarise }, () =>
      Effect.gen(function* () {
        yield* Effect.forkChild(
          Effect.andThen(
            opened.reached,
            World.use((world) => inTime(world.control("agents/main").restart))
          )
        )
        yield* talk(enough)
        const said = yield* types()
        const at = said.indexOf("CompactionStarted")
        assert.deepStrictEqual(said.slice(at, at + 4), [
          "CompactionStarted",
          "TurnResumed",
          "CompactionStarted",
          "Compacted"
        ])
        assert.strictEqual((yield* event("Compacted")).method, "summarised")
      })
    )
  })

  it.effect("that breaks the session each time is given up, and the turn goes on", () =>
    withModel({ summarise: () => broken }, () =>
      Effect.gen(function* () {
        yield* talk(enough)
        assert.isTrue((yield* outcomes).every((outcome) => outcome === "completed"))
        const [found] = yield* compactions
        assert.deepInclude(found, { method: "turnsDropped", detail: "the summary was cut off again and again" })
      })
    )
  )
})

describe("a session that was compacted", () => {
  it.effect("goes on with its note after a restart", () =>
    Effect.gen(function* () {
      const store = yield* sharedStore
      const provider = noteTaker({ window })
      const world = () => layer({ providers: [provider], agents, store })
      yield* talk(enough).pipe(Effect.provide(Layer.fresh(world())))
      yield* Effect.gen(function* () {
        yield* say("what do you know?")
        yield* ended(enough + 1)
        const [before = [], after = []] = provider.requests.slice(-2).map(({ prompt }) => prompt.content)
        assert.deepStrictEqual(after.slice(0, before.length), before)
      }).pipe(Effect.provide(Layer.fresh(world())))
    }).pipe(Effect.scoped)
  )
})

describe("a request that the model refuses as too much", () => {
  /** The model takes in less than its agent's file says. */
  const smaller = (options: Partial<NoteTakerOptions> = {}) => ({ window: 1_000, ...options })

  it.effect("is sent once more behind a note", () =>
    withModel(smaller({ answer: () => text("Yes.") }), (requests) =>
      Effect.gen(function* () {
        yield* talk(enough)
        assert.isTrue((yield* outcomes).every((outcome) => outcome === "completed"))
        const said = yield* types()
        const at = said.indexOf("ContextOverflowed")
        assert.deepStrictEqual(said.slice(at - 1, at + 5), [
          "ModelCalled",
          "ContextOverflowed",
          "CompactionStarted",
          "Compacted",
          "ModelCalled",
          "ModelReplied"
        ])
        const [found] = yield* compactions
        assert.deepInclude(found, { reason: "overflow", method: "summarised" })
        const steps = (yield* log()).flatMap((entry) => (entry.type === "ModelCalled" ? [entry.step] : []))
        assert.isTrue(steps.every((step) => step === 1))
        assert.include(lastOf(requests), fact)
      })
    )
  )

  it.effect("fails the turn when it is too much for the second time", () =>
    withModel(
      { answer: (request) => (wholeOf(request).includes("too much") ? failing("context_overflow") : text("Yes.")) },
      () =>
        Effect.gen(function* () {
          yield* talk(3)
          yield* say("too much")
          yield* inTime(ended(4))
          assert.strictEqual((yield* outcomes).at(-1), "context_overflow")
          const said = yield* types()
          assert.lengthOf(
            said.filter((type) => type === "ContextOverflowed"),
            2
          )
          yield* say("hello")
          yield* inTime(ended(5))
        })
    )
  )

  it.effect("fails the turn when there is nothing else in it", () =>
    withModel({ answer: () => failing("context_overflow") }, () =>
      Effect.gen(function* () {
        yield* say("hello")
        const { failure } = yield* ended()
        assert.strictEqual(failure?.type, "context_overflow")
        assert.deepStrictEqual(yield* compactions, [])
      })
    )
  )
})

describe("a turn that is too much by itself", () => {
  it.effect("goes on without its oldest outputs", () =>
    Effect.suspend(() => {
      const output = (text: string) => `${text}: ${"x".repeat(1_500)}`
      const tools = [
        makeTool({
          name: "look",
          description: "Looks",
          parameters: Schema.Struct({ text: Schema.String }),
          prepare: ({ text }) => ({
            effect: "pure",
            dangerous: false,
            summary: text,
            timeout: Duration.minutes(1),
            run: () => Effect.succeed(output(text))
          })
        })
      ]
      let nth = 0
      const provider = noteTaker({
        window,
        answer: () => (++nth <= 6 ? calls({ [`call-${nth}`]: { tool: "look", text: `look ${nth}` } }) : text("done"))
      })
      return Effect.gen(function* () {
        yield* say("go")
        assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
        const found = yield* compactions
        assert.isAbove(found.length, 0)
        for (const { method, through } of found) assert.deepStrictEqual([method, through], ["outputsDropped", 0])
        const last = lastOf(provider.requests)
        assert.include(last, "[This output was left out to make room.]")
        assert.include(last, output("look 6"))
        assert.notInclude(last, output("look 1"))
        assert.notInclude(yield* logged, "turn resumed")
      }).pipe(Effect.provide(layer({ providers: [provider], tools, agents })))
    })
  )
})
