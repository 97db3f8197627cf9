import { assert, describe, it } from "@effect/vitest"
import { TurnId } from "../../src/domain/Ids.ts"
import { blank } from "../../src/domain/Note.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { messagesOf } from "../../src/sessions/History.ts"
import { empty, foldAll, type SessionState } from "../../src/sessions/SessionLog.ts"
import { leftOut, restored } from "../../src/sessions/Window.ts"
import {
  called,
  compacted,
  ended,
  main,
  pinned,
  replied,
  returned,
  said,
  started,
  toolCalled,
  turn,
  unpinned
} from "../support/TurnEvents.ts"

const texts = ({ history }: SessionState) =>
  messagesOf(history).flatMap(({ content }) =>
    typeof content === "string"
      ? [content]
      : content.map((part) => ("text" in part ? part.text : "result" in part ? String(part.result) : part.type))
  )

const opening =
  "What was said earlier in this conversation is no longer shown. This is the note that was kept of it; take it as known."

const noted = (...facts: ReadonlyArray<string>) =>
  `${opening}\n\nFacts:\n${facts.map((fact) => `- ${fact}`).join("\n")}`

/** Two turns, and a third that has begun: its events are 11 and 12. */
const begun = [...turn("t", "one", "first"), ...turn("u", "two", "second"), said("v", "three"), started("v")]
const stateOf = (...events: ReadonlyArray<NewSessionEvent>) => foldAll(empty, [...begun, ...events])

describe("a compacted history", () => {
  it("has a note in front of what was said since", () => {
    assert.deepStrictEqual(texts(stateOf(compacted("v", 6, "one was said"))), [
      noted("one was said"),
      "two",
      "second",
      "three"
    ])
    assert.deepStrictEqual(texts(stateOf(compacted("v", 11, "all was said"))), [noted("all was said"), "three"])
  })

  it("says that something was said earlier also where nothing of it was noted", () => {
    const silent = stateOf(compacted("v", 11, "x", { note: blank }))
    assert.deepStrictEqual(texts(silent), [
      "What was said earlier in this conversation is no longer shown, and nothing of it was noted.",
      "three"
    ])
    assert.deepStrictEqual(texts(stateOf(compacted("v", 0, "x", { note: blank, outputs: 4 })))[0], "one")
  })

  it("begins with a turn, whose message waited before the cut", () =>
    assert.deepStrictEqual(texts(stateOf(compacted("v", 11, "x")))[1], "three"))

  it("has only the newest note", () =>
    assert.deepStrictEqual(texts(stateOf(compacted("v", 6, "one"), compacted("v", 11, "both"))), [
      noted("both"),
      "three"
    ]))

  it("keeps what is pinned word for word, unless it is shown anyway", () => {
    const events = [pinned(1, "one"), pinned(6, "two"), compacted("v", 6, "x")]
    const pin = "The person said earlier, and it was pinned:\n\none"
    assert.deepStrictEqual(texts(stateOf(...events)), [noted("x"), pin, "two", "second", "three"])
    assert.deepStrictEqual(texts(stateOf(...events, unpinned(1))).slice(0, 2), [noted("x"), "two"])
    assert.deepStrictEqual(texts(stateOf(...events, compacted("v", 11, "y"))).slice(1, 3), [
      pin,
      "The person said earlier, and it was pinned:\n\ntwo"
    ])
  })

  it("shows at once what is pinned after it was compacted", () =>
    assert.include(texts(stateOf(compacted("v", 11, "x"), pinned(4, "first"))).join(), "first"))

  it("has a short sentence for every output that was left out, and leaves short ones alone", () => {
    const long = { ...returned("v", 1, "a"), output: "x".repeat(100) }
    const tools = [called("v", 1), replied("v", 1, { a: "pure", b: "pure" }), toolCalled("v", 1, "a", "pure"), long]
    const state = stateOf(...tools, toolCalled("v", 1, "b", "pure"), returned("v", 1, "b"))
    assert.include(texts(state), long.output)
    const dropped = foldAll(state, [compacted("v", 0, "x", { outputs: state.seq })])
    assert.deepStrictEqual(texts(dropped).slice(-2), [leftOut, "b succeeded"])
  })
})

describe("a restored state", () => {
  it("has no history, and everything else that was carried", () => {
    const waiting = { seq: 11, turn: TurnId.make("v"), agent: main, text: "three", preceding: [] }
    const pin = { event: 1, role: "user" as const, text: "one" }
    const carried = {
      agent: main,
      waiting: [waiting],
      allowed: ["exec {}"],
      pinned: [pin],
      settings: { model: "a/b" }
    }
    const state = restored(compacted("v", 11, "x", { carried }))
    assert.deepInclude(state, { seq: 11, agent: carried.agent, waiting: [waiting], pinned: [pin] })
    assert.deepInclude(state.settings, { model: "a/b" })
    assert.deepStrictEqual([...state.alwaysAllowed], ["exec {}"])
    assert.deepStrictEqual(texts(state), [])
  })

  it("is, folded on, the same as one that was folded from the beginning", () => {
    const files = [{ mediaType: "image/png" as const, url: "https://example.org/a.png" }]
    const two = { seq: 6, turn: TurnId.make("u"), agent: main, text: "two", files, preceding: [] }
    const carried = { agent: main, waiting: [two], allowed: [], pinned: [], settings: {} }
    const first = compacted("v", 6, "one", { carried })
    const rest = [called("v", 1), replied("v", 1, "third"), ended("v"), ...turn("w", "four", "fourth")]
    const shown = begun.map((event) =>
      event.type === "MessageAccepted" && event.text === "two" ? { ...event, files } : event
    )
    const log = [...shown, first, ...rest]
    assert.deepStrictEqual(foldAll(restored(first), log.slice(6)), foldAll(empty, log))
  })
})
