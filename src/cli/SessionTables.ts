/**
 * Sessions as lines of text. Pure.
 *
 * What people and models wrote is shown in one line each and without control characters, which a terminal would obey.
 */
import { titleOf } from "../domain/Attachment.ts"
import { type SessionEvent, type SessionEventOf, type SessionSummary, textOf } from "../domain/SessionEvent.ts"
import { standInOf } from "./Transcript.ts"

export interface Hit {
  readonly session: string
  readonly seq: number
  readonly at: string
  readonly type: string
  readonly excerpt: string
}

/** The most characters of a text that are shown of it in a line. */
const mostOfText = 100

const gaps = /[\s\p{Cc}\p{Zl}\p{Zp}]+/gu

/** A text in one line, cut where it is long. */
export const inLine = (text: string, most = mostOfText): string => {
  const line = text.replace(gaps, " ").trim()
  return line.length > most ? `${line.slice(0, most - 1)}…` : line
}

const two = (part: number): string => String(part).padStart(2, "0")

const day = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
const clock = (date: Date) => [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")

/** An instant in the local time of whoever looks: `2026-01-31 12:00:00`. */
const localTime = (iso: string): string => {
  const date = new Date(iso)
  return `${day(date)} ${clock(date)}`
}

/** Columns as wide as their widest cell; the last one is left as it is. */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (known, row) => row.map((cell, index) => Math.max(cell.length, known[index] ?? 0)),
    []
  )
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd()
  )
}

/** A table of sessions. */
export const listLines = (sessions: ReadonlyArray<SessionSummary>): ReadonlyArray<string> =>
  columns([
    ["SESSION", "AGENT", "EVENTS", "LAST WRITTEN", "STATE", "NAME"],
    ...sessions.map(({ agent, id, name = "", seq, unfinished, updatedAt }) => [
      id,
      agent,
      String(seq),
      localTime(updatedAt),
      unfinished === 0 ? "at rest" : `${unfinished} to answer`,
      inLine(name, 60)
    ])
  ])

/** What there is to know of one session. */
export const factLines = (session: SessionSummary): ReadonlyArray<string> => {
  const { agent, compacted, createdAt, forkedFrom, id, name, seq, settings, unfinished, updatedAt } = session
  return columns([
    ["session", id],
    ...(name === undefined ? [] : [["name", inLine(name, 200)]]),
    ["agent", agent],
    ["opened", localTime(createdAt)],
    ["last written", localTime(updatedAt)],
    ["events", compacted === 0 ? String(seq) : `${seq}, compacted at ${compacted}`],
    ["state", unfinished === 0 ? "at rest" : `${unfinished} to answer`],
    ...(settings.model === undefined ? [] : [["model", settings.model]]),
    ...(settings.midTurn === undefined ? [] : [["mid-turn", settings.midTurn]]),
    ...(forkedFrom === undefined ? [] : [["forked from", `${forkedFrom.session} at event ${forkedFrom.through}`]])
  ])
}

export const hitLines = (hits: ReadonlyArray<Hit>): ReadonlyArray<string> =>
  columns(
    hits.map(({ at, excerpt, seq, session, type }) => [`${session} #${seq}`, localTime(at), type, inLine(excerpt, 200)])
  )

/** The longest names of events fit. */
const widthOfType = 17

/** One event: its number, when it happened, what it is and the gist of it. */
export const eventLine = (event: SessionEvent): string =>
  `#${String(event.seq).padEnd(5)} ${localTime(event.at)}  ${event.type.padEnd(widthOfType)}  ${inLine(gistOf(event))}`.trimEnd()

const gistOf = (event: SessionEvent): string => {
  switch (event.type) {
    case "MessageAccepted":
      return [event.text, ...(event.files ?? []).map((file) => `(${titleOf(file)})`)].filter(Boolean).join(" ")
    case "TurnStarted":
      return `${event.agent} on ${event.model}`
    case "ModelCalled":
      return `step ${event.step}, ${event.model}`
    case "ModelReplied":
      return replyOf(event)
    case "ReplyCut":
      return `${event.reason}: ${event.detail}`
    case "ReplyContinued":
      return `after ${event.cause}`
    case "ToolCalled":
      return `${event.tool} ${JSON.stringify(event.input)}`
    case "ToolReturned":
      return `${event.outcome}: ${event.output}`
    case "ApprovalAsked":
      return `${event.tool}: ${event.summary}`
    case "ApprovalSettled":
      return [event.verdict, event.by && `by ${event.by}`, event.reason].filter(Boolean).join(", ")
    case "CancelRequested":
      return event.reason
    case "TurnEnded":
      return event.failure === undefined
        ? [event.outcome, event.cutShort && "cut short"].filter(Boolean).join(", ")
        : `${event.failure.type}: ${event.failure.message}`
    default:
      return changeOf(event)
  }
}

const replyOf = (event: SessionEventOf<"ModelReplied">): string => {
  const tools = event.content.flatMap((part) => (part.type === "tool-call" ? [part.name] : []))
  const calls = tools.length === 0 ? "" : `(calls ${tools.join(", ")})`
  return [standInOf(event), textOf(event), calls].filter((part) => part !== "").join(" ")
}

const changeOf = (event: SessionEvent): string => {
  switch (event.type) {
    case "Compacted":
      return `${event.method} up to #${event.through}, ${event.before} to ${event.after} tokens`
    case "CompactionStarted":
      return `${event.reason}, up to #${event.through}`
    case "ContextMeasured":
      return `${event.tokens} tokens`
    case "ContextOverflowed":
      return event.detail
    case "SessionRenamed":
      return event.name ?? "(no name)"
    case "SessionConfigured":
      return settingsOf(event)
    case "SessionForked":
      return `${event.from} at #${event.through}`
    case "SessionImported":
      return event.from
    case "Pinned":
      return `#${event.pin.event}: ${event.pin.text}`
    case "Unpinned":
      return `#${event.event}`
    case "Steered":
      return event.messages.map((seq) => `#${seq}`).join(", ")
    default:
      return ""
  }
}

const settingsOf = ({ midTurn, model }: SessionEventOf<"SessionConfigured">): string =>
  [
    ...(model === undefined ? [] : [`model ${model ?? "of its agent"}`]),
    ...(midTurn === undefined ? [] : [`mid-turn ${midTurn ?? "of its agent"}`])
  ].join(", ")
