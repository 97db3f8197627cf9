/** The matrix leaves nothing out, and the published table is this matrix. With `CRASH_RESULTS` it is written anew. */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { nameOf, occurrences, points, ways } from "./Matrix.ts"
import { results } from "./Results.ts"
import { begins, ends, keyOf, render, rowsIn } from "./Table.ts"
import { eventsIn, eventTypes } from "./Trap.ts"

const file = fileURLToPath(new URL("../../docs/crash-matrix.md", import.meta.url))

describe("The crash matrix", () => {
  it("strikes before and after every event a log can hold", () => {
    assert.sameMembers(Object.keys(occurrences), [...eventTypes])
    for (const type of eventTypes) {
      assert.includeMembers(
        points.filter(({ what }) => what === type).map(({ where }) => where),
        ["before its commit", "after its commit"],
        type
      )
    }
  })

  it("strikes at calls and results of tools of every effect class", () => {
    for (const what of ["ToolCalled", "ToolReturned", "(tool)"]) {
      assert.includeMembers(
        points.filter((point) => point.what === what).map(({ variant }) => variant),
        ["pure", "idempotent", "queryable", "unsafe"],
        what
      )
    }
  })

  it("has no two points of one name", () => {
    assert.strictEqual(new Set(points.map(nameOf)).size, points.length)
  })

  it("is the published table, with a good word for every point", () => {
    const text = readFileSync(file, "utf8")
    const found = results()
    if (found.length > 0) {
      const [before = "", after = ""] = [text.slice(0, text.indexOf(begins)), text.slice(text.indexOf(ends))]
      writeFileSync(file, `${before}${begins}\n${render(found)}\n${after}`)
    }
    const rows = rowsIn(readFileSync(file, "utf8"))
    assert.deepStrictEqual(
      rows.map((row) => row.split(" | ").slice(0, 3).join(" | ")),
      points.map(keyOf)
    )
    for (const row of rows) {
      const verdicts = row.split(" | ").slice(3, 3 + ways.length)
      assert.isTrue(
        verdicts.every((verdict) => verdict === "✓" || verdict === "–"),
        row
      )
      assert.deepStrictEqual(verdicts.slice(0, 2), ["✓", "✓"], row)
    }
  })
})

describe("What a statement writes", () => {
  const body = JSON.stringify({ type: "TurnEnded", content: [{ type: "text" }] })

  it("is known from a body", () => {
    assert.deepStrictEqual(eventsIn(body), ["TurnEnded"])
    assert.deepStrictEqual(eventsIn(new TextEncoder().encode(body)), ["TurnEnded"])
  })

  it("is known from rows that hold bodies, and counted once", () => {
    const rows = JSON.stringify([
      { seq: 1, type: "TurnEnded", body },
      { seq: 2, type: "Steered", body: '{"type":"Steered"}' }
    ])
    assert.deepStrictEqual(eventsIn(rows), ["TurnEnded", "Steered"])
  })

  it("is nothing where there is no event", () => {
    for (const value of [1, null, "TurnEnded", '{"type":"text"}']) assert.deepStrictEqual(eventsIn(value), [])
  })
})
