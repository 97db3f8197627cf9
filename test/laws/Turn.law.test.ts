/** What holds in every session, whatever people, models, tools and crashes do to it in whatever order. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Prompt } from "effect/ai"
import type { TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { type History, messagesOf } from "../../src/sessions/History.ts"
import { empty, foldAll, type SessionState } from "../../src/sessions/SessionLog.ts"
import { goOn } from "../../src/sessions/TurnLog.ts"
import { restored } from "../../src/sessions/Window.ts"
import { comesToRest, happens, make, Step, serve, type World } from "./TurnWorld.ts"

const Steps = Schema.Array(Step).check(Schema.isMaxLength(60))

/** Checks a law after everything that happens, and once more when the session has come to rest. */
const law = (sentence: string, holds: (world: World) => void, atRest: (world: World) => void = holds) =>
  it.prop(
    sentence,
    [Steps],
    ([steps]) => {
      const world = make()
      for (const { happening, served } of steps) {
        happens(world, happening)
        if (served) serve(world)
        holds(world)
      }
      assert.isTrue(comesToRest(world), "the session does not come to rest")
      atRest(world)
    },
    { arbitrary: { runs: 400, size: 60 } }
  )

const of = <Type extends NewSessionEvent["type"]>({ log }: World, type: Type) =>
  log.filter((event): event is Extract<NewSessionEvent, { readonly type: Type }> => event.type === type)

const times = (values: ReadonlyArray<string>) => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

const partsOf = (message: Prompt.MessageEncoded) => (typeof message.content === "string" ? [] : message.content)

const idsOf = (message: Prompt.MessageEncoded | undefined, type: "tool-call" | "tool-result"): ReadonlyArray<string> =>
  message === undefined
    ? []
    : partsOf(message).flatMap((part) => (part.type === type && "id" in part ? [part.id ?? ""] : []))

/** What a provider would refuse about this transcript; the last message may still wait for its results. */
const faults = (said: History): ReadonlyArray<string> =>
  messagesOf(said).flatMap((message, index, history) => {
    const calls = idsOf(message, "tool-call")
    const next = history[index + 1]
    const results = idsOf(next, "tool-result")
    return [
      ...(message.role !== "tool" && message.content.length === 0 ? [`message ${index} says nothing`] : []),
      ...(message.role === "tool" && idsOf(history[index - 1], "tool-call").length === 0
        ? [`message ${index} holds results of nothing`]
        : []),
      ...(calls.length > 0 && next !== undefined && calls.join() !== results.join()
        ? [`the calls ${calls} of message ${index} are followed by results of ${results}`]
        : [])
    ]
  })

const isOpen = ({ newest }: History) => idsOf(newest?.message, "tool-call").length > 0

const textsOf = (message: Prompt.MessageEncoded) =>
  partsOf(message).flatMap((part) => (part.type === "text" ? [part.text] : []))

/** What has been said, without the preface. */
const saidIn = ({ history }: SessionState) => messagesOf(history).slice(history.preface.length)

/** The people's messages that the state holds: told to the model, and waiting to be. */
const held = (state: SessionState): ReadonlyArray<string> => [
  ...saidIn(state)
    .flatMap((message) => (message.role === "user" ? textsOf(message) : []))
    .filter((text) => text !== goOn),
  ...[...state.waiting, ...(state.turn?.steering ?? []), ...(state.turn?.aside ?? [])].map(({ text }) => text)
]

/** A message in short: what was said, which tools were called, which have returned. */
const lines = (message: Prompt.MessageEncoded): ReadonlyArray<string> =>
  partsOf(message).map((part) => ("text" in part ? part.text : `${part.type} ${"id" in part ? part.id : ""}`))

interface Told {
  readonly event: number
  readonly line: string
}

/** The transcript, read off the log event by event with nothing of the state but lists. */
const toldIn = (log: ReadonlyArray<NewSessionEvent>): ReadonlyArray<Told> => {
  const told: Array<Told> = []
  let untold: Array<{ readonly seq: number; turn: string; readonly said: ReadonlyArray<string> }> = []
  let open: Array<{ readonly id: string; returned: boolean }> = []
  let running: string | undefined
  for (const [index, event] of log.entries()) {
    const push = (said: ReadonlyArray<string>) => told.push(...said.map((line) => ({ event: index + 1, line })))
    const tell = (joins: (message: (typeof untold)[number]) => boolean) => {
      push(untold.filter(joins).flatMap(({ said }) => said))
      untold = untold.filter((message) => !joins(message))
    }
    if (event.type === "MessageAccepted") {
      const { preceding = [], text, turn } = event
      untold.push({ seq: index + 1, turn, said: [...preceding.map((prior) => prior.text), text] })
    } else if (event.type === "TurnStarted") {
      running = event.turn
      tell(({ turn }) => turn === event.turn)
    } else if (event.type === "TurnEnded" && running !== undefined && running !== event.turn) {
      for (const message of untold) if (message.turn === event.turn) message.turn = `${running} afterwards`
    } else if (event.type === "TurnEnded") {
      running = undefined
      tell(({ turn }) => turn === event.turn)
      tell(({ turn }) => turn === `${event.turn} afterwards`)
    } else if (event.type === "Steered") {
      tell(({ seq }) => event.messages.includes(seq))
    } else if (event.type === "ModelReplied" && event.finishReason !== "content-filter") {
      push(lines({ role: "assistant", content: event.content }))
      open = event.content.flatMap((part) => (part.type === "tool-call" ? [{ id: part.id, returned: false }] : []))
    } else if (event.type === "ReplyCut" && event.text !== "") {
      push([event.text])
    } else if (event.type === "ReplyContinued") {
      push([goOn])
    } else if (event.type === "ToolReturned") {
      for (const call of open) call.returned ||= call.id === event.call
      if (open.every(({ returned }) => returned)) push(open.splice(0).map(({ id }) => `tool-result ${id}`))
    }
  }
  return told
}

