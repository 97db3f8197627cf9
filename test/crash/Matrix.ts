/**
 * Every point at which a service is struck, made from the types of a log's events: each type has scenarios that write it,
 * and is struck right before and right after the commit that does. An event without a scenario does not compile.
 *
 * What lies between two events comes on top: every part of the model's replies, and the inside of a running tool.
 */
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { EffectClass } from "../../src/domain/ToolEffect.ts"
import type { Boundary, Commit } from "./Boundary.ts"
import { partsOf } from "./Model.ts"
import type { ScenarioName } from "./Scenarios.ts"
import type { When } from "./Trap.ts"

export type EventType = NewSessionEvent["type"]

/** The n-th event of the type in this scenario; `earlier` has struck by then. */
export interface Occurrence {
  readonly scenario: ScenarioName
  readonly nth?: number
  readonly earlier?: Boundary
  /** What makes it different from others of the type, for people; its scenario if not given. */
  readonly called?: string
}

/**
 * `first`: the first way an event is written; `class`: the same for another class of tool, and what lies between events;
 * `more`: an event in other circumstances.
 */
export type Rank = "first" | "class" | "more"

export interface Point {
  readonly rank: Rank
  /** What is being written or done; an event by its type. */
  readonly what: string
  readonly where: string
  readonly variant: string
  readonly scenario: ScenarioName
  /** Struck at each of them, one after the other. */
  readonly boundaries: readonly [Boundary, ...ReadonlyArray<Boundary>]
}

const commit = (event: EventType, when: When, nth = 1): Commit => ({ kind: "commit", event, nth, when })

/** The model has the first request. */
const asking: Boundary = { kind: "reply", nth: 1, after: "request" }

const everyTool: ReadonlyArray<Occurrence> = EffectClass.literals.map((scenario) => ({ scenario }))

/** A second event of the type, as the first was cut off. */
const again = (scenario: ScenarioName, event: EventType): Occurrence => ({
  scenario,
  nth: 1,
  earlier: commit(event, "after"),
  called: `${scenario}, cut off before`
})

export const occurrences: Readonly<Record<EventType, ReadonlyArray<Occurrence>>> = {
  MessageAccepted: [{ scenario: "plain" }, ...nth(2, "steered", "queued", "interrupted")],
  TurnStarted: [{ scenario: "plain" }, ...nth(2, "queued", "interrupted")],
  TurnResumed: [
    { scenario: "plain", earlier: asking, called: "the model was asked" },
    ...EffectClass.literals.map((scenario) => ({
      scenario,
      earlier: commit("ToolCalled", "after"),
      called: `${scenario} was called`
    }))
  ],
  ModelCalled: [
    { scenario: "plain" },
    { scenario: "plain", earlier: asking, called: "plain, cut off before" },
    ...nth(2, "pure", "steered")
  ],
  ModelReplied: [{ scenario: "plain" }, { scenario: "pure", called: "a call" }, ...nth(2, "pure", "steered")],
  ReplyCut: [{ scenario: "cut off" }],
  ReplyContinued: [{ scenario: "cut off" }],
  ToolCalled: [
    ...everyTool,
    { scenario: "allowed" },
    again("pure", "ToolCalled"),
    again("idempotent", "ToolCalled"),
    again("queryable", "ToolCalled")
  ],
  ToolReturned: [
    ...everyTool,
    { scenario: "denied" },
    { scenario: "expired" },
    { scenario: "cancelled while a tool runs" },
    { scenario: "unsafe", earlier: commit("ToolCalled", "after"), called: "unsafe, cut off before" }
  ],
  ApprovalAsked: [{ scenario: "allowed" }, { scenario: "expired" }],
  ApprovalSettled: [
    { scenario: "allowed" },
    { scenario: "allowed for good" },
    { scenario: "denied" },
    { scenario: "expired" },
    { scenario: "cancelled while a person is asked" }
  ],
  Steered: [{ scenario: "steered" }],
  CancelRequested: [
    { scenario: "cancelled" },
    { scenario: "cancelled while a tool runs" },
    { scenario: "cancelled while a person is asked" },
    { scenario: "interrupted" }
  ],
  ContextMeasured: [{ scenario: "a full window" }],
  ContextOverflowed: [{ scenario: "an overflow" }],
  CompactionStarted: [{ scenario: "a full window" }, { scenario: "an overflow" }],
  Compacted: [{ scenario: "a full window" }, { scenario: "an overflow" }],
  TurnEnded: [{ scenario: "plain" }, { scenario: "failed" }, { scenario: "cancelled" }, { scenario: "interrupted" }],
  Pinned: [{ scenario: "pinned" }],
  Unpinned: [{ scenario: "unpinned" }],
  SessionRenamed: [{ scenario: "renamed" }],
  SessionConfigured: [{ scenario: "configured" }],
  SessionForked: [{ scenario: "forked" }],
  SessionImported: [{ scenario: "imported" }]
}

