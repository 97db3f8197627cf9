/** Read this as the manual of a turn: what the log says on the left, what happens next on the right. */
import { assert, describe, it } from "@effect/vitest"
import { type Directive, decide, type Policy, underWay } from "../../src/agents/TurnStep.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { empty, foldAll } from "../../src/sessions/SessionLog.ts"
import {
  asked,
  brokeOff,
  called,
  cancelRequested,
  compacted,
  compacting,
  continued,
  ended,
  measured,
  overflowed,
  replied,
  resumed,
  returned,
  said,
  settled,
  started,
  steered,
  toolCalled,
  turn
} from "../support/TurnEvents.ts"

/** Tools are named after what the policy says of them. */
const judge: Policy["judge"] = (tool) => {
  switch (tool) {
    case "pure":
    case "idempotent":
    case "queryable":
    case "unsafe":
      return { _tag: "Run", effect: tool }
    case "risky":
      return { _tag: "Ask", effect: "unsafe", summary: "something risky" }
    default:
      return { _tag: "Refuse", reason: `there is no ${tool}` }
  }
}

const policy: Policy = { maxSteps: 3, maxResumes: 2, judge }

/** A directive in a few words. */
const inWords = (directive: Directive): string => {
  switch (directive._tag) {
    case "Idle":
    case "Wait":
      return directive._tag
    case "StartTurn":
      return `start ${directive.turn}`
    case "Steer":
      return `steer ${directive.messages.join(" and ")} into ${directive.turn}`
    case "CallModel": {
      const limit = directive.limit === undefined ? "" : ` unless it has ${directive.limit} tokens`
      return `call the model for step ${directive.step} of ${directive.turn}${limit}`
    }
    case "Compact":
      return `summarise ${directive.turn} up to ${directive.through} as ${directive.reason}`
    case "LeaveOut":
      return `leave out by ${directive.event.method}`
    case "RunTool":
      return `run ${directive.call.id} as ${directive.effect}`
    case "QueryTool":
      return `query ${directive.call.id}`
    case "AskApproval":
      return `ask about ${directive.call.id}: ${directive.summary}`
    case "DropApproval":
      return `drop ${directive.approval}`
    case "SettleCall":
      return `settle ${directive.call} as ${directive.outcome}`
    case "GoOn":
      return `go on after ${directive.cause}`
    case "EndTurn":
      return `end ${directive.turn} as ${directive.outcome}${directive.failure ? `: ${directive.failure.type}` : ""}${directive.cutShort ? ", cut short" : ""}`
  }
}

interface Case {
  readonly name: string
  readonly log: ReadonlyArray<NewSessionEvent>
  readonly next: string
  readonly policy?: Partial<Policy>
}

const next = ({ log, policy: special }: Pick<Case, "log" | "policy">) =>
  decide(foldAll(empty, log), { ...policy, ...special })

const table = (title: string, cases: ReadonlyArray<Case>) =>
  describe(title, () => {
    for (const row of cases) it(row.name, () => assert.strictEqual(inWords(next(row)), row.next))
  })

const begun = [said("t"), started("t")]
const asking = [...begun, called("t", 1)]
const answered = [...asking, replied("t", 1, "hi")]
const calling = (calls: Readonly<Record<string, string>>) => [...asking, replied("t", 1, calls)]
const gone = { type: "agent_unknown", message: "there is no agent main" }

table("a turn begins and ends", [
  { name: "nothing was ever said", log: [], next: "Idle" },
  { name: "a message waits", log: [said("t")], next: "start t" },
  { name: "two messages wait: the first turn starts first", log: [said("t"), said("u")], next: "start t" },
  { name: "it has started", log: begun, next: "call the model for step 1 of t" },
  { name: "the model is being asked", log: asking, next: "Wait" },
  { name: "the model has answered", log: answered, next: "end t as completed" },
  { name: "the reply is empty", log: [...asking, replied("t", 1, "")], next: "end t as completed" },
  {
    name: "the reply was cut by its length",
    log: [...asking, replied("t", 1, "h", "length")],
    next: "go on after length"
  },
  { name: "for a reason nobody knows", log: [...asking, replied("t", 1, "h", "unknown")], next: "end t as completed" },
  {
    name: "the model declined",
    log: [...asking, replied("t", 1, "", "content-filter")],
    next: "end t as failed: refused"
  },
  {
    name: "the model broke off",
    log: [...asking, replied("t", 1, "h", "error")],
    next: "end t as failed: model_error"
  },
  {
    name: "the model only paused",
    log: [...asking, replied("t", 1, "h", "pause")],
    next: "call the model for step 2 of t"
  },
  { name: "it is over", log: [...answered, ended("t")], next: "Idle" },
  { name: "it is over and another waits", log: [...answered, said("u"), ended("t")], next: "start u" }
])

