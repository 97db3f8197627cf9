/**
 * Answers that are cut, or split, at every single byte: a recorded one, and one of each vendor with a bit of everything.
 *
 * What comes of a cut is the beginning of what was said and an error, or all of it; never a word that was not there, and
 * never a tool call that was not whole.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Prompt } from "effect/ai"
import type { Provider, ProviderPart, ProviderRequest } from "../../src/providers/Provider.ts"
import { dialects, type FaultDialect } from "../contracts/FaultDialect.ts"
import type { Answer } from "../support/Answers.ts"
import * as Anthropic from "../support/AnthropicServer.ts"
import { type End, fed, feeding, responseOf } from "../support/FedFetch.ts"
import * as OpenAi from "../support/OpenAiServer.ts"

interface Subject {
  readonly name: string
  readonly dialect: FaultDialect
  readonly answer: Answer
  /** From here on nothing is missing: the event that contains this is the last that matters. */
  readonly last: string
}

const calls = [
  { id: "call_a", name: "exec", input: { a: [1, "ä😀"] } },
  { id: "call_b", name: "exec", input: {} }
]

const built: ReadonlyArray<Subject> = [
  {
    name: "a built answer of Anthropic's",
    dialect: dialects.anthropic,
    answer: Anthropic.events(Anthropic.reply({ thinking: { text: "Hm", signature: "sig" }, text: "Größe 😄", calls })),
    last: '"message_stop"'
  },
  {
    name: "a built answer of OpenAI's",
    dialect: dialects.openai,
    answer: OpenAi.events(OpenAi.reply({ reasoning: "Hm", text: "Größe 😄", calls })),
    last: '"finish_reason":"tool_calls"'
  }
]

const recording = (name: string): Subject => ({
  name: `the recording ${name}`,
  dialect: dialects.anthropic,
  answer: Anthropic.fixture(name),
  last: '"message_stop"'
})

const request: ProviderRequest = { model: "m", prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }

/** What is read before the stream ends, and what it ends with; nothing if it ends well. */
const reading = Effect.fnUntraced(function* ({ stream }: Provider["Service"]) {
  const parts: Array<ProviderPart> = []
  const read = Stream.runForEachArray(stream(request), (some) => Effect.sync(() => parts.push(...some)))
  const result = yield* Effect.result(read)
  return { parts, reason: result._tag === "Failure" ? result.failure.reason : undefined }
})

type Read = Effect.Success<ReturnType<typeof reading>>

const said = (parts: ReadonlyArray<ProviderPart>, type: "text-delta" | "reasoning-delta") =>
  parts.map((part) => (part.type === type ? part.delta : "")).join("")

const called = (parts: ReadonlyArray<ProviderPart>) => parts.filter((part) => part.type === "tool-call")

/** How many bytes it takes until the blank line after the last event that matters. */
const enough = ({ answer: { body }, last }: Subject): number => {
  const bytes = Buffer.from(body)
  const at = bytes.indexOf(last)
  assert.isAbove(at, 0)
  return bytes.indexOf("\n\n", at) + 2
}

const isSound = (subject: Subject, whole: ReadonlyArray<ProviderPart>, { parts, reason }: Read, length: number) => {
  const told = `cut after ${length} of ${subject.answer.body.length} bytes`
  const isWhole = length >= enough(subject)
  assert.strictEqual(reason, isWhole ? undefined : "stream_cut", told)
  for (const type of ["text-delta", "reasoning-delta"] as const) {
    const [all, some] = [said(whole, type), said(parts, type)]
    assert.isTrue(isWhole ? some === all : all.startsWith(some), told)
  }
  const known = called(whole)
  assert.deepStrictEqual(called(parts), isWhole ? known : known.slice(0, called(parts).length), told)
  assert.strictEqual(parts.filter(({ type }) => type === "finish").length, isWhole ? 1 : 0, told)
}

const cutEverywhere = Effect.fnUntraced(function* (subject: Subject) {
  const { answer, dialect } = subject
  let pieces: ReadonlyArray<Uint8Array> = [answer.body]
  let end: End = "ends"
  yield* feeding(() => responseOf(answer, fed(pieces, end)))
  const provider = yield* dialect.provider("http://fed.invalid")
  const whole = yield* reading(provider)
  for (let length = 0; length <= answer.body.length; length++) {
    for (const way of ["ends", "tears"] as const) {
      pieces = [answer.body.subarray(0, length)]
      end = way
      isSound(subject, whole.parts, yield* reading(provider), length)
    }
  }
})

const splitEverywhere = Effect.fnUntraced(function* ({ answer, dialect }: Subject) {
  let pieces: ReadonlyArray<Uint8Array> = [answer.body]
  yield* feeding(() => responseOf(answer, fed(pieces)))
  const provider = yield* dialect.provider("http://fed.invalid")
  const whole = yield* reading(provider)
  assert.isUndefined(whole.reason)
  for (let at = 1; at < answer.body.length; at++) {
    pieces = [answer.body.subarray(0, at), answer.body.subarray(at)]
    assert.deepStrictEqual(idless(yield* reading(provider)), idless(whole), `split after ${at} bytes`)
  }
  pieces = Array.from(answer.body, (byte) => Uint8Array.of(byte))
  assert.deepStrictEqual(idless(yield* reading(provider)), idless(whole), "split after every byte")
})

/** How the parts are grouped says nothing; they are compared as JSON, which is the quicker way for thousands of them. */
const idless = ({ parts, reason }: Read) => JSON.stringify([parts, reason])

/** In so many places over a real socket. */
const places = 24

const cutOverSockets = Effect.fnUntraced(function* (subject: Subject) {
  const { answer, dialect } = subject
  let given = answer
  const server = yield* dialect.server(() => given)
  const provider = yield* dialect.provider(server.url)
  const whole = yield* reading(provider)
  for (let place = 0; place <= places; place++) {
    const length = Math.round((answer.body.length * place) / places)
    for (const after of ["end", "cut"] as const) {
      given = { ...Anthropic.cutAfter(answer, length), after }
      isSound(subject, whole.parts, yield* reading(provider), length)
    }
  }
})

const suite = (subject: () => Subject) => {
  it.live("gives the beginning and an error, or all of it, wherever it is cut", () => cutEverywhere(subject()))
  it.live("gives the same wherever it is split", () => splitEverywhere(subject()))
  it.live("is cut over real sockets as it is without", () => cutOverSockets(subject()))
}

for (const subject of built) describe(`An answer, cut: ${subject.name}`, () => suite(() => subject))

describe.skipIf(!Anthropic.haveFixtures)("An answer, cut: a recorded one", () =>
  suite(() => recording("06-thinking-then-tool-use"))
)
