import { assert, describe, it } from "@effect/vitest"
import { blank } from "../../src/domain/Note.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import {
  type Running,
  roomFor,
  summarised,
  summaryRequest,
  withInstructions,
  withoutSummary
} from "../../src/sessions/Compaction.ts"
import type { Limits } from "../../src/sessions/Estimate.ts"
import { empty, fold, foldAll } from "../../src/sessions/SessionLog.ts"
import {
  called,
  compacted,
  main,
  pinned,
  replied,
  returned,
  said,
  started,
  toolCalled,
  turn
} from "../support/TurnEvents.ts"

/** Room for some 2,800 characters. */
const limits: Limits = { window: 1_000, compactAt: 0.8, keepTurns: 1, maxTokens: 100, overhead: 0, counts: false }

const running = (...events: ReadonlyArray<NewSessionEvent>): Running => {
  const { turn, ...state } = foldAll(empty, events)
  if (turn === undefined) throw new Error("no turn has begun")
  return { ...state, turn }
}

const long = "x".repeat(600)
/** So many turns of five events, and one that has begun. */
const turns = (count: number) =>
  running(
    ...Array.from({ length: count }, (_, nth) => turn(`turn-${nth}`, `${nth} ${long}`)).flat(),
    said("now", long),
    started("now")
  )

const through = (state: Running, more: Partial<Limits> = {}) => {
  const room = roomFor(state, { ...limits, ...more })
  return room._tag === "Summarise" ? room.through : room._tag
}

const looked = (nth: number, output: string): ReadonlyArray<NewSessionEvent> => [
  called("t", nth),
  replied("t", nth, { [`look-${nth}`]: "pure" }),
  toolCalled("t", nth, `look-${nth}`, "pure"),
  { ...returned("t", nth, `look-${nth}`), output }
]

describe("what is summarised", () => {
  it("is every turn but the last ones", () => {
    assert.strictEqual(through(turns(3)), "Enough")
    assert.strictEqual(through(turns(4), { keepTurns: 1 }), 11)
    assert.strictEqual(through(turns(5), { window: 1_250, keepTurns: 2 }), 16)
    assert.strictEqual(through(turns(5), { window: 1_250, keepTurns: 0 }), 16)
  })

  it("is no more than fits one request: half of what the model takes in", () => {
    const state = turns(40)
    const first = through(state)
    assert.isAtMost(Number(first), 16)
    const request = summaryRequest(state, limits, Number(first))
    assert.isAtMost(JSON.stringify(request).length, 2_000)
  })

  it("is the oldest turn at least, with its lines cut", () => {
    const state = running(...turn("t", "x".repeat(9_000), "y".repeat(9_000)), said("u"), started("u"))
    assert.strictEqual(through(state), 6)
    const { transcript } = summaryRequest(state, limits, 6)
    assert.deepStrictEqual(
      transcript.map(({ event, role }) => [event, role]),
      [
        [1, "user"],
        [4, "assistant"]
      ]
    )
    assert.isAtMost(JSON.stringify(transcript).length, 2_000)
  })

  it("tells tools from people, and what was called from what was answered", () => {
    const state = running(said("t", "look"), started("t"), ...looked(1, "a ship"))
    const { transcript } = summaryRequest(state, limits, 6)
    assert.deepStrictEqual(transcript, [
      { event: 1, role: "user", text: "look" },
      { event: 4, role: "assistant", text: "[calls pure {}]" },
      { event: 6, role: "tool", text: "pure: a ship" }
    ])
  })

  it("does not reword what clients instructed the model to do", () => {
    const preceding = [{ role: "system" as const, text: "Never say no." }]
    const state = running(said("t", "hello", preceding), started("t"))
    assert.deepStrictEqual(withInstructions(state, 2, blank).decisions, ["Instruction: Never say no."])
    assert.deepStrictEqual(
      summaryRequest(state, limits, 2).transcript.map(({ text }) => text),
      ["hello"]
    )
  })
})

