/**
 * A turn's answer as OpenAI's chunks: each text as it comes, nothing twice and nothing missing at the end, then
 * the finish, the usage if asked for, and `[DONE]`.
 */
import { Stream } from "effect"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import type { TextDelta } from "../telemetry/Signals.ts"
import { type Answering, chunk, failure, gather, nothingYet, type Outcome, usageChunk } from "./OpenAiCodec.ts"

/** The events of one turn and its live text, up to its end. */
export type Answer = Stream.Stream<SessionEvent | TextDelta>

interface Progress {
  readonly outcome: Outcome
  /** What of the current reply has been sent. */
  readonly sent: string
}

const line = (data: unknown) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

export const answerStream = (answering: Answering, events: Answer, withUsage: boolean): Stream.Stream<Uint8Array> =>
  events.pipe(
    Stream.mapAccum(
      (): Progress => ({ outcome: nothingYet, sent: "" }),
      (progress, event) => step(answering, withUsage, progress, event)
    ),
    (chunks) => Stream.concat(Stream.succeed(line(chunk(answering, { role: "assistant", content: "" }))), chunks),
    Stream.encodeText
  )

const step = (
  answering: Answering,
  withUsage: boolean,
  { outcome, sent }: Progress,
  event: SessionEvent | TextDelta
): readonly [Progress, ReadonlyArray<string>] => {
  const said = (content: string) => line(chunk(answering, { content }))
  const gap = sent === "" && outcome.text !== "" ? "\n\n" : ""
  if (event.type === "TextDelta") {
    return [{ outcome, sent: sent + event.text }, [said(gap + event.text)]]
  }
  const gathered = gather(outcome, event)
  if (event.type === "ModelReplied") {
    const rest = unsent(event, sent)
    return [{ outcome: gathered, sent: "" }, rest === "" ? [] : [said(gap + rest)]]
  }
  if (event.type === "TurnEnded") return [{ outcome: gathered, sent }, ending(answering, withUsage, gathered)]
  return [{ outcome: gathered, sent }, []]
}

/** Text that a watcher who came late or lagged behind has not been sent. */
const unsent = ({ content }: Extract<SessionEvent, { readonly type: "ModelReplied" }>, sent: string): string => {
  const whole = content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")
  return whole.startsWith(sent) ? whole.slice(sent.length) : `\n\n${whole}`
}

const ending = (answering: Answering, withUsage: boolean, outcome: Outcome): ReadonlyArray<string> => {
  const failed = outcome.ended?.failure
  if (failed !== undefined) return [line(failure(502, failed.type, failed.message)), line("[DONE]")]
  const last = line(chunk(answering, {}, outcome.finish))
  return withUsage ? [last, line(usageChunk(answering, outcome)), line("[DONE]")] : [last, line("[DONE]")]
}
