/** A turn as text in a terminal: what each event adds to what has been shown. Pure. */
import { type SessionEvent, type SessionEventOf, textOf, unseen } from "../domain/SessionEvent.ts"
import type { TextDelta } from "../telemetry/Signals.ts"

/** What of the present reply has been shown. */
export type Shown = string

export interface Style {
  dim(text: string): string
  alarm(text: string): string
}

export const plain: Style = { dim: (text) => text, alarm: (text) => text }

/** SGR codes of ECMA-48: faint and red. */
export const coloured: Style = {
  dim: (text) => `\u001b[2m${text}\u001b[0m`,
  alarm: (text) => `\u001b[31m${text}\u001b[0m`
}

const mostLines = 12

/** The text to write for an event, and what has been shown of the reply after it. */
export const show = (event: SessionEvent | TextDelta, shown: Shown, style: Style): readonly [string, Shown] => {
  switch (event.type) {
    case "TextDelta":
      return event.offset === shown.length ? [event.text, shown + event.text] : ["", shown]
    case "ModelReplied": {
      const whole = textOf(event)
      const note = standInOf(event)
      const rest = whole === "" ? "" : `${unseen(whole, shown, "\n")}\n`
      return [note === "" ? rest : `${rest}${style.dim(note)}\n`, ""]
    }
    case "ReplyCut": {
      const mark = event.text === "" ? "(cut off, begun again)" : "(cut off, goes on)"
      const rest = unseen(event.text, event.text === "" ? "" : shown, "\n")
      return [`${rest}${shown + rest === "" ? "" : "\n"}${style.dim(mark)}\n`, ""]
    }
    case "ReplyContinued":
      return [event.cause === "length" ? `${style.dim("(at its length limit, goes on)")}\n` : "", shown]
    case "ContextOverflowed":
      return [shown === "" ? "" : `\n${style.dim("(too long for the model, begun again)")}\n`, ""]
    case "TurnResumed":
      return [`${shown === "" ? "" : "\n"}${style.dim("(resumed)")}\n`, ""]
    case "ToolCalled":
      return [`${style.dim(`> ${event.tool} ${inputText(event.input)}`)}\n`, shown]
    case "ToolReturned":
      return [`${style.dim(excerpt(event.output))}\n`, shown]
    case "TurnEnded":
      return [`${shown === "" ? "" : "\n"}${endText(event, style)}`, ""]
    default:
      return ["", shown]
  }
}

/** Who answered instead of the model that was asked for, and why; empty where that one did. */
export const standInOf = ({ detours = [], model }: SessionEventOf<"ModelReplied">): string => {
  const why = detours.map((detour) => `${detour.model}: ${detour.reason}`)
  return why.length === 0 ? "" : `(${model ?? "another model"} stood in for ${why.join(", ")})`
}

const endText = (event: SessionEventOf<"TurnEnded">, style: Style): string => {
  if (event.failure !== undefined) return `${style.alarm(`! ${event.failure.type}: ${event.failure.message}`)}\n`
  if (event.cutShort !== undefined) return `${style.alarm("! the answer is not whole: it is over its length limit")}\n`
  return event.outcome === "cancelled" ? `${style.alarm("! cancelled")}\n` : ""
}

/** A command is shown as it is, anything else as JSON. */
const inputText = (input: unknown): string => {
  const command = typeof input === "object" && input !== null && "command" in input ? input.command : undefined
  return typeof command === "string" ? command : JSON.stringify(input)
}

const excerpt = (output: string): string => {
  const lines = output.trimEnd().split("\n")
  const more = lines.length - mostLines
  const kept = more > 0 ? [...lines.slice(0, mostLines), `… ${more} more lines`] : lines
  return kept.map((line) => `  ${line}`).join("\n")
}
