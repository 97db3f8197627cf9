import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { Day, dayOf, daysAfter, startOf } from "../../src/domain/Day.ts"

const isDay = (text: string) => Option.isSome(Schema.decodeOption(Day)(text))

describe("Day", () => {
  it("is a day of the calendar and nothing else", () => {
    for (const day of ["2026-01-31", "2024-02-29", "1970-01-01"]) assert.isTrue(isDay(day), day)
    for (const text of ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", ""]) {
      assert.isFalse(isDay(text), text)
    }
  })

  it("is that of an instant in UTC", () => {
    assert.strictEqual(dayOf("2026-01-31T23:59:59.999Z"), "2026-01-31")
    assert.strictEqual(dayOf(Date.parse("2026-01-31T23:59:59.999Z")), "2026-01-31")
    assert.strictEqual(dayOf(startOf(Day.make("2026-02-01"))), "2026-02-01")
    assert.strictEqual(dayOf(startOf(Day.make("2026-02-01")) - 1), "2026-01-31")
  })

  it("is followed by the next, over the ends of months and years", () => {
    assert.strictEqual(daysAfter(Day.make("2026-12-31"), 1), "2027-01-01")
    assert.strictEqual(daysAfter(Day.make("2024-03-01"), -1), "2024-02-29")
  })
})
