import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ApprovalAlreadySettled, ApprovalUnknown } from "../../src/domain/Approval.ts"
import { ApprovalId } from "../../src/domain/Ids.ts"
import { NewSessionEvent, SessionEvent } from "../../src/domain/SessionEvent.ts"
import { asked, called, ended, replied, said, toolCalled } from "../support/TurnEvents.ts"

const stored = (event: NewSessionEvent): SessionEvent => ({ ...event, seq: 1, at: "2030-01-01T00:00:00.000Z" })

describe("session events", () => {
  it("read back from JSON as they were written", () => {
    const events = [said("t"), called("t", 1), replied("t", 1, "hi"), replied("t", 1, { a: "exec" }), asked("t", "a")]
    for (const event of [...events, toolCalled("t", 1, "a", "unsafe"), ended("t", "failed", "overloaded")].map(
      stored
    )) {
      const json = JSON.parse(JSON.stringify(Schema.encodeSync(SessionEvent)(event)))
      assert.deepStrictEqual(Schema.decodeUnknownSync(SessionEvent)(json), event)
    }
  })

  it("are known by their type alone", () => {
    assert.isFalse(Schema.is(NewSessionEvent)({ ...called("t", 1), type: "ModelGuessed" }))
    assert.isFalse(Schema.is(SessionEvent)(called("t", 1)))
  })
})

describe("what can be said about approvals", () => {
  const id = ApprovalId.make("t.1.1")

  it("is one clear sentence", () => {
    assert.strictEqual(new ApprovalUnknown({ id }).message, "there is no approval t.1.1")
    assert.strictEqual(
      new ApprovalAlreadySettled({ id, verdict: "expired" }).message,
      "approval t.1.1 is already settled: expired"
    )
  })
})
