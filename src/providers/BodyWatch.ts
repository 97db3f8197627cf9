/**
 * How long the body of an answer may be waited for: for a first byte, for a next one, for something said, for its end.
 *
 * Bytes that say nothing do not make a reply, and only waiting counts, not what the reader does with what has come.
 */
import * as Duration from "effect/Duration"
import type { Timeouts } from "./Patience.ts"
import type { Deadline } from "./RetryBudget.ts"

/**
 * What can go wrong with a body: no first byte in time, silence later on, bytes that say nothing, no end in time, a broken
 * connection, an endless event.
 */
export type BodyFault =
  | { readonly _tag: "Silent"; readonly after: Duration.Duration }
  | { readonly _tag: "Stalled"; readonly after: Duration.Duration }
  | { readonly _tag: "Speechless"; readonly after: Duration.Duration }
  | { readonly _tag: "Overtime"; readonly after: Duration.Duration }
  | { readonly _tag: "Broken"; readonly cause: unknown }
  | { readonly _tag: "TooLarge" }

/** Times are in milliseconds. */
export interface BodyWatch {
  /** How long to wait for the first byte of the body, the connection and the headers included. */
  readonly first: Limit
  /** Until when somebody may wait who begins to now, once the first byte has come. */
  due(now: number): Limit
  /** Somebody waited for so long. */
  waited(time: number): void
}

/** For how long, or until when, and what is wrong when that was in vain. */
export interface Limit {
  readonly time: number
  readonly fault: BodyFault
}

/** `heard` is to be told when the model has said something. */
export const make = (
  { content, firstByte, idle }: Omit<Timeouts, "call">,
  deadline?: Deadline
): { readonly watch: BodyWatch; readonly heard: () => void } => {
  const [toSpeak, toBegin, toGoOn] = [Duration.toMillis(content), Duration.toMillis(firstByte), Duration.toMillis(idle)]
  const speechless: BodyFault = { _tag: "Speechless", after: content }
  const silent: BodyFault = { _tag: "Silent", after: firstByte }
  const stalled: BodyFault = { _tag: "Stalled", after: idle }
  let waited = 0
  const watch: BodyWatch = {
    first: toSpeak < toBegin ? { time: toSpeak, fault: speechless } : { time: toBegin, fault: silent },
    due: (now) => {
      const left = toSpeak - waited
      const due = left < toGoOn ? { time: now + left, fault: speechless } : { time: now + toGoOn, fault: stalled }
      if (deadline === undefined || deadline.at >= due.time) return due
      return { time: deadline.at, fault: { _tag: "Overtime", after: deadline.within } }
    },
    waited: (time) => {
      waited += time
    }
  }
  return {
    watch,
    heard: () => {
      waited = 0
    }
  }
}