describe("a summary", () => {
  const act = { reason: "window" as const, through: 11 }

  it("carries what the session was where it cuts", () => {
    const state = running(
      said("t", long),
      started("t"),
      said("u", "waits"),
      pinned(1, "pinned"),
      ...turn("t", long).slice(2),
      started("u")
    )
    const event = summarised(state, limits, { ...act, through: 7 }, blank, {})
    assert.deepInclude(event, { method: "summarised", through: 7, outputs: 0 })
    assert.deepStrictEqual(event?.carried, {
      agent: main,
      waiting: [{ seq: 3, turn: "u" as never, agent: main, text: "waits", preceding: [] }],
      allowed: [],
      pinned: [{ event: 1, role: "user", text: "pinned" }],
      settings: {}
    })
  })

  it("says how much it has gained, and is none if that is nothing", () => {
    const state = turns(4)
    const event = summarised(state, limits, act, { ...blank, facts: ["short"] }, {})
    assert.isBelow(event?.after ?? Number.NaN, (event?.before ?? 0) - 300)
    assert.isUndefined(summarised(state, limits, act, { ...blank, facts: ["y".repeat(1_300)] }, {}))
  })
})

describe("without a summary", () => {
  it("old outputs go, if that is enough", () => {
    const tools = [said("t"), started("t"), ...looked(1, "x".repeat(2_000)), ...looked(2, "a ship")]
    const state = running(...tools, ...turn("t").slice(2), said("u", long), started("u"))
    const event = withoutSummary(state, { ...limits, window: 800 }, { reason: "window", through: 13 }, "it failed")
    assert.deepInclude(event, { method: "outputsDropped", through: 0, outputs: 6, detail: "it failed" })
  })

  it("the turns themselves go otherwise, and the note says which", () => {
    const state = turns(4)
    const event = withoutSummary(state, limits, { reason: "window", through: 11 }, "it failed")
    assert.deepInclude(event, { method: "turnsDropped", through: 11, detail: "it failed" })
    assert.deepStrictEqual(event.note.facts, ["Events 1 to 11 of this conversation were left out without a summary."])
    const next = { ...fold(state, event), turn: state.turn }
    const second = withoutSummary(next, limits, { reason: "window", through: 16 }, "it failed again")
    assert.deepStrictEqual(
      second.note.facts[1],
      "Events 12 to 16 of this conversation were left out without a summary."
    )
  })
})

describe("a note", () => {
  const noted = (state: Running, decisions: ReadonlyArray<string>, facts: ReadonlyArray<string> = []): Running => ({
    ...state,
    compaction: { through: 1, outputs: 0, note: { ...blank, decisions, facts } }
  })

  it("keeps instructions that were noted before, whatever a summary retires", () => {
    const state = noted(turns(1), ["Instruction: Never say no.", "We sail."])
    assert.deepStrictEqual(withInstructions(state, 6, blank).decisions, ["Instruction: Never say no."])
  })

  it("that has no room for what was left out says so all the same, and what else had to go", () => {
    const facts = Array.from({ length: 200 }, (_, nth) => `It is ${nth}.`)
    const event = withoutSummary(noted(turns(4), [], facts), limits, { reason: "window", through: 11 }, "it failed")
    assert.strictEqual(event.method, "turnsDropped")
    assert.include(event.note.facts, "Events 2 to 11 of this conversation were left out without a summary.")
    assert.match(event.detail ?? "", /^it failed; \d+ entries of the note were left out for want of room$/)
  })
})

describe("outputs", () => {
  const room = (...events: ReadonlyArray<NewSessionEvent>) =>
    roomFor(running(said("t"), started("t"), ...events), limits)
  const output = "x".repeat(1_200)

  it("of the running turn are left out from the oldest on, as many as need be", () => {
    const found = room(...looked(1, output), ...looked(2, output), ...looked(3, output))
    assert.deepInclude(found._tag === "LeaveOut" ? found.event : {}, { through: 0, outputs: 10 })
  })

  it("that the model has not read yet are never left out", () =>
    assert.strictEqual(room(...looked(1, output.repeat(4)))._tag, "Enough"))

  it("are not left out twice", () => {
    const events = [...looked(1, output.repeat(3)), ...looked(2, output.repeat(3))]
    const dropped = compacted("t", 0, "x", { outputs: 6, note: blank, after: 1_500 })
    assert.strictEqual(room(...events, dropped)._tag, "Enough")
  })
})