const overLimit = (times: number): ReadonlyArray<NewSessionEvent> =>
  Array.from({ length: times }, (_, nth) => nth + 1).flatMap((step) => [
    called("t", step),
    replied("t", step, "h", "length"),
    continued("t", "length")
  ])

const malformed: NewSessionEvent = {
  ...replied("t", 1, ""),
  content: [
    {
      type: "tool-call",
      id: "a",
      name: "pure",
      params: {},
      providerExecuted: false,
      options: { anthropic: { unparsedInput: '{"tex' } }
    }
  ]
}

table("a reply does not come to its end", [
  { name: "it broke off and some of it is kept", log: [...asking, brokeOff("t", 1, "h")], next: "go on after cut" },
  {
    name: "the model is asked to go on, as the next step, which the limit of steps does not count",
    log: [...asking, brokeOff("t", 1, "h"), continued("t", "cut")],
    policy: { maxSteps: 1 },
    next: "call the model for step 2 of t"
  },
  {
    name: "nothing of it is kept: it is begun again",
    log: [...asking, brokeOff("t", 1)],
    next: "call the model for step 2 of t"
  },
  {
    name: "it breaks off for the third time in a row",
    log: [...asking, brokeOff("t", 1), called("t", 2), brokeOff("t", 2), called("t", 3), brokeOff("t", 3)],
    next: "end t as failed: stream_cut"
  },
  {
    name: "a reply between two that broke off starts the count anew",
    log: [
      ...[...asking, brokeOff("t", 1), called("t", 2), brokeOff("t", 2), called("t", 3)],
      ...[replied("t", 3, { a: "pure" }), toolCalled("t", 3, "a", "pure"), returned("t", 3, "a")],
      ...[called("t", 4), brokeOff("t", 4)]
    ],
    next: "call the model for step 5 of t"
  },
  {
    name: "what somebody said meanwhile is told first",
    log: [...asking, said("t"), brokeOff("t", 1, "h")],
    next: "steer 4 into t"
  },
  {
    name: "and then the model answers that",
    log: [...asking, said("t"), brokeOff("t", 1, "h"), steered("t", 4)],
    next: "call the model for step 2 of t"
  },
  {
    name: "somebody cancels",
    log: [...asking, brokeOff("t", 1, "h"), cancelRequested("t")],
    next: "end t as cancelled"
  },
  {
    name: "it was gone on with at its length limit as often as may be",
    log: [...begun, ...overLimit(3), called("t", 4), replied("t", 4, "h", "length")],
    next: "end t as completed, cut short"
  },
  {
    name: "the service dies while it is gone on with in a turn of one step",
    log: [...begun, ...overLimit(2), called("t", 3), resumed("t")],
    policy: { maxSteps: 1 },
    next: "call the model for step 3 of t"
  },
  {
    name: "it says nothing more, and was shown in part",
    log: [...begun, ...overLimit(1), called("t", 2), replied("t", 2, "", "length")],
    next: "end t as completed, cut short"
  },
  {
    name: "it reached its limit without a word",
    log: [...asking, replied("t", 1, "", "length")],
    next: "end t as failed: max_tokens"
  },
  { name: "a call in it makes no sense", log: [...asking, malformed], next: "settle a as refused" },
  {
    name: "the model declines behind a call, which is not run",
    log: [...asking, replied("t", 1, { a: "pure" }, "content-filter")],
    next: "end t as failed: refused"
  },
  {
    name: "the model declines",
    log: [...asking, replied("t", 1, "", "content-filter")],
    next: "end t as failed: refused"
  }
])

