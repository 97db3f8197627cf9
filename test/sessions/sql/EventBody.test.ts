import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NewSessionEvent } from "../../../src/domain/SessionEvent.ts"
import { decodeRow, encodeBody } from "../../../src/sessions/sql/EventBody.ts"
import { accepted, called, session, turn } from "../../contracts/SessionStoreEvents.ts"

const stored = (body: string) => decodeRow(session("s"), { seq: 7, at: "now", body })

describe("EventBody", () => {
  it.prop("reads every event back as it was written", { event: NewSessionEvent }, ({ event }) => {
    const body = encodeBody(event)
    const { at, seq, ...again } = Result.getOrThrow(stored(body))
    assert.deepStrictEqual([seq, at], [7, "now"])
    assert.strictEqual(encodeBody(again), body)
  })

  it("keeps what a model reply carries", () => {
    const reply: NewSessionEvent = {
      type: "ModelReplied",
      turn: turn("t"),
      step: 1,
      content: [
        { type: "reasoning", text: "hm", options: { anthropic: { signature: "abc" } } },
        { type: "tool-call", id: "call", name: "exec", params: { command: "ls" } }
      ],
      finishReason: "tool-calls",
      usage: { inputTokens: { total: 3, uncached: 1 }, outputTokens: { total: 4 } }
    }
    assert.deepStrictEqual(Result.getOrThrow(stored(encodeBody(reply))), { ...reply, seq: 7, at: "now" })
  })

  it("never writes an event that could not be read", () => {
    assert.throws(() => encodeBody(called("t", Number.NaN)))
  })

  it.each([
    ["no JSON at all", "{", /^event 7 of session s cannot be read: /],
    [
      "an unknown type",
      JSON.stringify({ type: "Forgotten" }),
      /^event 7 of session s cannot be read: .*MessageAccepted/
    ],
    ["a wrong field", JSON.stringify({ ...accepted("t"), text: 1 }), /cannot be read: Expected string at \["text"\]$/]
  ])("names session, number and fault of a body with %s", (_, body, message) => {
    assert.match(Result.getOrThrow(Result.flip(stored(body))).message, message)
  })
})
