/**
 * A session with everything around it reduced to data: people, a model, tools, and an operator who pulls the plug.
 *
 * `happens` performs one thing that may happen, as the service would: what is said, cancelled or settled from outside
 * is appended at once; reports wait until the session's fiber plans the next time; a crash loses what was not written.
 */
import { Duration, Schema } from "effect"
import { arrive } from "../../src/agents/Arrival.ts"
import { type Act, plan } from "../../src/agents/TurnPlan.ts"
import { type Policy, underWay } from "../../src/agents/TurnStep.ts"
import { AgentConfig } from "../../src/config/AgentConfig.ts"
import { SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { noteOf, summarised, withoutSummary } from "../../src/sessions/Compaction.ts"
import { merge } from "../../src/sessions/NoteChange.ts"
import { empty, fold, foldAll, type SessionState } from "../../src/sessions/SessionLog.ts"
import { brokeOff, contentOf, main, replied, returned, usage } from "../support/TurnEvents.ts"

/** Tools are named after what the policy says of them; `risky` asks, `missing` is refused. */
const ToolName = Schema.Literals(["pure", "idempotent", "queryable", "unsafe", "risky", "missing"])

export const Happening = Schema.Union([
  Schema.TaggedStruct("Say", { midTurn: Schema.Literals(["steer", "queue", "interrupt"]), prior: Schema.Boolean }),
  Schema.TaggedStruct("Reply", {
    text: Schema.Boolean,
    calls: Schema.Array(ToolName).check(Schema.isMaxLength(3)),
    reason: Schema.Literals(["stop", "tool-calls", "pause", "length", "content-filter"])
  }),
  Schema.TaggedStruct("ModelFails", {}),
  Schema.TaggedStruct("ReplyBreaks", { kept: Schema.Boolean }),
  Schema.TaggedStruct("Return", {
    which: Schema.Literals([0, 1, 2]),
    outcome: Schema.Literals(["succeeded", "failed"])
  }),
  Schema.TaggedStruct("Settle", { verdict: Schema.Literals(["allow", "allowAlways", "deny", "expired"]) }),
  Schema.TaggedStruct("Cancel", { waiting: Schema.Boolean }),
  Schema.TaggedStruct("Overflow", {}),
  Schema.TaggedStruct("Measure", {}),
  Schema.TaggedStruct("Summarise", { how: Schema.Literals(["facts", "nothing", "too much", "not at all"]) }),
  Schema.TaggedStruct("Pin", { which: Schema.Literals([0, 1, 2, 3]) }),
  Schema.TaggedStruct("Unpin", {}),
  Schema.TaggedStruct("Configure", { model: Schema.NullOr(Schema.Literals(["a/b", "c/d"])) }),
  Schema.TaggedStruct("LateReport", {}),
  Schema.TaggedStruct("Crash", {})
])
export type Happening = typeof Happening.Type

/** Something happens, and the session's fiber gets on with it at once or only later. */
export const Step = Schema.Struct({ happening: Happening, served: Schema.Literals([true, true, true, false]) })

export const policy: Policy = {
  maxSteps: 5,
  maxResumes: 2,
  // Room for some ten messages.
  context: { window: 120, compactAt: 0.8, keepTurns: 1, maxTokens: 20, overhead: 30, counts: true },
  judge: (tool) => {
    if (tool === "missing") return { _tag: "Refuse", reason: "there is no such tool" }
    if (tool === "risky") return { _tag: "Ask", effect: "unsafe", summary: "something risky" }
    return { _tag: "Run", effect: tool as "pure" }
  }
}

const definition = (midTurn: AgentConfig["midTurn"]) => () =>
  Schema.decodeUnknownSync(AgentConfig)({ model: "fake/model", instructions: "Be brief.", midTurn })

export interface World {
  readonly log: Array<NewSessionEvent>
  state: SessionState
  /** What is being done outside, in the order it began. */
  acts: Array<Act>
  /** Reports that the next plan is given. */
  reports: Array<NewSessionEvent>
  /** Reports that were planned once already. */
  readonly old: Array<NewSessionEvent>
  /** The history the model was last sent, each time it was. */
  readonly prompts: Array<SessionState["history"]>
  /** How long the log was each time. */
  readonly prompted: Array<number>
  said: number
}

export const make = (): World => ({
  log: [],
  state: empty,
  acts: [],
  reports: [],
  old: [],
  prompts: [],
  prompted: [],
  said: 0
})

const append = (world: World, events: ReadonlyArray<NewSessionEvent>) => {
  for (const event of events) {
    world.log.push(event)
    world.state = fold(world.state, event)
  }
}

/** What the session's fiber does each time it gets on: false when there was nothing to do. */
export const serve = (world: World): boolean => {
  if (world.state.turn?.cancelling !== undefined) world.acts = []
  const at = { session: "s", generation: 1, model: "fake/model", patience: Duration.minutes(1), now: 0 }
  const { acts, events, rest } = plan(world.state, world.reports, policy, at)
  world.old.push(...world.reports)
  world.reports = []
  append(world, events)
  world.acts = rest === "Ended" ? [] : [...world.acts, ...acts]
  if (acts.some((act) => act._tag === "CallModel")) {
    world.prompts.push(world.state.history)
    world.prompted.push(world.log.length)
  }
  return events.length > 0
}

const say = (world: World, { midTurn, prior }: Extract<Happening, { readonly _tag: "Say" }>) => {
  const nth = ++world.said
  const message = {
    session: SessionId.make("s"),
    agent: main,
    channel: "test",
    text: `message ${nth}`,
    preceding: prior ? [{ role: "assistant" as const, text: `before message ${nth}` }] : []
  }
  const arrived = arrive(world.state, message, TurnId.make(`turn-${nth}`), definition(midTurn))
  if (arrived._tag === "Success") append(world, arrived.success.events)
}

const end = (world: World, act: Act, report: NewSessionEvent) => {
  world.acts = world.acts.filter((other) => other !== act)
  world.reports.push(report)
}

const reply = (world: World, { calls, reason, text }: Extract<Happening, { readonly _tag: "Reply" }>) => {
  const act = world.acts.find((candidate) => candidate._tag === "CallModel")
  if (act === undefined) return
  const named = Object.fromEntries(calls.map((tool, index) => [`call-${act.step}-${index}`, tool]))
  const content = [...contentOf(text ? "so it is" : ""), ...contentOf(named)]
  const input = Math.ceil(world.state.history.size / 3)
  end(world, act, { ...replied(act.turn, act.step, "", reason), content, usage: usageOf(input, 10) })
}

const usageOf = (input: number, output: number) => ({
  inputTokens: { ...usage.inputTokens, total: input },
  outputTokens: { ...usage.outputTokens, total: output }
})

const notes = { facts: ["so it is"], nothing: [], "too much": ["so it is, again and again. ".repeat(100)] }

/** What the model makes of the older turns, or what is made of them without it. */
const summarise = (world: World, { how }: Extract<Happening, { readonly _tag: "Summarise" }>) => {
  const act = world.acts.find((candidate) => candidate._tag === "Compact")
  if (act === undefined) return
  const { limits, state } = act
  const note = how === "not at all" ? undefined : merge(noteOf(state), { add: { facts: notes[how] } })
  const event = note === undefined ? undefined : summarised(state, limits, act, note, {})
  end(world, act, event ?? withoutSummary(state, limits, act, how))
}

/** Pins one of the last things said, as far as it is known to the model or waits. */
const pin = (world: World, which: number) => {
  const messages = world.log.flatMap((event, index) =>
    event.type === "MessageAccepted" ? [{ event: index + 1, role: "user" as const, text: event.text }] : []
  )
  const chosen = messages.at(-1 - which)
  if (chosen !== undefined) append(world, [{ type: "Pinned", pin: chosen }])
}

const isToolAct = (act: Act) => act._tag === "RunTool" || act._tag === "QueryTool"

const cancelWaiting = (world: World) => {
  const [message] = world.state.waiting
  if (message === undefined) return
  append(world, [{ type: "CancelRequested", turn: message.turn, reason: "stop" }])
}

const settle = (world: World, verdict: "allow" | "allowAlways" | "deny" | "expired") => {
  const { turn } = world.state
  const call = turn?.calls.find(({ status }) => status === "awaiting")
  if (turn === undefined || call?.approval === undefined) return
  append(world, [{ type: "ApprovalSettled", turn: turn.id, approval: call.approval, verdict }])
}

const crash = (world: World) => {
  world.acts = []
  world.reports = []
  world.state = foldAll(empty, world.log)
  const { turn } = world.state
  if (turn !== undefined && underWay(world.state)) append(world, [{ type: "TurnResumed", turn: turn.id }])
}

export const happens = (world: World, happening: Happening): void => {
  const { turn } = world.state
  switch (happening._tag) {
    case "Say":
      return say(world, happening)
    case "Reply":
      return reply(world, happening)
    case "ModelFails": {
      const act = world.acts.find((candidate) => candidate._tag === "CallModel")
      if (act !== undefined) end(world, act, { type: "TurnEnded", turn: act.turn as TurnId, outcome: "failed" })
      return
    }
    case "ReplyBreaks": {
      const act = world.acts.find((candidate) => candidate._tag === "CallModel")
      if (act !== undefined) end(world, act, brokeOff(act.turn, act.step, happening.kept ? "so it" : ""))
      return
    }
    case "Return": {
      const act = world.acts.filter(isToolAct)[happening.which]
      if (act !== undefined) end(world, act, returned(act.turn.id, act.turn.step, act.call.id, happening.outcome))
      return
    }
    case "Settle":
      return settle(world, happening.verdict)
    case "Overflow": {
      const act = world.acts.find((candidate) => candidate._tag === "CallModel")
      if (act === undefined) return
      return end(world, act, { type: "ContextOverflowed", turn: act.turn, step: act.step, detail: "too much" })
    }
    case "Measure": {
      const act = world.acts.find((candidate) => candidate._tag === "CallModel")
      if (act?.limit === undefined) return
      return end(world, act, { type: "ContextMeasured", turn: act.turn, step: act.step, tokens: act.limit })
    }
    case "Summarise":
      return summarise(world, happening)
    case "Pin":
      return pin(world, happening.which)
    case "Unpin": {
      const [pinned] = world.state.pinned
      return pinned === undefined ? undefined : append(world, [{ type: "Unpinned", event: pinned.event }])
    }
    case "Configure":
      return append(world, [{ type: "SessionConfigured", model: happening.model }])
    case "Cancel":
      if (happening.waiting) return cancelWaiting(world)
      if (turn === undefined || turn.cancelling !== undefined) return
      return append(world, [{ type: "CancelRequested", turn: turn.id, reason: "stop" }])
    case "LateReport":
      world.reports.push(...world.old.slice(-1))
      return
    case "Crash":
      return crash(world)
  }
}

/** Everybody answers whatever they are asked, until nothing is left to do; false when that takes too long. */
export const comesToRest = (world: World): boolean => {
  for (let round = 0; round < 200; round++) {
    while (serve(world));
    const asked = world.state.turn?.calls.some(({ status }) => status === "awaiting") ?? false
    if (world.acts.length === 0 && !asked) return world.state.turn === undefined && world.state.waiting.length === 0
    happens(world, { _tag: "Settle", verdict: "allow" })
    happens(world, { _tag: "Return", which: 0, outcome: "succeeded" })
    happens(world, { _tag: "Summarise", how: "facts" })
    happens(world, { _tag: "Reply", text: true, calls: [], reason: "stop" })
  }
  return false
}