function nth(count: number, ...names: ReadonlyArray<ScenarioName>): ReadonlyArray<Occurrence> {
  return names.map((scenario) => ({ scenario, nth: count, called: `${scenario}, the second` }))
}

const rankOf = ({ called, scenario }: Occurrence, index: number): Rank => {
  if (index === 0) return "first"
  return called === undefined && EffectClass.literals.some((tool) => tool === scenario) ? "class" : "more"
}

const ofEvents = (Object.keys(occurrences) as ReadonlyArray<EventType>).flatMap((event) =>
  occurrences[event].flatMap((occurrence, index) =>
    (["before", "after"] as const).map((when): Point => {
      const { called, earlier, nth, scenario } = occurrence
      const last = commit(event, when, nth)
      const boundaries: Point["boundaries"] = earlier === undefined ? [last] : [earlier, last]
      const variant = called ?? scenario
      return {
        rank: rankOf(occurrence, index),
        what: event,
        where: `${when} its commit`,
        variant,
        scenario,
        boundaries
      }
    })
  )
)

const ofReply = (scenario: ScenarioName, nth: number, kind: Parameters<typeof partsOf>[0]) => {
  const parts = partsOf(kind)
  return (["request", 0, ...parts.map((_, index) => index + 1)] as const).map((after): Point => {
    const sent = after === 0 ? "head sent" : `part ${after} of ${parts.length} sent, ${parts[Number(after) - 1]}`
    const where = after === "request" ? "request received" : sent
    const boundary: Boundary = { kind: "reply", nth, after }
    return { rank: "class", what: "(model)", where, variant: `${kind} being given`, scenario, boundaries: [boundary] }
  })
}

const ofRuns = EffectClass.literals.flatMap((tool) =>
  (["before", "after"] as const).map((when): Point => {
    const where = when === "before" ? "running, nothing done yet" : "done, not returned yet"
    const boundary: Boundary = { kind: "run", tool, nth: 1, when }
    return { rank: "class", what: "(tool)", where, variant: tool, scenario: tool, boundaries: [boundary] }
  })
)

/** Every point there is. */
export const points: ReadonlyArray<Point> = [
  ...ofEvents,
  ...ofReply("pure", 1, "call"),
  ...ofReply("pure", 2, "answer"),
  ...ofReply("a full window", 2, "summary"),
  ...ofRuns
]

/** How a point is struck: the process is killed, with one session or several, or a part dies within it. */
export const ways = ["alone", "among others", "agent", "session", "store"] as const
export type Way = (typeof ways)[number]

const always: Readonly<Record<Way, ReadonlyArray<Rank>>> = {
  alone: ["first", "class"],
  "among others": ["first"],
  agent: ["first", "class"],
  session: ["first", "class"],
  store: ["first", "class"]
}

const isFull = process.env["CRASH_MATRIX"] === "full"

/** The points that are struck this way now: every one with `CRASH_MATRIX=full`. */
export const pointsOf = (way: Way): ReadonlyArray<Point> =>
  points.filter(
    ({ rank, where }) => isFull || (always[way].includes(rank) && !(way === "among others" && isBefore(where)))
  )

const isBefore = (where: string) => where === "before its commit"

export const nameOf = ({ variant, what, where }: Point) => `${what}, ${where}: ${variant}`
