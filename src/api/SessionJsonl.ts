/**
 * A session as a file: JSON Lines, first a header, then every event of its log exactly as the events API shows it, and in
 * front of those that name files the bytes of these.
 *
 * What is read from outside is checked line by line, and a fault names its line, its field and what was expected there.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { hashOf } from "../agents/Bringing.ts"
import { type FileBytes, Sha256 } from "../domain/Attachment.ts"
import { AgentId, SessionId } from "../domain/Ids.ts"
import { SessionSettings } from "../domain/SessionChange.ts"
import { SessionEvent, type SessionSummary } from "../domain/SessionEvent.ts"

/** The first line. What follows it decides about name and settings; here they are for whoever looks at the file. */
const Header = Schema.Struct({
  fiberclaw: Schema.Literal("session"),
  version: Schema.Literal(1),
  session: SessionId,
  agent: AgentId,
  name: Schema.optionalKey(Schema.String),
  settings: Schema.optionalKey(SessionSettings)
})
type Header = typeof Header.Type

export const headerLine = ({ agent, id, name, settings }: SessionSummary): string => {
  const header: Header = {
    fiberclaw: "session",
    version: 1,
    session: id,
    agent,
    ...(name === undefined ? {} : { name }),
    ...(Object.keys(settings).length === 0 ? {} : { settings })
  }
  return `${JSON.stringify(header)}\n`
}

/** What a reader looks for first stands first. */
export const inOrder = ({ at, seq, ...event }: SessionEvent) => ({ seq, at, ...event })

export const eventLine = (event: SessionEvent): string => `${JSON.stringify(inOrder(event))}\n`

/** The bytes of a file, in front of the first event that names it. */
const FileLine = Schema.Struct({ file: Sha256, data: Schema.String })

export const fileLine = ({ data, sha256 }: FileBytes): string =>
  `${JSON.stringify({ file: sha256, data: Buffer.from(data).toString("base64") } satisfies typeof FileLine.Type)}\n`

/** A line of the file that cannot be taken in, and why. Lines count from 1. */
export class LineInvalid extends Schema.TaggedError<LineInvalid>()("LineInvalid", {
  line: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return `line ${this.line}: ${this.detail}`
  }
}

/** What a file says: its header, and the log behind it, for `agent`. */
export interface SessionFile<E> {
  readonly from: SessionId
  readonly agent: AgentId
  readonly log: Stream.Stream<SessionEvent, E | LineInvalid>
}

/** The longest line, in bytes: many times what the largest message or reply comes to. */
const longestLine = 8 * 1024 * 1024

/**
 * Reads a file as it comes; the log can be read once, while the Scope is open. `agent` takes the place of its own, and `keep`
 * is given the bytes of each file in front of the events that name it.
 */
export const parse = Effect.fnUntraced(function* <E, R, E2, R2>(
  body: Stream.Stream<Uint8Array, E, R>,
  agent: AgentId | undefined,
  keep: (file: FileBytes) => Effect.Effect<void, E2, R2>
) {
  const [first, rest] = yield* Stream.peel(linesOf(body), Sink.head<Line>())
  if (Option.isNone(first)) return yield* new LineInvalid({ line: 1, detail: "Expected a header, got nothing" })
  const header = yield* Effect.fromResult(decodeHeader(first.value))
  const owner = agent ?? header.agent
  const log = rest.pipe(
    Stream.mapAccumEffect(
      () => 1,
      (seq, line) =>
        isFileLine.test(line.text)
          ? Effect.as(Effect.flatMap(Effect.fromResult(fileOn(line)), keep), [seq, []] as const)
          : Effect.map(
              Effect.fromResult(eventOf(line, seq, header.agent)),
              (event) => [seq + 1, [of(event, owner)]] as const
            )
    ),
    Stream.orElseIfEmpty(() => Stream.fail(new LineInvalid({ line: 2, detail: "Expected an event, got nothing" })))
  )
  return { from: header.session, agent: owner, log }
})

interface Line {
  readonly number: number
  readonly text: string
}

