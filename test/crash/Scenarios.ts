/**
 * Everything that can happen in a session, as what a person does from the first word to the last. A person may be cut off
 * anywhere and then begins anew, so each of them can be done twice without harm.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { EffectClass } from "../../src/domain/ToolEffect.ts"
import type { Model } from "./Model.ts"
import type { Deeds, Person } from "./Person.ts"

export interface Scenario {
  readonly agent: string
  /** What the person does; over when every turn has ended. */
  readonly act: (deeds: Deeds, model: Model) => Effect.Effect<unknown>
  /**
   * How its turns end, in the order in which they were accepted; a failure by its type. One that is cut off may be over
   * before it can be cancelled once more.
   */
  readonly ends: ReadonlyArray<string>
  /** The tool it uses. */
  readonly tool?: EffectClass
  /** What is true when it is over, beside what is true of every session. */
  readonly holds?: (deeds: Deeds) => Effect.Effect<unknown>
}

/** Says one thing and waits for the end of its turn. */
const saying =
  (words: string): Scenario["act"] =>
  ({ ended, say }) =>
    Effect.flatMap(say("1", words), ended)

const plain: Scenario = { agent: "main", act: saying("Hello."), ends: ["completed"] }

const tools = Object.fromEntries(
  EffectClass.literals.map((tool): [EffectClass, Scenario] => [
    tool,
    { agent: "main", act: saying(`call: ${tool}`), ends: ["completed"], tool }
  ])
) as Record<EffectClass, Scenario>

const settled = (verdict: "allow" | "allowAlways" | "deny"): Scenario => ({
  agent: "asking",
  act: ({ ended, say, settle }) =>
    Effect.gen(function* () {
      const place = yield* say("1", "call: unsafe")
      yield* settle(verdict)
      yield* ended(place)
    }),
  ends: ["completed"],
  tool: "unsafe"
})

/** A second message while the model is at work on the first, which goes on when the second is accepted. */
const interjected = (agent: string, ends: ReadonlyArray<string>): Scenario => ({
  agent,
  act: ({ ended, first, say, session }, model) =>
    Effect.gen(function* () {
      const place = yield* say("1", "wait")
      yield* first("ModelCalled")
      const second = yield* say("2", "And this?")
      yield* model.release(session)
      yield* ended(place)
      yield* ended(second)
    }),
  ends
})

const cancelled: Scenario = {
  agent: "main",
  act: ({ cancel, ended, first, say }) =>
    Effect.gen(function* () {
      const place = yield* say("1", "wait")
      yield* first("ModelCalled")
      yield* cancel
      yield* ended(place)
    }),
  ends: ["cancelled"]
}

/** A turn that is cancelled while its tool runs and does not end. */
const cancelledTool: Scenario = {
  agent: "main",
  act: ({ cancel, ended, first, say }) =>
    Effect.gen(function* () {
      const place = yield* say("1", "call: unsafe hold")
      yield* first("ToolCalled")
      yield* cancel
      yield* ended(place)
    }),
  ends: ["cancelled or completed"],
  tool: "unsafe"
}

const cancelledApproval: Scenario = {
  agent: "asking",
  act: ({ cancel, ended, first, say }) =>
    Effect.gen(function* () {
      const place = yield* say("1", "call: unsafe")
      yield* first("ApprovalAsked")
      yield* cancel
      yield* ended(place)
    }),
  ends: ["cancelled"],
  tool: "unsafe"
}

/** Two turns, of which the second is too much together with the first: as it was counted, or as the model says. */
const tooMuch = (first: string, second: string): Scenario => ({
  agent: "forgetful",
  act: ({ ended, say }) =>
    Effect.gen(function* () {
      yield* ended(yield* say("1", first))
      yield* ended(yield* say("2", second))
    }),
  ends: ["completed", "completed"]
})

const much = (characters: number) => "All of this. ".repeat(characters / 13)