table("a turn has a limit of steps", [
  {
    name: "the last step may be taken",
    log: [...calling({ a: "pure" }), toolCalled("t", 1, "a", "pure"), returned("t", 1, "a")],
    policy: { maxSteps: 2 },
    next: "call the model for step 2 of t"
  },
  {
    name: "there is none left",
    log: [...calling({ a: "pure" }), toolCalled("t", 1, "a", "pure"), returned("t", 1, "a")],
    policy: { maxSteps: 1 },
    next: "end t as failed: max_steps"
  },
  {
    name: "an answer in the last step is an answer",
    log: answered,
    policy: { maxSteps: 1 },
    next: "end t as completed"
  }
])

table("a message arrives in the middle", [
  { name: "while the model is being asked", log: [...asking, said("t", "wait")], next: "Wait" },
  { name: "before the model was asked", log: [...begun, said("t", "wait")], next: "steer 3 into t" },
  {
    name: "before the answer was delivered",
    log: [...asking, said("t", "wait"), replied("t", 1, "hi")],
    next: "steer 4 into t"
  },
  { name: "two of them", log: [...asking, said("t"), said("t"), replied("t", 1, "hi")], next: "steer 4 and 5 into t" },
  { name: "and has joined", log: [...answered, said("t"), steered("t", 5)], next: "call the model for step 2 of t" },
  {
    name: "while a tool runs",
    log: [...calling({ a: "pure" }), toolCalled("t", 1, "a", "pure"), said("t")],
    next: "Wait"
  },
  { name: "for a turn of its own", log: [...answered, said("u")], next: "end t as completed" }
])

table("the model calls tools", [
  { name: "a harmless one", log: calling({ a: "pure" }), next: "run a as pure" },
  { name: "one that needs a person", log: calling({ a: "risky" }), next: "ask about a: something risky" },
  { name: "one that is not there", log: calling({ a: "nothing" }), next: "settle a as refused" },
  { name: "several: the first", log: calling({ a: "pure", b: "queryable" }), next: "run a as pure" },
  {
    name: "several: the second runs beside the first",
    log: [...calling({ a: "pure", b: "idempotent" }), toolCalled("t", 1, "a", "pure")],
    next: "run b as idempotent"
  },
  {
    name: "a person is asked while another runs",
    log: [...calling({ a: "pure", b: "risky" }), toolCalled("t", 1, "a", "pure")],
    next: "ask about b: something risky"
  },
  {
    name: "an unsafe one waits until nothing else runs",
    log: [...calling({ a: "pure", b: "unsafe" }), toolCalled("t", 1, "a", "pure")],
    next: "Wait"
  },
  {
    name: "an unsafe one lets others go first",
    log: [...calling({ a: "pure", b: "unsafe", c: "pure" }), toolCalled("t", 1, "a", "pure")],
    next: "run c as pure"
  },
  {
    name: "nothing runs beside an unsafe one",
    log: [...calling({ a: "unsafe", b: "pure" }), toolCalled("t", 1, "a", "unsafe")],
    next: "Wait"
  },
  {
    name: "what needs no running goes on beside an unsafe one",
    log: [...calling({ a: "unsafe", b: "nothing" }), toolCalled("t", 1, "a", "unsafe")],
    next: "settle b as refused"
  },
  {
    name: "the model waits until all have returned",
    log: [
      ...calling({ a: "pure", b: "risky" }),
      asked("t", "b"),
      toolCalled("t", 1, "a", "pure"),
      returned("t", 1, "a")
    ],
    next: "Wait"
  },
  {
    name: "all have returned",
    log: [...calling({ a: "pure" }), toolCalled("t", 1, "a", "pure"), returned("t", 1, "a", "failed")],
    next: "call the model for step 2 of t"
  },
  {
    name: "they run even when the reply was cut by its length",
    log: [...asking, replied("t", 1, { a: "pure" }, "length")],
    next: "run a as pure"
  }
])

const waiting = [...calling({ a: "risky" }), asked("t", "a")]
const allowedAlways = [
  ...waiting,
  settled("t", "a", "allowAlways"),
  toolCalled("t", 1, "a", "unsafe"),
  returned("t", 1, "a")
]

