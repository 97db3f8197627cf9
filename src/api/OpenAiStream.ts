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
  /** What has come of the current reply. */
  readonly come: string
  /** What the client has of it; more than has come, as long as one that is begun again says what the one before had said. */
  readonly sent: string
}

const frame = (data: unknown): Frame => ({ data: JSON.stringify(data) })
const done: Frame = { data: "[DONE]" }

/** The answer as it comes. A turn without an answer, or one that is cut off, ends with an error. */
export const answerFrames = (answering: Answering, events: Answer, withUsage: boolean): Stream.Stream<Frame> =>
  events.pipe(
    Stream.mapAccum(
      (): Progress => ({ outcome: nothingYet, come: "", sent: "" }),
      (progress, event) => step(answering, withUsage, progress, event),
      { onHalt: ({ outcome }) => (outcome.ended === undefined ? ending(answering, withUsage, outcome) : []) }
    ),
    (frames) => Stream.concat(Stream.succeed(frame(chunk(answering, { role: "assistant", content: "" }))), frames)
  )

const step = (
  answering: Answering,
  withUsage: boolean,
  progress: Progress,
  event: SessionEvent | TextDelta
): readonly [Progress, ReadonlyArray<Frame>] => {
  const { come, outcome, sent } = progress
  const gap = sent === "" ? gapAfter(outcome) : ""
  const said = (content: string) => (content === "" ? [] : [frame(chunk(answering, { content: gap + content }))])
  if (event.type === "TextDelta") {
    if (event.offset !== come.length) return [progress, []]
    const now = come + event.text
    return sent.startsWith(now)
      ? [{ outcome, come: now, sent }, []]
      : [{ outcome, come: now, sent: now }, said(unseen(now, sent, "\n\n"))]
  }
  if (supersedes(event)) return [{ outcome, come: "", sent }, []]
  const gathered = gather(outcome, event)
  if (event.type === "ModelReplied" || event.type === "ReplyCut") {
    return [{ outcome: gathered, come: "", sent: "" }, said(unseen(textOf(event), sent, "\n\n"))]
  }
  const frames = event.type === "TurnEnded" ? ending(answering, withUsage, gathered) : []
  return [{ ...progress, outcome: gathered }, frames]
}

/** Whether what was shown of the current reply counts no longer, as it is begun again. */
const supersedes = (event: SessionEvent): boolean =>
  event.type === "TurnResumed" || event.type === "ContextOverflowed" || (event.type === "ReplyCut" && event.text === "")

const ending = (answering: Answering, withUsage: boolean, outcome: Outcome): ReadonlyArray<Frame> => {
  const refusal = refusalOf(outcome)
  if (refusal !== undefined) return [frame(failure(refusal)), done]
  const last = frame(chunk(answering, {}, outcome.finish))
  return withUsage ? [last, frame(usageChunk(answering, outcome)), done] : [last, done]
}
