/** A log that was cut off anywhere can be brought to rest, by events alone. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Schema } from "effect"
import type { Prompt } from "effect/ai"
import { blank, closing, cutOf, goOn } from "../../src/agents/Closing.ts"
import { plan } from "../../src/agents/TurnPlan.ts"
import { SessionId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { messagesOf } from "../../src/sessions/History.ts"
import { empty, foldAll, type SessionState } from "../../src/sessions/SessionLog.ts"
import { happens, make, policy, Step, serve } from "./TurnWorld.ts"

const Steps = Schema.Array(Step).check(Schema.isMaxLength(40))

const at = { session: SessionId.make("s"), generation: 1, model: "fake/model", patience: Duration.minutes(1), now: 0 }

const partsOf = (message: Prompt.MessageEncoded | undefined) =>
  message === undefined || typeof message.content === "string" ? [] : message.content

const idsOf = (message: Prompt.MessageEncoded | undefined, type: "tool-call" | "tool-result") =>
  partsOf(message).flatMap((part) => (part.type === type && "id" in part ? [part.id] : []))

/** Every call is answered in the message behind it, and nothing is answered that was not called. */
const assertTranscript = ({ history }: SessionState) => {
  const messages = messagesOf(history)
  for (const [index, message] of messages.entries()) {
    assert.deepStrictEqual(idsOf(messages[index + 1], "tool-result"), idsOf(message, "tool-call"))
    assert.isNotEmpty(message.content)
  }
}

const assertClosed = (log: ReadonlyArray<NewSessionEvent>) => {
  const events = closing(goOn(blank, log), "it was cut off")
  assert.deepStrictEqual(events, closing(cutOf(foldAll(empty, log)), "it was cut off"), "by what was read of it")
  const state = foldAll(empty, [...log, ...events])
  assert.deepStrictEqual([state.turn, state.waiting], [undefined, []])
  assertTranscript(state)
  const { acts, rest, events: more } = plan(state, [], policy, at)
  assert.deepStrictEqual([acts, more, rest], [[], [], "Rest"])
  const accepted = log.flatMap((event) => (event.type === "MessageAccepted" ? [event.turn] : []))
  const ended = [...log, ...events].flatMap((event) => (event.type === "TurnEnded" ? [event.turn] : []))
  assert.deepStrictEqual(new Set(accepted), new Set(ended))
  assert.lengthOf(ended, new Set(ended).size)
  const doing = ["ModelCalled", "ToolCalled", "TurnStarted", "ApprovalAsked", "CompactionStarted"]
  assert.isFalse(events.some(({ type }) => doing.includes(type)))
  assert.deepStrictEqual(closing(goOn(blank, [...log, ...events]), "again"), [])
}

describe("closing", () => {
  it.prop(
    "brings every prefix of every log to rest",
    [Steps],
    ([steps]) => {
      const world = make()
      for (const { happening, served } of steps) {
        happens(world, happening)
        if (served) serve(world)
      }
      for (let length = 0; length <= world.log.length; length++) assertClosed(world.log.slice(0, length))
    },
    { arbitrary: { runs: 200, size: 40 } }
  )

  it.prop(
    "ends for every log there can be, whoever wrote it",
    [Steps, Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 })))],
    ([steps, order]) => {
      const world = make()
      for (const { happening } of steps) {
        happens(world, happening)
        serve(world)
      }
      const { log } = world
      const shuffled = order.flatMap((index) => log.slice(index % (log.length || 1), (index % (log.length || 1)) + 1))
      const closed = foldAll(empty, [...shuffled, ...closing(goOn(blank, shuffled), "it was cut off")])
      assert.deepStrictEqual([closed.turn, closed.waiting], [undefined, []])
    },
    { arbitrary: { runs: 200, size: 40 } }
  )
})