table("a person decides", [
  { name: "nobody has yet", log: waiting, next: "Wait" },
  { name: "they allow it", log: [...waiting, settled("t", "a", "allow")], next: "run a as unsafe" },
  { name: "they refuse it", log: [...waiting, settled("t", "a", "deny")], next: "settle a as refused" },
  { name: "nobody answers in time", log: [...waiting, settled("t", "a", "expired")], next: "settle a as refused" },
  {
    name: "they allow it but the policy has changed its mind",
    log: [...waiting, settled("t", "a", "allow")],
    policy: { judge: () => ({ _tag: "Refuse", reason: "not any more" }) },
    next: "settle a as refused"
  },
  {
    name: "the same call again, allowed always",
    log: [...allowedAlways, called("t", 2), replied("t", 2, { b: "risky" })],
    next: "run b as unsafe"
  },
  {
    name: "the same call in another turn, allowed always",
    log: [...allowedAlways, ended("t"), said("u"), started("u"), called("u", 1), replied("u", 1, { b: "risky" })],
    next: "run b as unsafe"
  },
  {
    name: "the same call again, allowed once",
    log: [
      ...waiting,
      settled("t", "a", "allow"),
      toolCalled("t", 1, "a", "unsafe"),
      returned("t", 1, "a"),
      called("t", 2),
      replied("t", 2, { b: "risky" })
    ],
    next: "ask about b: something risky"
  },
  { name: "a verdict on something nobody asked", log: [...waiting, settled("t", "z", "allow")], next: "Wait" }
])

const cut = (effect: "pure" | "idempotent" | "queryable" | "unsafe") => [
  ...calling({ a: effect }),
  toolCalled("t", 1, "a", effect),
  resumed("t")
]

table("an incarnation dies", [
  {
    name: "while the model is asked: the same step again",
    log: [...asking, resumed("t")],
    next: "call the model for step 1 of t"
  },
  { name: "while a pure tool runs", log: cut("pure"), next: "run a as pure" },
  { name: "while an idempotent tool runs", log: cut("idempotent"), next: "run a as idempotent" },
  { name: "while a queryable tool runs", log: cut("queryable"), next: "query a" },
  { name: "while an unsafe tool runs", log: cut("unsafe"), next: "settle a as unknown" },
  {
    name: "while a queryable tool runs: it is not asked beside an unsafe one",
    log: [
      ...calling({ a: "risky", b: "queryable" }),
      asked("t", "a"),
      toolCalled("t", 1, "b", "queryable"),
      settled("t", "a", "allow"),
      resumed("t"),
      toolCalled("t", 1, "a", "unsafe")
    ],
    next: "Wait"
  },
  { name: "while a person is asked: they still are", log: [...waiting, resumed("t")], next: "Wait" },
  {
    name: "after it was allowed: it runs now",
    log: [...waiting, settled("t", "a", "allow"), resumed("t")],
    next: "run a as unsafe"
  },
  {
    name: "as often as is bearable",
    log: [...asking, resumed("t"), called("t", 1), resumed("t")],
    next: "call the model for step 1 of t"
  },
  {
    name: "once too often",
    log: [...asking, resumed("t"), called("t", 1), resumed("t"), called("t", 1), resumed("t")],
    next: "end t as failed: interrupted_repeatedly"
  },
  {
    name: "once too often, with a call open",
    log: [...cut("pure"), toolCalled("t", 1, "a", "pure"), resumed("t"), toolCalled("t", 1, "a", "pure"), resumed("t")],
    next: "settle a as cancelled"
  },
  {
    name: "often, but something was achieved in between",
    log: [
      ...cut("pure"),
      resumed("t"),
      toolCalled("t", 1, "a", "pure"),
      returned("t", 1, "a"),
      called("t", 2),
      resumed("t")
    ],
    next: "call the model for step 2 of t"
  }
])