/** One turn, and then what a person does to the session, which may be done again. */
const changing = (change: Scenario["act"], holds: NonNullable<Scenario["holds"]>): Scenario => ({
  agent: "main",
  act: (deeds, model) =>
    Effect.gen(function* () {
      yield* deeds.ended(yield* deeds.say("1", "Hello."))
      yield* change(deeds, model)
    }),
  ends: ["completed"],
  holds
})

const patched = (change: object, expected: object): Scenario =>
  changing(
    ({ path, tell }) => tell(path, [200], { method: "PATCH", body: change }),
    ({ path, tell }) => Effect.map(tell(path, [200]), (summary) => assert.deepInclude(summary as object, expected))
  )

const pinning = (...methods: ReadonlyArray<"POST" | "DELETE">): Scenario =>
  changing(
    ({ path, tell }) =>
      Effect.forEach(methods, (method) => tell(`${path}/pins`, [204], { method, body: { event: 1 } })),
    ({ log }) =>
      Effect.map(log, (events) => {
        const last = events.findLast(({ type }) => type === "Pinned" || type === "Unpinned")
        assert.strictEqual(last?.type, methods.at(-1) === "POST" ? "Pinned" : "Unpinned")
      })
  )

/** A copy of the log with nothing left open, that says once where it is from. */
const isCopy =
  (suffix: string, type: "SessionForked" | "SessionImported"): NonNullable<Scenario["holds"]> =>
  ({ log, logOf, session }) =>
    Effect.gen(function* () {
      const copy = yield* logOf(`${session}-${suffix}`)
      const original = yield* log
      assert.deepStrictEqual(
        copy.map((event) => event.type),
        [...original.map((event) => event.type), type]
      )
      assert.deepStrictEqual(
        copy.map(({ seq }) => seq),
        copy.map((_, index) => index + 1)
      )
    })

const forked = changing(
  ({ log, path, session, tell }) =>
    Effect.flatMap(log, ({ length: at }) =>
      tell(`${path}/fork`, [201, 409], { body: { at, session: `${session}-fork` } })
    ),
  isCopy("fork", "SessionForked")
)

const imported = changing(({ bring, session }) => bring(`${session}-import`), isCopy("import", "SessionImported"))

export const scenarios = {
  plain,
  ...tools,
  allowed: settled("allow"),
  "allowed for good": settled("allowAlways"),
  denied: settled("deny"),
  expired: { agent: "hasty", act: saying("call: unsafe"), ends: ["completed"], tool: "unsafe" },
  steered: interjected("main", ["completed"]),
  queued: interjected("patient", ["completed", "completed"]),
  interrupted: interjected("rude", ["cancelled", "completed"]),
  cancelled,
  "cancelled while a tool runs": cancelledTool,
  "cancelled while a person is asked": cancelledApproval,
  "cut off": { agent: "main", act: saying("cut"), ends: ["completed"] },
  "half an answer": { agent: "main", act: saying("half"), ends: ["completed"] },
  "pure and long": { agent: "main", act: saying("call: pure hold"), ends: ["completed"], tool: "pure" },
  "unsafe and long": { agent: "main", act: saying("call: unsafe hold"), ends: ["completed"], tool: "unsafe" },
  failed: { agent: "main", act: saying("refuse"), ends: ["invalid_request"] },
  "a full window": tooMuch(much(5000), much(2600)),
  "an overflow": tooMuch("Hello.", "overflow"),
  renamed: patched({ name: "Named" }, { name: "Named" }),
  configured: patched({ midTurn: "queue" }, { settings: { midTurn: "queue" } }),
  pinned: pinning("POST"),
  unpinned: pinning("POST", "DELETE"),
  forked,
  imported
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

export const scenarioOf = (name: ScenarioName): Scenario => scenarios[name]

/** A session that is struck, and what is to become of it. */
export interface Struck {
  readonly who: Person
  readonly scenario: Scenario
}

export const struckOne = (who: Person, name: ScenarioName): Struck => ({ who, scenario: scenarioOf(name) })
