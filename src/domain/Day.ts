/** Days of the calendar in UTC: what is counted by day is counted by these. */
import * as Schema from "effect/Schema"

const millisPerDay = 86_400_000

const expected = "a day like 2026-01-31"

/** There is a 31st of January, and none of February. */
const isInCalendar = (text: string): boolean => {
  const millis = Date.parse(`${text}T00:00:00.000Z`)
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(text)
}

/** As `2026-01-31`. */
export const Day = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/, { expected, message: `Expected ${expected}` }),
  Schema.makeFilter((text: string) => isInCalendar(text) || `${text} is no day of the calendar`)
).pipe(Schema.brand("Day"))
export type Day = typeof Day.Type

/** The day of an instant: of milliseconds, or of a text in ISO 8601 and UTC. */
export const dayOf = (instant: number | string): Day =>
  Day.make((typeof instant === "number" ? new Date(instant).toISOString() : instant).slice(0, 10))

/** When the day begins, in milliseconds. */
export const startOf = (day: Day): number => Date.parse(`${day}T00:00:00.000Z`)

/** The day so many days later. */
export const daysAfter = (day: Day, days: number): Day => dayOf(startOf(day) + days * millisPerDay)
