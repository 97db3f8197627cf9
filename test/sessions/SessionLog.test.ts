import { assert, describe, it } from "@effect/vitest"
import type { Prompt } from "effect/ai"
import { SessionId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { messagesOf } from "../../src/sessions/History.ts"
import { empty, fold, foldAll } from "../../src/sessions/SessionLog.ts"
import { callKey } from "../../src/sessions/TurnLog.ts"
import {
  asked,
  called,
  cancelRequested,
  ended,
  replied,
  resumed,
  returned,
  said,
  settled,
  started,
  steered,
  toolCalled
} from "../support/TurnEvents.ts"

const stateOf = (...events: ReadonlyArray<NewSessionEvent>) => foldAll(empty, events)
const asking = [said("t"), started("t"), called("t", 1)]
const calling = [...asking, replied("t", 1, { a: "pure", b: "risky" })]

/** A message of the transcript in one line. */
const line = ({ content, role }: Prompt.MessageEncoded): string => {
  if (typeof content === "string") return `${role}: ${content}`
  const parts = content.map((part) => {
    if (part.type === "text") return part.text
    if (part.type === "tool-call") return `${part.id} = ${part.name}()`
    return part.type === "tool-result" ? `${part.id}${part.isFailure ? " failed" : ""}: ${part.result}` : part.type
  })
  return `${role}: ${parts.join(", ")}`
}

const transcript = (...events: ReadonlyArray<NewSessionEvent>) => messagesOf(stateOf(...events).history).map(line)

describe("the transcript", () => {
  it("begins with the message that began the turn, behind what its sender brought along", () => {
    const preceding = [
      { role: "system" as const, text: "be kind" },
      { role: "user" as const, text: "earlier" },
      { role: "assistant" as const, text: "indeed" }
    ]
    assert.deepStrictEqual(transcript(said("t", "hello", preceding), started("t")), [
      "system: be kind",
      "user: earlier",
      "assistant: indeed",
      "user: hello"
    ])
  })

  it("holds no message before its turn has started", () =>
    assert.deepStrictEqual(transcript(said("t"), started("t"), said("u", "later")), ["user: hello"]))

  it("holds all messages that a turn begins with", () =>
    assert.deepStrictEqual(transcript(said("t", "one"), said("u", "other"), said("t", "two"), started("t")), [
      "user: one",
      "user: two"
    ]))

  it("says nothing where the model said nothing", () =>
    assert.deepStrictEqual(transcript(...asking, replied("t", 1, "")), ["user: hello"]))

  it("holds the results of all calls in their order, once the last has returned", () => {
    const one = [...calling, returned("t", 1, "b", "failed")]
    assert.deepStrictEqual(transcript(...one), ["user: hello", "assistant: a = pure(), b = risky()"])
    assert.deepStrictEqual(transcript(...one, returned("t", 1, "a")).slice(2), [
      "tool: a: a succeeded, b failed: b failed"
    ])
  })

  it("holds what joined in the middle where it joined", () => {
    const events = [...asking, said("t", "and"), said("t", "also"), replied("t", 1, "hi"), steered("t", 4)]
    assert.deepStrictEqual(transcript(...events), ["user: hello", "assistant: hi", "user: and"])
    assert.deepStrictEqual(
      stateOf(...events).turn?.steering.map(({ text }) => text),
      ["also"]
    )
  })

  it("keeps what nobody told the model in time for the next turn", () =>
    assert.deepStrictEqual(transcript(...asking, said("t", "wait"), ended("t", "cancelled")), [
      "user: hello",
      "user: wait"
    ]))
})

describe("a turn", () => {
  it("is asking from the call to the reply", () => {
    assert.isTrue(stateOf(...asking).turn?.asking)
    assert.isFalse(stateOf(...asking, replied("t", 1, "hi")).turn?.asking)
  })

  it("has finished when nothing of the reply is left to do, until the model is asked again or told more", () => {
    assert.strictEqual(stateOf(...asking, replied("t", 1, "hi")).turn?.finished, "stop")
    assert.isUndefined(stateOf(...calling).turn?.finished)
    assert.isUndefined(stateOf(...asking, replied("t", 1, "hi", "pause"), called("t", 2)).turn?.finished)
    assert.isUndefined(stateOf(...asking, said("t"), replied("t", 1, "hi"), steered("t", 4)).turn?.finished)
  })

  it("takes the step again in which the model was cut off", () => {
    assert.strictEqual(stateOf(...asking, resumed("t")).turn?.step, 0)
    assert.strictEqual(stateOf(...calling, resumed("t")).turn?.step, 1)
  })

  it("counts how often it was resumed since something was achieved", () => {
    const twice = [...asking, resumed("t"), called("t", 1), resumed("t")]
    assert.strictEqual(stateOf(...twice).turn?.resumes, 2)
    assert.strictEqual(stateOf(...twice, called("t", 1), replied("t", 1, { a: "pure" })).turn?.resumes, 0)
    assert.strictEqual(stateOf(...calling, resumed("t"), returned("t", 1, "a")).turn?.resumes, 0)
  })

  it("is cancelled only by its own name", () => {
    assert.strictEqual(stateOf(...asking, cancelRequested("t")).turn?.cancelling, "the person said stop")
    assert.isUndefined(stateOf(...asking, cancelRequested("u")).turn?.cancelling)
  })

  it("that is not there is not moved by anything", () => {
    for (const event of [called("t", 1), returned("t", 1, "a"), resumed("t"), steered("t", 1), cancelRequested("t")]) {
      assert.deepStrictEqual(fold(empty, event), { ...empty, seq: 1 })
    }
  })
})

describe("a call", () => {
  const statuses = (...events: ReadonlyArray<NewSessionEvent>) =>
    stateOf(...calling, ...events).turn?.calls.map(({ status }) => status)

  it("goes its way", () => {
    assert.deepStrictEqual(statuses(), ["asked", "asked"])
    assert.deepStrictEqual(statuses(toolCalled("t", 1, "a", "pure"), asked("t", "b")), ["running", "awaiting"])
    assert.deepStrictEqual(statuses(toolCalled("t", 1, "a", "pure"), resumed("t")), ["cut", "asked"])
    assert.deepStrictEqual(statuses(returned("t", 1, "a"), asked("t", "b"), settled("t", "b", "allow")), [
      "returned",
      "allowed"
    ])
    for (const verdict of ["deny", "expired", "cancelled"] as const) {
      assert.deepStrictEqual(statuses(asked("t", "b"), settled("t", "b", verdict)), ["asked", "declined"])
    }
  })

  it("is not moved by a verdict on something else", () =>
    assert.deepStrictEqual(statuses(asked("t", "b"), settled("t", "z", "allow")), ["asked", "awaiting"]))

  it("that the provider ran itself is nothing to be done", () => {
    const reply = replied("t", 1, "found it")
    const own = { type: "tool-call" as const, id: "x", name: "web", params: {}, providerExecuted: true }
    const { turn } = stateOf(...asking, { ...reply, content: [own, ...reply.content] })
    assert.deepStrictEqual(turn?.calls, [])
    assert.strictEqual(turn?.finished, "stop")
  })

  it("that was allowed always elsewhere is not allowed here", () => {
    const imported: NewSessionEvent = { type: "SessionImported", from: SessionId.make("elsewhere") }
    const { alwaysAllowed, waiting } = stateOf(
      ...calling,
      asked("t", "b"),
      settled("t", "b", "allowAlways"),
      ended("t"),
      said("u"),
      imported
    )
    assert.deepStrictEqual([...alwaysAllowed], [])
    assert.deepStrictEqual(waiting, [])
  })

  it("is allowed always by its tool and everything it was asked to do", () => {
    const { alwaysAllowed } = stateOf(...calling, asked("t", "b"), settled("t", "b", "allowAlways"))
    assert.deepStrictEqual([...alwaysAllowed], [callKey("risky", {})])
    assert.notStrictEqual(callKey("risky", { text: "x" }), callKey("risky", { text: "y" }))
    assert.notStrictEqual(callKey("risky", {}), callKey("exec", {}))
    assert.strictEqual(stateOf(...calling, asked("t", "b"), settled("t", "b", "allow")).alwaysAllowed.size, 0)
  })
})

describe("a session", () => {
  it("belongs to the agent that was spoken to, and counts its events", () => {
    assert.strictEqual(stateOf(...asking).agent, "main")
    assert.strictEqual(stateOf(...asking).seq, 3)
    assert.isUndefined(empty.agent)
  })

  it("costs the same to go on with, however much has been said in it", () => {
    const turn = [said("t"), started("t"), called("t", 1), replied("t", 1, "hi"), ended("t")]
    let state = empty
    let links = 0
    for (let count = 0; count < 20_000; count++) {
      for (const event of turn) {
        const { newest } = state.history
        state = fold(state, event)
        for (let link = state.history.newest; link !== newest && links <= 40_000; link = link?.before) links++
      }
    }
    assert.deepInclude(state, { seq: 100_000, waiting: [] })
    assert.strictEqual(state.history.length, 40_000)
    assert.strictEqual(links, 40_000, "each message is linked once and never copied")
  })
})