table("the turn is cancelled", [
  { name: "before the model was asked", log: [...begun, cancelRequested("t")], next: "end t as cancelled" },
  { name: "while the model is asked", log: [...asking, cancelRequested("t")], next: "end t as cancelled" },
  {
    name: "and a call was not run yet",
    log: [...calling({ a: "pure" }), cancelRequested("t")],
    next: "settle a as cancelled"
  },
  {
    name: "while a pure tool runs",
    log: [...calling({ a: "pure" }), toolCalled("t", 1, "a", "pure"), cancelRequested("t")],
    next: "settle a as cancelled"
  },
  {
    name: "while an unsafe tool runs",
    log: [...calling({ a: "unsafe" }), toolCalled("t", 1, "a", "unsafe"), cancelRequested("t")],
    next: "settle a as unknown"
  },
  {
    name: "after an unsafe tool was cut off",
    log: [...cut("unsafe"), cancelRequested("t")],
    next: "settle a as unknown"
  },
  { name: "while a person is asked", log: [...waiting, cancelRequested("t")], next: "drop approval-a" },
  {
    name: "and the person need not decide any more",
    log: [...waiting, cancelRequested("t"), settled("t", "a", "cancelled")],
    next: "settle a as cancelled"
  },
  {
    name: "and all calls have their results",
    log: [...calling({ a: "pure" }), cancelRequested("t"), returned("t", 1, "a", "cancelled")],
    next: "end t as cancelled"
  },
  { name: "another one was meant", log: [...asking, cancelRequested("u")], next: "Wait" }
])

table("nobody can serve the turn", [
  { name: "it starts, to be ended", log: [said("t")], policy: { hopeless: gone }, next: "start t" },
  { name: "it has started", log: begun, policy: { hopeless: gone }, next: "end t as failed: agent_unknown" },
  { name: "a call is open", log: calling({ a: "pure" }), policy: { hopeless: gone }, next: "settle a as cancelled" },
  {
    name: "that is said even of one that was cut off",
    log: [...asking, resumed("t")],
    policy: { hopeless: gone, maxResumes: 0 },
    next: "end t as failed: agent_unknown"
  },
  {
    name: "that is nothing against a cancel",
    log: [...asking, cancelRequested("t")],
    policy: { hopeless: gone },
    next: "end t as cancelled"
  }
])

table("a turn is cancelled before it begins", [
  { name: "it ends", log: [said("t"), cancelRequested("t")], next: "end t as cancelled" },
  { name: "and the next one starts", log: [said("t"), said("u"), cancelRequested("t"), ended("t")], next: "start u" },
  { name: "beside a running one", log: [...asking, said("u"), cancelRequested("u")], next: "end u as cancelled" },
  { name: "which goes on", log: [...asking, said("u"), cancelRequested("u"), ended("u")], next: "Wait" },
  {
    name: "also when nobody can serve it",
    log: [said("t"), cancelRequested("t")],
    policy: { hopeless: gone },
    next: "end t as cancelled"
  }
])

/** Room for some 840 characters. */
const context = { window: 300, compactAt: 0.8, keepTurns: 1, maxTokens: 30, overhead: 0, counts: false }
const long = "x".repeat(300)
const full = [...turn("t", long), ...turn("u", long), ...turn("v", long), said("w", long), started("w")]
const looked = (nth: number, output = long): ReadonlyArray<NewSessionEvent> => [
  called("t", nth),
  replied("t", nth, { [`look-${nth}`]: "pure" }),
  toolCalled("t", nth, `look-${nth}`, "pure"),
  { ...returned("t", nth, `look-${nth}`), output }
]

