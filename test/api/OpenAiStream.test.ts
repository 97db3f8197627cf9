import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { gather, nothingYet } from "../../src/api/OpenAiCodec.ts"
import { answerFrames } from "../../src/api/OpenAiStream.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../../src/domain/SessionEvent.ts"
import type { TextDelta } from "../../src/telemetry/Signals.ts"

const turn = TurnId.make("turn_1")
const usage = { inputTokens: {}, outputTokens: {} } as never
const answering = { id: "chatcmpl-1", model: "main", created: 0 }

const event = (body: NewSessionEvent): SessionEvent => ({ ...body, seq: 1, at: "2026-01-01T00:00:00.000Z" })
const replied = (text: string, finishReason: "stop" | "length" = "stop") =>
  event({ type: "ModelReplied", turn, step: 1, content: [{ type: "text", text }], finishReason, usage })
const cut = (text: string) =>
  event({ type: "ReplyCut", turn, step: 1, text, reason: "stream_cut", detail: "the connection broke" })
const overflowed = event({ type: "ContextOverflowed", turn, step: 1, detail: "prompt is too long" })
const goesOn = (cause: "cut" | "length") => event({ type: "ReplyContinued", turn, cause })
const ended = event({ type: "TurnEnded", turn, outcome: "completed" })

/** A text as it comes, in two halves. */
const typed = (text: string): ReadonlyArray<TextDelta> => {
  const half = Math.floor(text.length / 2)
  const delta = (offset: number, part: string): TextDelta => ({
    type: "TextDelta",
    turn,
    step: 1,
    called: 1,
    offset,
    text: part
  })
  return [delta(0, text.slice(0, half)), delta(half, text.slice(half))]
}

const Chunk = Schema.Struct({
  choices: Schema.optionalKey(
    Schema.Array(Schema.Struct({ delta: Schema.Struct({ content: Schema.optionalKey(Schema.String) }) }))
  )
})
const decodeChunk = Schema.decodeUnknownSync(Schema.fromJsonString(Chunk))

const streamed = (events: ReadonlyArray<SessionEvent | TextDelta>) =>
  Effect.map(Stream.runCollect(answerFrames(answering, Stream.fromIterable(events), false)), (frames) =>
    frames
      .filter(({ data }) => data !== "[DONE]")
      .flatMap(({ data }) => (decodeChunk(data).choices ?? []).map(({ delta }) => delta.content ?? ""))
      .join("")
  )

const whole = (events: ReadonlyArray<SessionEvent | TextDelta>) =>
  events.reduce((outcome, one) => (one.type === "TextDelta" ? outcome : gather(outcome, one)), nothingYet).text

const cases: ReadonlyArray<readonly [string, ReadonlyArray<SessionEvent | TextDelta>, string]> = [
  ["replies of two steps, with a line between them", [replied("one"), replied("two")], "one\n\ntwo"],
  [
    "a reply that was cut off and the rest of it as one",
    [...typed("Hello wo"), cut("Hello wo"), goesOn("cut"), ...typed("rld."), replied("rld.")],
    "Hello world."
  ],
  ["the same that nobody saw come", [cut("Hello wo"), goesOn("cut"), replied("rld.")], "Hello world."],
  [
    "a reply over its length limit and the rest of it as one",
    [...typed("Hello wo"), replied("Hello wo", "length"), goesOn("length"), ...typed("rld."), replied("rld.")],
    "Hello world."
  ],
  [
    "what is said after a tool, with a line between them, though an earlier reply was cut off",
    [cut("a"), goesOn("cut"), replied("b"), replied("c")],
    "ab\n\nc"
  ]
]

describe("OpenAiStream", () => {
  for (const [name, events, text] of cases) {
    it.effect(`says ${name}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* streamed([...events, ended]), text)
        assert.strictEqual(whole([...events, ended]), text)
      })
    )
  }

  it.effect("says nothing twice of a reply that had to be begun again and begins as it did before", () =>
    Effect.gen(function* () {
      const again = [...typed("Hello wo"), cut(""), ...typed("Hello"), cut(""), ...typed("Hello world.")]
      assert.strictEqual(yield* streamed([...again, replied("Hello world."), ended]), "Hello world.")
      assert.strictEqual(
        yield* streamed([...typed("Hello wo"), cut(""), replied("Hello world."), ended]),
        "Hello world."
      )
    })
  )

  it.effect("says a reply anew below what was shown of it, when it had to be begun again", () =>
    Effect.gen(function* () {
      for (const begun of [cut(""), overflowed, event({ type: "TurnResumed", turn })]) {
        const events = [...typed("Hello wo"), begun, ...typed("Good morning.")]
        assert.strictEqual(yield* streamed(events), "Hello wo\n\nGood morning.", begun.type)
        const all = [...events, replied("Good morning."), ended]
        assert.strictEqual(yield* streamed(all), "Hello wo\n\nGood morning.")
        assert.strictEqual(whole(all), "Good morning.")
      }
    })
  )
})
