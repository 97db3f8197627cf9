import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Sse } from "effect/encoding"
import * as EventParser from "../../src/providers/EventParser.ts"

/** What Effect's own parser makes of the same text. */
const bySse = (text: string): ReadonlyArray<EventParser.ServerEvent> => {
  const events: Array<EventParser.ServerEvent> = []
  const parser = Sse.makeParser((parsed) => {
    if (parsed._tag === "Event") events.push({ event: parsed.event, data: parsed.data })
  })
  parser.feed(text)
  return events
}

const inPieces = (pieces: ReadonlyArray<string>): ReadonlyArray<EventParser.ServerEvent> | undefined => {
  const feed = EventParser.make()
  const events: Array<EventParser.ServerEvent> = []
  for (const piece of pieces) {
    const ended = feed(piece)
    if (ended === undefined) return undefined
    events.push(...ended)
  }
  return events
}

/** The words streams are made of, so that many of the texts mean something. */
const Word = Schema.Literals(["data", "event", "retry", "id", "x", "é😀", ":", " ", "\n", "\n\n", "\r", "\r\n", "3"])

describe("EventParser", () => {
  it.prop(
    "reads what Effect's parser reads, wherever the text is split",
    [Schema.Array(Word)],
    ([words]) => {
      const text = words.join("")
      assert.deepStrictEqual(inPieces(words), bySse(text))
      assert.deepStrictEqual(inPieces([text]), bySse(text))
      assert.deepStrictEqual(inPieces(text.split("")), bySse(text))
    },
    { arbitrary: { runs: 500 } }
  )

  it("joins the lines of one event's data and takes one space off each", () => {
    assert.deepStrictEqual(inPieces(["event: a\ndata:  x\ndata\ndata:y\n\n"]), [{ event: "a", data: " x\n\ny" }])
  })

  it("hands out an event that ends with a lone CR at once, and no second one for its LF", () => {
    const feed = EventParser.make()
    assert.deepStrictEqual(feed("data: x\r\r"), [{ event: "message", data: "x" }])
    assert.deepStrictEqual(feed("\ndata: y\r\n\r\n"), [{ event: "message", data: "y" }])
  })

  it("gives up on a line that outgrows the bound, and on data that does", () => {
    const line = "x".repeat(1024 * 1024)
    assert.isUndefined(inPieces(Array.from({ length: 11 }, () => line)))
    assert.isUndefined(inPieces(Array.from({ length: 11 }, () => `data: ${line}\n`)))
    assert.deepStrictEqual(inPieces(Array.from({ length: 11 }, () => `: ${line}\n`)), [])
  })
})
