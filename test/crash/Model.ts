/**
 * The model of a world that is struck: what it answers follows from the request alone, so that it answers alike before
 * and after. A message says whose session it is and what the model is to do about it.
 *
 * What only happens once (a reply that waits for a latch, a strike) is kept by session.
 */
import { assert } from "@effect/vitest"
import { Effect, Latch, type Scope } from "effect"
import { summaryMarker } from "../../src/domain/Note.ts"
import * as Server from "../support/AnthropicServer.ts"
import type { Boundary } from "./Boundary.ts"

export const answer = "Well done."

/** What it notes when it is asked for a summary. */
const summary = '{"add":{"facts":["Somebody-said-hello."]}}'

/** A session's message: who speaks, and what the model is to do; it simply answers what is not in `answerTo`. */
export const message = (session: string, words: string) => `I am <${session}>. ${words}`

export interface Model {
  readonly server: Server.AnthropicServer
  /** Whether it has been asked anything in this session. */
  readonly hasHeard: (session: string) => boolean
  /** Lets the session's replies go on that wait. */
  readonly release: (session: string) => Effect.Effect<void>
  /** From now on replies to this session are watched; at the boundary they are interrupted by the strike. */
  readonly expect: (session: string, boundary: Boundary, strike: Effect.Effect<unknown>) => void
}

interface Block {
  readonly type: string
  readonly text?: string
}

interface Body {
  readonly system?: unknown
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: ReadonlyArray<Block> | string }>
}

interface Heard {
  readonly session: string
  readonly words: string
  /** Whether tools have returned since it was said. */
  readonly hasResults: boolean
  /** Whether an answer of an earlier turn is still in what the model is sent. */
  readonly hasAnswer: boolean
  /** Whether an answer that was cut off is to be gone on with. */
  readonly goesOn: boolean
  /** How many calls stand in the conversation. */
  readonly calls: number
}

const summarises = (body: unknown) => JSON.stringify((body as Body).system ?? "").includes(summaryMarker)

/** Whose request it is. */
const sessionOf = (body: unknown): string =>
  /I am <([\w-]+)>/.exec(JSON.stringify(body))?.[1] ?? assert.fail("nobody's")

/** What was said last, by whom, and what has come of it. */
const heard = (body: unknown): Heard => {
  const { messages } = body as Body
  const blocks = messages.flatMap(({ content }) => asBlocks(content))
  const said = blocks.findLastIndex(({ text = "" }) => spoken.test(text))
  const [, session = "", words = ""] = spoken.exec(blocks[said]?.text ?? "") ?? assert.fail(JSON.stringify(body))
  return {
    session,
    words,
    hasResults: asBlocks(messages.at(-1)?.content ?? []).some(({ type }) => type === "tool_result"),
    hasAnswer: blocks.some(({ text }) => text === answer),
    goesOn: blocks.slice(said + 1).some(({ text = "" }) => text.startsWith("[Your reply was cut off here.")),
    calls: blocks.filter(({ type }) => type === "tool_use").length
  }
}

const asBlocks = (content: ReadonlyArray<Block> | string): ReadonlyArray<Block> =>
  typeof content === "string" ? [{ type: "text", text: content }] : content

const spoken = /^I am <([\w-]+)>\. (.*)$/s

export const make: Effect.Effect<Model, never, Scope.Scope> = Effect.gen(function* () {
  const heardOf = new Set<string>()
  const latches = new Map<string, Latch.Latch>()
  const expected = new Map<string, { boundary: Boundary; strike: Effect.Effect<unknown>; requests: number }>()

  const latchOf = (session: string) => {
    const latch = latches.get(session) ?? Latch.makeUnsafe(false)
    latches.set(session, latch)
    return latch
  }

  const interrupted = (session: string, given: Server.Answer): Server.Answer => {
    const watch = expected.get(session)
    if (watch?.boundary.kind !== "reply" || ++watch.requests !== watch.boundary.nth) return given
    const { after } = watch.boundary
    const { strike: act } = watch
    return { ...given, interruption: { after: after === "request" ? after : bytesOf(given, after), act } }
  }

  const reply = ({ body, path }: Server.Recorded): Server.Answer => {
    const usage = { input: tokensOf(body), output: 5 }
    if (path.includes("count_tokens")) return Server.answer(200, { input_tokens: usage.input })
    const session = sessionOf(body)
    heardOf.add(session)
    const given = summarises(body)
      ? Server.events(Server.reply({ text: summary, usage }))
      : answerTo(heard(body), latchOf(session), usage)
    return interrupted(session, given)
  }

  const server = yield* Server.make(reply)
  return {
    server,
    hasHeard: (session) => heardOf.has(session),
    release: (session) => latchOf(session).open,
    expect: (session, boundary, strike) => void expected.set(session, { boundary, strike, requests: 0 })
  }
})

/** How many tokens a request has. */
const tokensOf = (body: unknown) => Math.ceil(JSON.stringify(body).length / 4)

const answerTo = (
  { calls, goesOn, hasAnswer, hasResults, session, words }: Heard,
  latch: Latch.Latch,
  usage: NonNullable<Server.Reply["usage"]>
): Server.Answer => {
  const [, tool, text = ""] = /^call: (\w+) ?(\w*)/.exec(words) ?? []
  if (tool !== undefined && !hasResults) {
    const call = { id: `toolu_${session}_${calls}`, name: tool, input: { text } }
    return Server.events(Server.reply({ calls: [call], usage }))
  }
  const whole = Server.events(Server.reply({ text: answer, usage }))
  switch (words) {
    case "refuse":
      return Server.failure(400, "invalid_request_error", "told to refuse")
    case "overflow":
      return hasAnswer ? tooLong : whole
    case "wait":
      return { ...whole, gate: latch }
    case "cut":
      return goesOn ? whole : { ...whole, body: whole.body.subarray(0, bytesOf(whole, 3)), after: "cut" }
    case "half":
      return Latch.isOpen(latch) ? whole : { ...whole, interruption: { after: bytesOf(whole, 3), act: Effect.never } }
    default:
      return whole
  }
}

const tooLong = Server.failure(400, "invalid_request_error", "prompt is too long: 4001 tokens > 4000 maximum")

const endings = (body: Uint8Array): ReadonlyArray<number> =>
  Array.from(new TextDecoder().decode(body).matchAll(/\n\n/g), ({ index }) => index + 2)

/** How many bytes the first parts of an answer are. */
const bytesOf = ({ body }: Server.Answer, parts: number): number =>
  parts === 0 ? 0 : (endings(body)[parts - 1] ?? body.length)

/** The parts an answer comes in, by the names of their events. */
export const partsOf = (given: "answer" | "call" | "summary"): ReadonlyArray<string> =>
  Server.reply(
    given === "call"
      ? { calls: [{ id: "toolu_1", name: "pure", input: { text: "" } }] }
      : { text: given === "answer" ? answer : summary }
  ).map(({ type }) => type)