describe("in every session", () => {
  law("the history is a valid transcript", ({ prompts, state }) => {
    assert.deepStrictEqual(faults(state.history), [])
    for (const prompt of prompts.slice(-1)) assert.isFalse(isOpen(prompt), "the model is asked with a call open")
    if (state.turn === undefined) assert.isFalse(isOpen(state.history), "a turn left a call open")
  })

  law("every accepted message is in the history, was compacted, or waits, exactly once", (world) => {
    const accepted = of(world, "MessageAccepted").map(({ text }) => text)
    assert.strictEqual(accepted.length, world.said)
    const through = world.state.compaction?.through ?? 0
    const compacted = new Set(toldIn(world.log).flatMap(({ event, line }) => (event <= through ? [line] : [])))
    const gone = accepted.filter((text) => compacted.has(text))
    assert.deepStrictEqual([...held(world.state), ...gone].sort(), accepted.sort())
  })

  law("what is pinned is sent or waits, in full", ({ state }) => {
    const sent = [...held(state), ...state.history.preface.flatMap(textsOf)].join("\n")
    for (const { text } of state.pinned) assert.include(sent, text)
  })

  law(
    "every accepted turn starts once and ends once",
    (world) => {
      const started = times(of(world, "TurnStarted").map(({ turn }) => turn))
      const ended = times(of(world, "TurnEnded").map(({ turn }) => turn))
      assert.isTrue([...started.values(), ...ended.values()].every((count) => count === 1))
      const cancelled = new Set(of(world, "CancelRequested").map(({ turn }) => turn))
      assert.isTrue([...ended.keys()].every((turn) => started.has(turn) || cancelled.has(turn as TurnId)))
      const open = [...started.keys()].filter((turn) => !ended.has(turn))
      assert.deepStrictEqual(open, world.state.turn === undefined ? [] : [world.state.turn.id])
    },
    (world) => {
      const turns = new Set(of(world, "MessageAccepted").map(({ turn }) => turn))
      assert.deepStrictEqual(new Set(of(world, "TurnEnded").map(({ turn }) => turn)), turns)
    }
  )

  law("an unsafe call is announced at most once", (world) => {
    const calls = of(world, "ToolCalled").filter(({ effect }) => effect === "unsafe")
    assert.isTrue([...times(calls.map(({ key }) => key)).values()].every((count) => count === 1))
  })

  law("nothing runs beside an unsafe call", ({ state: { turn } }) => {
    const running = turn?.calls.filter(({ status }) => status === "running") ?? []
    assert.isTrue(running.length < 2 || running.every(({ effect }) => effect !== "unsafe"))
  })

  law(
    "every call of a reply that was not refused gets exactly one result, and only an unsafe one an unknown one",
    (world) => {
      const returned = of(world, "ToolReturned")
      const place = ({ call, step, turn }: (typeof returned)[number]) => `${turn} ${step} ${call}`
      assert.isTrue([...times(returned.map(place)).values()].every((count) => count === 1))
      const unsafe = new Set(
        of(world, "ToolCalled")
          .filter(({ effect }) => effect === "unsafe")
          .map(({ key }) => key)
      )
      for (const event of returned.filter(({ outcome }) => outcome === "unknown")) {
        assert.isTrue(unsafe.has(`s/${event.turn}/${event.step}/${event.call}`))
      }
    },
    (world) => {
      const calls = of(world, "ModelReplied").flatMap(({ content, finishReason }) =>
        content.filter(({ type }) => type === "tool-call" && finishReason !== "content-filter")
      )
      assert.strictEqual(of(world, "ToolReturned").length, calls.length)
    }
  )

  law("what was refused or never allowed is never run", (world) => {
    const ran = new Set(of(world, "ToolCalled").map(({ step, turn, call }) => `${turn} ${step} ${call}`))
    for (const { call, outcome, step, turn } of of(world, "ToolReturned")) {
      if (outcome === "refused") assert.isFalse(ran.has(`${turn} ${step} ${call}`))
    }
    const always = of(world, "ApprovalSettled").some(({ verdict }) => verdict === "allowAlways")
    const allowed = of(world, "ApprovalSettled").filter(({ verdict }) => verdict === "allow")
    const risky = of(world, "ToolCalled").filter(({ tool }) => tool === "risky")
    assert.isTrue(always || risky.length <= allowed.length)
  })

  law("every request for approval is settled at most once, and none stays open behind its turn", (world) => {
    const settled = times(of(world, "ApprovalSettled").map(({ approval }) => approval))
    assert.isTrue([...settled.values()].every((count) => count === 1))
    const open = of(world, "ApprovalAsked").filter(({ approval }) => !settled.has(approval))
    assert.isTrue(open.every(({ turn }) => turn === world.state.turn?.id))
  })

  law(
    "folding event by event, folding the whole log, and folding it in two parts come to the same",
    ({ log, state }) => {
      assert.deepStrictEqual(foldAll(empty, log), state)
      assert.strictEqual(state.seq, log.length)
    },
    ({ log, state }) => {
      for (const cut of log.keys()) {
        assert.deepStrictEqual(foldAll(foldAll(empty, log.slice(0, cut)), log.slice(cut)), state)
      }
    }
  )

  law("the history is what the log says was told to the model and came of it", ({ log, state }) =>
    assert.deepStrictEqual(
      saidIn(state).flatMap(lines),
      toldIn(log).flatMap(({ event, line }) => (event > (state.compaction?.through ?? 0) ? [line] : []))
    )
  )

  law("a log is folded from its compactions on to the same as from its beginning, wherever it ends", (world) => {
    const { log, state } = world
    for (const [index, event] of log.entries()) {
      if (event.type !== "Compacted") continue
      assert.deepStrictEqual(foldAll(restored(event), log.slice(event.through)), state)
      const upToIt = log.slice(0, index + 1)
      assert.deepStrictEqual(foldAll(restored(event), upToIt.slice(event.through)), foldAll(empty, upToIt))
    }
  })

  law("every compaction leaves out more than the one before, never of the running turn", (world) => {
    let [through, outputs] = [0, 0]
    for (const event of of(world, "Compacted")) {
      assert.isTrue(event.through > through || event.outputs > outputs)
      assert.isTrue(event.through >= through && event.outputs >= outputs)
      through = event.through
      outputs = event.outputs
      const start = world.log.findIndex((entry) => entry.type === "TurnStarted" && entry.turn === event.turn)
      assert.isAtMost(through, start)
      assert.isTrue(through === 0 || world.log[through]?.type === "TurnStarted")
    }
  })

  law("what is sent only grows at its end, until something is compacted or pinned", ({ log, prompted, prompts }) => {
    for (const [index, prompt] of prompts.entries()) {
      const before = prompts[index - 1]
      const between = log.slice(prompted[index - 1], prompted[index])
      const changes = ["Compacted", "Pinned", "Unpinned"]
      if (before === undefined || between.some(({ type }) => changes.includes(type))) continue
      assert.deepStrictEqual(messagesOf(prompt).slice(0, messagesOf(before).length), messagesOf(before))
    }
  })

  law("a step that is refused for its size is taken once more at most", (world) => {
    for (const refused of Map.groupBy(of(world, "ContextOverflowed"), ({ turn }) => turn).values()) {
      const steps = times(refused.map(({ step }) => String(step)))
      assert.isTrue([...steps.values()].every((count) => count <= 2))
    }
  })

  law("the model's replies to a turn, whole or broken off, are its steps, from 1 on without gaps", (world) => {
    const kept = world.log.flatMap((event) =>
      event.type === "ModelReplied" || event.type === "ReplyCut" ? [event] : []
    )
    for (const replies of Map.groupBy(kept, ({ turn }) => turn).values()) {
      assert.deepStrictEqual(
        replies.map(({ step }) => step),
        replies.map((_, index) => index + 1)
      )
    }
  })

  law("the model is asked to go on only right behind what it said, which it is sent as it was", (world) => {
    for (const [index, event] of world.log.entries()) {
      if (event.type !== "ReplyContinued") continue
      const before = world.log.slice(0, index).findLast(({ type }) => type === "ModelReplied" || type === "ReplyCut")
      assert.strictEqual(event.cause, before?.type === "ReplyCut" ? "cut" : "length")
    }
  })

  law("no reply breaks off without end", (world) => {
    assert.isAtMost(world.state.turn?.cuts ?? 0, 3)
    assert.isAtMost(world.state.turn?.continued ?? 0, 3)
  })

  law("no turn takes more steps than it may, nor is it resumed without end", (world) => {
    for (const { step } of of(world, "ModelCalled")) assert.isAtMost(step, 5)
    assert.isAtMost(world.state.turn?.resumes ?? 0, 3)
  })
})