table("the conversation is more than the model takes in", [
  {
    name: "not yet",
    log: [...turn("t", long), said("u", long), started("u")],
    policy: { context },
    next: "call the model for step 1 of u"
  },
  {
    name: "the oldest turns are summarised, as many as fit one request",
    log: full,
    policy: { context },
    next: "summarise w up to 6 as window"
  },
  { name: "it is being summarised", log: [...full, compacting("w", 6)], policy: { context }, next: "Wait" },
  {
    name: "the summary was cut off: it is made again",
    log: [...full, compacting("w", 11), resumed("w")],
    policy: { context },
    next: "summarise w up to 6 as window"
  },
  {
    name: "for the last time: it is done without",
    log: [...full, compacting("w", 11), resumed("w"), compacting("w", 11), resumed("w")],
    policy: { context },
    next: "leave out by turnsDropped"
  },
  {
    name: "it has been summarised",
    log: [...full, compacting("w", 11), compacted("w", 11, "x")],
    policy: { context },
    next: "call the model for step 1 of w"
  },
  {
    name: "what happens is cancelled",
    log: [...full, compacting("w", 6), cancelRequested("w")],
    policy: { context },
    next: "end w as cancelled"
  },
  {
    name: "there are no more turns than are to be kept: as many are kept as there is room for",
    log: full,
    policy: { context: { ...context, keepTurns: 9 } },
    next: "summarise w up to 6 as window"
  },
  { name: "nobody says what it takes in", log: full, next: "call the model for step 1 of w" },
  {
    name: "the provider can count: it is not asked when there is room for sure",
    log: [said("u", long), started("u")],
    policy: { context: { ...context, counts: true } },
    next: "call the model for step 1 of u"
  },
  {
    name: "the provider can count, and it may be too much",
    log: full,
    policy: { context: { ...context, counts: true } },
    next: "call the model for step 1 of w unless it has 240 tokens"
  },
  {
    name: "it has counted",
    log: [...full, called("w", 1), measured("w", 1, 250)],
    policy: { context: { ...context, counts: true } },
    next: "summarise w up to 11 as window"
  },
  {
    name: "the running turn is: its oldest outputs go",
    log: [...begun, ...looked(1), ...looked(2), ...looked(3)],
    policy: { context, maxSteps: 9 },
    next: "leave out by outputsDropped"
  },
  {
    name: "nothing can go: the model is asked all the same",
    log: [said("t", long.repeat(5)), started("t")],
    policy: { context },
    next: "call the model for step 1 of t"
  },
  {
    name: "the model says so",
    log: [...full, called("w", 1), overflowed("w", 1)],
    policy: { context },
    next: "summarise w up to 6 as overflow"
  },
  {
    name: "the model says so of very little",
    log: [...begun, called("t", 1), overflowed("t", 1)],
    policy: { context },
    next: "end t as failed: context_overflow"
  },
  {
    name: "the model says so again",
    log: [...full, called("w", 1), overflowed("w", 1), compacted("w", 11, "x"), called("w", 1), overflowed("w", 1)],
    policy: { context },
    next: "end w as failed: context_overflow"
  },
  {
    name: "the model says so, and nobody knows what it takes in",
    log: [...begun, called("t", 1), overflowed("t", 1)],
    next: "end t as failed: context_overflow"
  }
])

describe("what the model reads of a call that was not run", () => {
  const output = (log: ReadonlyArray<NewSessionEvent>) => {
    const directive = next({ log })
    return directive._tag === "SettleCall" ? directive.output : directive._tag
  }

  it("is the reason of the policy", () => assert.strictEqual(output(calling({ a: "nothing" })), "there is no nothing"))

  it("is that a person refused it, and why if they said so", () => {
    const refused = "A person refused this call, so it was not run."
    const why = output([...waiting, settled("t", "a", "deny", "not on a Friday")])
    assert.strictEqual(output([...waiting, settled("t", "a", "deny")]), refused)
    assert.strictEqual(why, `${refused} Their reason: not on a Friday`)
  })

  it("is that nobody answered", () =>
    assert.match(output([...waiting, settled("t", "a", "expired")]), /^Nobody answered .* in time/))

  it("is that its outcome is unknown", () =>
    assert.match(output(cut("unsafe")), /it is not known whether it took effect/))
})

describe("something is under way", () => {
  const isUnderWay = (log: ReadonlyArray<NewSessionEvent>) => underWay(foldAll(empty, log))

  it("while the model is asked, for an answer or a summary, or a tool runs", () => {
    assert.isTrue(isUnderWay([...full, compacting("w", 6)]))
    assert.isTrue(isUnderWay(asking))
    assert.isTrue(isUnderWay([...calling({ a: "pure" }), toolCalled("t", 1, "a", "pure")]))
  })

  it("but not while a person is asked, a call is cut off, or nothing runs", () => {
    for (const log of [[], begun, waiting, cut("pure"), answered, [...answered, ended("t")]]) {
      assert.isFalse(isUnderWay(log))
    }
  })
})
