import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { awaited, type Circumstances, plan, record, toolKey } from "../../src/agents/TurnPlan.ts"
import type { Judgement, Policy } from "../../src/agents/TurnStep.ts"
import { CallId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { empty, foldAll } from "../../src/sessions/SessionLog.ts"
import {
  asked,
  called,
  cancelRequested,
  compacted,
  compacting,
  ended,
  measured,
  overflowed,
  replied,
  resumed,
  returned,
  said,
  settled,
  started,
  toolCalled,
  turn
} from "../support/TurnEvents.ts"

const judge = (tool: string): Judgement => {
  if (tool === "risky") return { _tag: "Ask", effect: "pure", summary: "something risky" }
  if (tool === "pure" || tool === "idempotent" || tool === "unsafe") return { _tag: "Run", effect: tool }
  return { _tag: "Refuse", reason: "no" }
}

const policy: Policy = { maxSteps: 9, maxResumes: 2, judge }

const at: Circumstances = {
  session: "s",
  generation: 1,
  model: "fake/model",
  patience: Duration.minutes(10),
  now: 0
}

const planned = (
  log: ReadonlyArray<NewSessionEvent>,
  happened: ReadonlyArray<NewSessionEvent> = [],
  special: Partial<Policy> = {}
) => plan(foldAll(empty, log), happened, { ...policy, ...special }, at)

const types = (events: ReadonlyArray<NewSessionEvent>) => events.map(({ type }) => type)
const begun = [said("t"), started("t")]
const asking = [...begun, called("t", 1)]

describe("one append carries", () => {
  it("the start of a turn together with its first model call", () => {
    const { acts, events, rest } = planned([said("t")])
    assert.deepStrictEqual(events, [started("t"), called("t", 1)])
    assert.deepStrictEqual(acts, [{ _tag: "CallModel", turn: TurnId.make("t"), step: 1 }])
    assert.strictEqual(rest, "Wait")
  })

  it("the answer together with the end of the turn", () => {
    const reply = replied("t", 1, "hi")
    const { acts, events, rest } = planned(asking, [reply])
    assert.deepStrictEqual(events, [reply, ended("t")])
    assert.deepStrictEqual(acts, [])
    assert.strictEqual(rest, "Ended")
  })

  it("the reply together with all calls that may run at once", () => {
    const { acts, events, rest } = planned(asking, [replied("t", 1, { a: "pure", b: "idempotent", c: "pure" })])
    assert.deepStrictEqual(types(events), ["ModelReplied", "ToolCalled", "ToolCalled", "ToolCalled"])
    assert.deepStrictEqual(
      acts.map((act) => (act._tag === "RunTool" ? act.call.id : act._tag)),
      ["a", "b", "c"]
    )
    assert.strictEqual(rest, "Wait")
  })

  it("all that is decided of a reply with calls of every kind", () => {
    const { acts, events } = planned(asking, [replied("t", 1, { a: "nothing", b: "risky", c: "pure", d: "unsafe" })])
    assert.deepStrictEqual(types(events), ["ModelReplied", "ToolReturned", "ApprovalAsked", "ToolCalled"])
    assert.lengthOf(acts, 1)
  })

  it("several reports, and what follows from the last of them", () => {
    const running = [...asking, replied("t", 1, { a: "pure", b: "pure" })]
    const log = [...running, toolCalled("t", 1, "a", "pure"), toolCalled("t", 1, "b", "pure")]
    const { events } = planned(log, [returned("t", 1, "b"), returned("t", 1, "a")])
    assert.deepStrictEqual(events, [returned("t", 1, "b"), returned("t", 1, "a"), called("t", 2)])
  })

  it("a message that arrived and the model call it joins", () => {
    const { events } = planned([...asking, said("t", "one more thing")], [replied("t", 1, "hi")])
    assert.deepStrictEqual(types(events), ["ModelReplied", "Steered", "ModelCalled"])
  })

  it("the end of a turn that never began, beside the running one's tools", () => {
    const { acts, events, rest } = planned(
      [...asking, said("u"), cancelRequested("u")],
      [replied("t", 1, { a: "pure" })]
    )
    assert.deepStrictEqual(types(events), ["ModelReplied", "TurnEnded", "ToolCalled"])
    assert.deepStrictEqual(events[1], ended("u", "cancelled"))
    assert.lengthOf(acts, 1)
    assert.strictEqual(rest, "Wait")
  })

  it("everything a cancelled turn still owes", () => {
    const log = [
      ...asking,
      replied("t", 1, { a: "pure", b: "risky" }),
      toolCalled("t", 1, "a", "pure"),
      asked("t", "b")
    ]
    const { acts, events, rest } = planned([...log, cancelRequested("t")])
    assert.deepStrictEqual(types(events), ["ToolReturned", "ApprovalSettled", "ToolReturned", "TurnEnded"])
    assert.deepStrictEqual(acts, [])
    assert.strictEqual(rest, "Ended")
  })

  it("what a call that was cut off is asked", () => {
    const log = [...asking, replied("t", 1, { a: "queryable" }), toolCalled("t", 1, "a", "queryable"), resumed("t")]
    const { acts, events } = planned(log)
    assert.deepStrictEqual(types(events), ["ToolCalled"])
    assert.deepStrictEqual(
      acts.map(({ _tag }) => _tag),
      ["QueryTool"]
    )
  })
})

describe("a report is left out", () => {
  const reply = replied("t", 1, "hi")
  const state = foldAll(empty, asking)

  it("when it is in the log already", () =>
    assert.deepStrictEqual(planned([...asking, replied("t", 1, { a: "risky" }), asked("t", "a")], [reply]).events, []))

  it("when its turn is over", () => {
    assert.deepStrictEqual(planned([...asking, reply, ended("t")], [reply, ended("t", "failed", "late")]).events, [])
    assert.isFalse(awaited(foldAll(empty, [...asking, reply, ended("t")]), reply))
  })

  it("when another step is awaited", () => assert.isFalse(awaited(state, replied("t", 2, "hi"))))

  it("when nobody called that tool, or it has returned", () => {
    assert.isFalse(awaited(state, returned("t", 1, "a")))
    const log = [...asking, replied("t", 1, { a: "pure", b: "risky" }), toolCalled("t", 1, "a", "pure")]
    assert.isTrue(awaited(foldAll(empty, log), returned("t", 1, "a")))
    assert.isFalse(awaited(foldAll(empty, [...log, returned("t", 1, "a")]), returned("t", 1, "a")))
    assert.isFalse(awaited(foldAll(empty, [...log, resumed("t")]), returned("t", 1, "a")))
  })

  it("when it is about another turn, or no report at all", () => {
    assert.isFalse(awaited(state, replied("u", 1, "hi")))
    assert.isFalse(awaited(state, ended("u")))
    assert.isFalse(awaited(state, steeredInto))
  })

  it("when it is about a summary that nobody waits for, or that others have overtaken", () => {
    const begun = [...turn("t"), said("u"), started("u")]
    const late = compacted("u", 6, "x")
    assert.isFalse(awaited(foldAll(empty, begun), late))
    assert.isTrue(awaited(foldAll(empty, [...begun, compacting("u", 6)]), late))
    assert.isFalse(awaited(foldAll(empty, [...begun, compacting("u", 6), late, compacting("u", 6)]), late))
  })

  it("when it is about the size of a step that nobody takes", () => {
    assert.isTrue(awaited(state, overflowed("t", 1)))
    assert.isTrue(awaited(state, measured("t", 1, 100)))
    assert.isFalse(awaited(state, overflowed("t", 2)))
    assert.isFalse(awaited(foldAll(empty, [...asking, reply]), overflowed("t", 1)))
  })

  it("when it comes behind the end of the turn", () => {
    const failed = ended("t", "failed", "overloaded")
    const { events, rest } = planned(asking, [failed, reply])
    assert.deepStrictEqual(events, [failed])
    assert.strictEqual(rest, "Ended")
  })
})

const steeredInto = said("t", "more")

describe("ids", () => {
  const log = [...asking, replied("t", 1, { a: "risky", b: "pure", c: "risky" })]

  it("of approvals come from the turn, the step and the place of the call", () => {
    const approvals = planned(log).events.flatMap((event) => (event.type === "ApprovalAsked" ? [event.approval] : []))
    assert.deepStrictEqual(approvals, ["t.1.1", "t.1.3"])
  })

  it("are the same however often they are planned", () => {
    assert.deepStrictEqual(planned(log).events, planned(log).events)
    const keys = (events: ReadonlyArray<NewSessionEvent>) =>
      events.flatMap((event) => (event.type === "ToolCalled" ? [event.key] : []))
    const first = planned(log).events
    const again = planned([...log, ...first, resumed("t")]).events
    assert.deepStrictEqual(keys(first), ["s/t/1/b"])
    assert.deepStrictEqual(keys(again), keys(first))
  })

  it("of calls differ between sessions, turns, steps and calls", () => {
    const key = (session: string, turn: string, step: number, call: string) =>
      toolKey(session, TurnId.make(turn), step, CallId.make(call))
    const all = [
      key("s", "t", 1, "a"),
      key("r", "t", 1, "a"),
      key("s", "u", 1, "a"),
      key("s", "t", 2, "a"),
      key("s", "t", 1, "b")
    ]
    assert.strictEqual(new Set(all).size, all.length)
  })

  it("an approval expires when the agent's patience ends", () => {
    const [expiresAt] = planned(log).events.flatMap((event) =>
      event.type === "ApprovalAsked" ? [event.expiresAt] : []
    )
    assert.strictEqual(expiresAt, "1970-01-01T00:10:00.000Z")
  })
})

describe("planning stops", () => {
  it("when a turn is over, although the next one waits: its policy may be another", () => {
    const { events, rest } = planned([...asking, said("u")], [replied("t", 1, "hi")])
    assert.deepStrictEqual(types(events), ["ModelReplied", "TurnEnded"])
    assert.strictEqual(rest, "Ended")
  })

  it("when there is nothing to say", () => {
    assert.deepStrictEqual(planned([]), { events: [], acts: [], rest: "Rest" })
    assert.deepStrictEqual(planned([...asking, replied("t", 1, "hi"), ended("t")]), {
      events: [],
      acts: [],
      rest: "Rest"
    })
  })

  it("when there is only a person to wait for, and goes on with their verdict", () => {
    const log = [...asking, replied("t", 1, { a: "risky" })]
    const { events, rest } = planned(log)
    assert.strictEqual(rest, "Rest")
    assert.deepStrictEqual(types(events), ["ApprovalAsked"])
    assert.deepStrictEqual(types(planned([...log, asked("t", "a"), settled("t", "a", "allow")]).events), ["ToolCalled"])
  })

  it("but not to wait for a person while a tool runs", () =>
    assert.strictEqual(planned([...asking, replied("t", 1, { a: "risky", b: "pure" })]).rest, "Wait"))

  it("at once when a turn is hopeless: it starts and ends in one append", () => {
    const hopeless = { type: "agent_unknown", message: "there is no agent main" }
    const { events, rest } = planned([said("t")], [], { hopeless })
    assert.deepStrictEqual(events, [started("t"), { ...ended("t", "failed"), failure: hopeless }])
    assert.strictEqual(rest, "Ended")
  })
})

describe("record", () => {
  it("names the model that is really asked, which is the turn's own if that can be", () => {
    const other = { ...started("t"), model: "other/one" } as NewSessionEvent
    const state = foldAll(empty, [said("t"), other])
    const call = { _tag: "CallModel" as const, turn: TurnId.make("t"), step: 1 }
    const modelOf = (more: Partial<Circumstances>) =>
      record(state, call, { ...at, ...more }).map((event) => "model" in event && event.model)
    assert.deepStrictEqual(modelOf({}), ["other/one"])
    assert.deepStrictEqual(modelOf({ asks: () => "fake/model" }), ["fake/model"])
  })

  it("says nothing of what only waits", () => {
    assert.deepStrictEqual(record(empty, { _tag: "Idle" }, at), [])
    assert.deepStrictEqual(record(empty, { _tag: "Wait" }, at), [])
  })

  it("starts no turn that nobody waits for", () =>
    assert.deepStrictEqual(record(empty, { _tag: "StartTurn", turn: TurnId.make("t") }, at), []))

  it("starts a turn once, however many messages begin it", () =>
    assert.deepStrictEqual(types(planned([said("t"), said("t", "and")]).events), ["TurnStarted", "ModelCalled"]))
})