/** Lines that hold something, with their numbers. */
const linesOf = <E, R>(body: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Line, E | LineInvalid, R> =>
  body.pipe(
    Stream.mapAccumEffect(() => nothingRead, measured),
    Stream.decodeText,
    Stream.splitLines,
    Stream.zipWithIndex,
    Stream.map(([text, index]): Line => ({ number: index + 1, text })),
    Stream.filter(({ text }) => text.trim() !== "")
  )

/** How many lines have ended, and how long the open one is. */
interface Measure {
  readonly lines: number
  readonly length: number
}

const nothingRead: Measure = { lines: 0, length: 0 }
const newline = 0x0a

/** Lets a chunk pass unless a line has become too long to be read in one piece. */
const measured = ({ length, lines }: Measure, chunk: Uint8Array) => {
  let ended = 0
  let from = 0
  let longest = length
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
    longest = Math.max(longest, at - from + (ended === 0 ? length : 0))
    ended++
    from = at + 1
  }
  const open = chunk.length - from + (ended === 0 ? length : 0)
  return Math.max(longest, open) > longestLine
    ? Effect.fail(new LineInvalid({ line: lines + ended + 1, detail: `Expected at most ${longestLine} bytes` }))
    : Effect.succeed([{ lines: lines + ended, length: open }, [chunk]] as const)
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** `line 3: text: Expected string, got 5` */
const invalid =
  ({ number }: Line) =>
  (error: Schema.SchemaError): LineInvalid => {
    const detail = issuesOf(error.issue).issues.map(({ message, path = [] }) =>
      [path.map((segment) => String(typeof segment === "object" ? segment.key : segment)).join("."), message]
        .filter((part) => part !== "")
        .join(": ")
    )
    return new LineInvalid({ line: number, detail: detail.join("; ") })
  }

const parseHeader = Schema.decodeUnknownResult(Schema.fromJsonString(Header))
const parseEvent = Schema.decodeUnknownResult(Schema.fromJsonString(SessionEvent))

const decodeHeader = (line: Line) => Result.mapError(parseHeader(line.text), invalid(line))

const kinds: ReadonlyArray<string> = SessionEvent.members.map(({ fields }) => fields.type.schema.literal)
const parseKind = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ type: Schema.String })))

/** A kind of event nobody knows is told as that, and not as everything it might have been. */
const misread = (line: Line) => (error: Schema.SchemaError) => {
  const kind = Option.getOrUndefined(parseKind(line.text))?.type
  return kind === undefined || kinds.includes(kind)
    ? invalid(line)(error)
    : new LineInvalid({
        line: line.number,
        detail: `type: Expected one of ${kinds.join(", ")}, got "${kind.slice(0, 50)}"`
      })
}

/** How deep a line may be nested: what is deeper is more than the stack holds when it is read. */
const deepest = 1000

const isTooDeep = (text: string): boolean => {
  let depth = 0
  let isQuoted = false
  for (let at = 0; at < text.length && depth <= deepest; at++) {
    const letter = text[at]
    if (letter === '"') isQuoted = !isQuoted
    else if (isQuoted) at += letter === "\\" ? 1 : 0
    else if (letter === "[" || letter === "{") depth++
    else if (letter === "]" || letter === "}") depth--
  }
  return depth > deepest
}

const tooDeep = ({ number }: Line): Result.Result<never, LineInvalid> =>
  Result.fail(new LineInvalid({ line: number, detail: `Expected at most ${deepest} levels` }))

/** No event has a field of one of these names. */
const isFileLine = /^\s*\{\s*"(file|data)"/

const parseFile = Schema.decodeUnknownResult(Schema.fromJsonString(FileLine))

/** Base64 has no brackets: that a long line is flat is found out fast. */
const isNested = (text: string): boolean => text.includes("[") || text.lastIndexOf("{") > text.indexOf("{")

/** The file on a line, whose bytes have to be those it is named after. */
const fileOn = (line: Line): Result.Result<FileBytes, LineInvalid> => {
  if (isNested(line.text) && isTooDeep(line.text)) return tooDeep(line)
  return Result.flatMap(Result.mapError(parseFile(line.text), invalid(line)), ({ data, file }) => {
    const bytes = Buffer.from(data, "base64")
    return hashOf(bytes) === file
      ? Result.succeed({ sha256: file, data: bytes })
      : Result.fail(new LineInvalid({ line: line.number, detail: `data: Expected the bytes with the SHA-256 ${file}` }))
  })
}

/** The event on a line, which has to be the one at `seq` of a session with `agent`. */
const eventOf = (line: Line, seq: number, agent: AgentId): Result.Result<SessionEvent, LineInvalid> => {
  if (isTooDeep(line.text)) return tooDeep(line)
  const parsed = Result.mapError(parseEvent(line.text), misread(line))
  if (Result.isFailure(parsed)) return parsed
  const detail = unfit(parsed.success, seq, agent)
  return detail === undefined ? parsed : Result.fail(new LineInvalid({ line: line.number, detail }))
}

const unfit = (event: SessionEvent, seq: number, agent: AgentId): string | undefined => {
  if (event.seq !== seq) return `seq: Expected ${seq}, got ${event.seq}`
  const time = Date.parse(event.at)
  if (Number.isNaN(time) || new Date(time).toISOString() !== event.at) {
    return `at: Expected an instant like 2026-01-31T12:00:00.000Z, got ${JSON.stringify(event.at)}`
  }
  if (seq === 1 && event.type !== "MessageAccepted") return `type: Expected "MessageAccepted", got "${event.type}"`
  if (event.type === "Compacted" && Math.max(event.through, event.outputs) >= seq) {
    return `through and outputs: Expected numbers of earlier events than ${seq}`
  }
  return "agent" in event && event.agent !== agent ? `agent: Expected "${agent}", got "${event.agent}"` : undefined
}

/** The event in a session with `agent`. */
const of = (event: SessionEvent, agent: AgentId): SessionEvent => {
  if ("agent" in event) return { ...event, agent }
  if (event.type !== "Compacted") return event
  const waiting = event.carried.waiting.map((message) => ({ ...message, agent }))
  return { ...event, carried: { ...event.carried, agent, waiting } }
}
