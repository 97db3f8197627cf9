/**
 * A turn's answer as OpenAI's chunks: each text as it comes, nothing twice and nothing missing at the end, then
 * the finish, the usage if asked for, and `[DONE]`.
 */
import * as Stream from "effect/Stream"
import { type SessionEvent, textOf, unseen } from "../domain/SessionEvent.ts"
import type { TextDelta } from "../telemetry/Signals.ts"
import type { Frame } from "./EventStreams.ts"
import {
  type Answering,
  chunk,
  failure,
  gapAfter,
  gather,
  nothingYet,
  type Outcome,
  refusalOf,
  usageChunk
} from "./OpenAiCodec.ts"

/** The events of one turn and its live text, up to its end. */
export type Answer = Stream.Stream<SessionEvent | TextDelta>

interface Progress {
  readonly outcome: Outcome
  /** What of the current reply has been sent. */
  readonly sent: string
}

const frame = (data: unknown): Frame => ({ data: JSON.stringify(data) })
const done: Frame = { data: "[DONE]" }

/** The answer as it comes. A turn without an answer, or one that is cut off, ends with an error. */
export const answerFrames = (answering: Answering, events: Answer, withUsage: boolean): Stream.Stream<Frame> =>
  events.pipe(
    Stream.mapAccum(
      (): Progress => ({ outcome: nothingYet, sent: "" }),
      (progress, event) => step(answering, withUsage, progress, event),
      { onHalt: ({ outcome }) => (outcome.ended === undefined ? ending(answering, withUsage, outcome) : []) }
    ),
    (frames) => Stream.concat(Stream.succeed(frame(chunk(answering, { role: "assistant", content: "" }))), frames)
  )

const step = (
  answering: Answering,
  withUsage: boolean,
  { outcome, sent }: Progress,
  event: SessionEvent | TextDelta
): readonly [Progress, ReadonlyArray<Frame>] => {
  const said = (content: string) => frame(chunk(answering, { content }))
  const gap = sent === "" ? gapAfter(outcome) : ""
  if (event.type === "TextDelta") {
    return event.offset === sent.length
      ? [{ outcome, sent: sent + event.text }, [said(gap + event.text)]]
      : [{ outcome, sent }, []]
  }
  if (supersedes(event)) return [{ outcome, sent: "" }, sent === "" ? [] : [said("\n\n")]]
  const gathered = gather(outcome, event)
  if (event.type === "ModelReplied" || event.type === "ReplyCut") {
    const rest = unseen(textOf(event), sent, "\n\n")
    return [{ outcome: gathered, sent: "" }, rest === "" ? [] : [said(gap + rest)]]
  }
  if (event.type === "TurnEnded") return [{ outcome: gathered, sent }, ending(answering, withUsage, gathered)]
  return [{ outcome: gathered, sent }, []]
}

/** Whether what was shown of the current reply counts no longer, as the step is taken again. */
const supersedes = (event: SessionEvent): boolean =>
  event.type === "TurnResumed" || event.type === "ContextOverflowed" || (event.type === "ReplyCut" && event.text === "")

const ending = (answering: Answering, withUsage: boolean, outcome: Outcome): ReadonlyArray<Frame> => {
  const refusal = refusalOf(outcome)
  if (refusal !== undefined) return [frame(failure(refusal)), done]
  const last = frame(chunk(answering, {}, outcome.finish))
  return withUsage ? [last, frame(usageChunk(answering, outcome)), done] : [last, done]
}
