/** One stretch of time in which nothing but one piece of code ran, and how that is said. */

/** Who was seen running while the event loop was held. */
export interface Culprit {
  /** The fiber's number, none if the code ran outside any fiber. */
  readonly fiber: number | undefined
  /** The innermost span of the fiber. */
  readonly span: string | undefined
  /** The function and its place, as in a stack trace. */
  readonly at: string | undefined
  /** What the fiber's log entries are annotated with: its tenant, session, agent, … */
  readonly annotations: Readonly<Record<string, unknown>>
}

export interface Hold {
  /** How late the loop was. The stretch itself is up to one heartbeat longer. */
  readonly millis: number
  /** None if nobody saw it. */
  readonly culprit: Culprit | undefined
}

/** A loop that keeps nobody waiting. */
export const none: Hold = { millis: 0, culprit: undefined }

/** The longer one. */
export const longer = (one: Hold, other: Hold): Hold => (other.millis > one.millis ? other : one)

const nameOf = ({ fiber, span }: Culprit): string =>
  span ?? (fiber === undefined ? "code outside any fiber" : `fiber #${fiber}`)

const lengthOf = (millis: number): string =>
  millis < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** The hold as a sentence for people, as in "the event loop was held for 3.1 s by tools.exec". */
export const sentence = ({ culprit, millis }: Hold): string =>
  `the event loop was held for ${lengthOf(millis)}${culprit === undefined ? "" : ` by ${nameOf(culprit)}`}`

/** The hold as data for a log entry; `omitted` is how many others are not told. */
export const annotations = ({ culprit, millis }: Hold, omitted: number): Readonly<Record<string, unknown>> => ({
  ...culprit?.annotations,
  millis: Math.round(millis),
  ...(culprit === undefined ? {} : { fiber: culprit.fiber === undefined ? "none" : `#${culprit.fiber}` }),
  ...(culprit?.span === undefined ? {} : { span: culprit.span }),
  ...(culprit?.at === undefined ? {} : { at: culprit.at }),
  ...(omitted === 0 ? {} : { omitted })
})

/** Who was seen most often; of equals, who was seen first. */
export const mostSeen = (seen: ReadonlyArray<Culprit>): Culprit | undefined => {
  const counts = Map.groupBy(seen, ({ at, fiber, span }) => (fiber === undefined ? at : `${fiber} ${span}`))
  return [...counts.values()].reduce<ReadonlyArray<Culprit>>(
    (most, next) => (next.length > most.length ? next : most),
    []
  )[0]
}
