/**
 * Answers that make no sense: any bytes at all, an answer with bytes of it changed, and one whose events are not what they
 * should be. Whatever it is, it ends, with an error of the one kind or with a reply, and no word is said that was not there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import type { ProviderPart, ProviderRequest } from "../../src/providers/Provider.ts"
import { dialects } from "../contracts/FaultDialect.ts"
import { type Vendor, vendors } from "../contracts/FaultMatrix.ts"
import * as Anthropic from "../support/AnthropicServer.ts"
import { fed, feeding, responseOf } from "../support/FedFetch.ts"
import * as OpenAi from "../support/OpenAiServer.ts"

const said = { text: "Größe 😄 fine", calls: [{ id: "call_a", name: "exec", input: { command: "ls" } }] }

const sensible: Readonly<Record<Vendor, Anthropic.Answer>> = {
  anthropic: Anthropic.haveFixtures
    ? Anthropic.fixture("06-thinking-then-tool-use")
    : Anthropic.events(Anthropic.reply({ ...said, thinking: { text: "Hm", signature: "sig" } })),
  openai: OpenAi.events(OpenAi.reply({ ...said, reasoning: "Hm" }))
}

const request: ProviderRequest = { model: "m", prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }

/** Every text in a value, names of fields left out. */
const textsOf = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(textsOf)
      : []

/** The data of an answer's events, read the plain way: all of it at once, line by line. */
const dataOf = (body: Uint8Array): ReadonlyArray<string> => {
  const found: Array<string> = []
  let data: Array<string> = []
  for (const line of new TextDecoder().decode(body).split(/\r\n|\n|\r/)) {
    if (line === "") {
      found.push(data.join("\n"))
      data = []
    } else if (/^data(:|$)/.test(line)) data.push(line.replace(/^data:? ?/, ""))
  }
  return found
}

const parsed = (data: string): unknown => {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

const wordsIn = (part: ProviderPart): ReadonlyArray<string> => {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
      return [part.delta]
    case "tool-call":
    case "tool-params-start":
      return [part.name]
    default:
      return []
  }
}

/** Reads these bytes, in pieces of such a size; what is said must be there, and what goes wrong must have a name. */
const reads = (vendor: Vendor, body: Uint8Array, size = body.length) =>
  Effect.gen(function* () {
    const pieces = Array.from({ length: Math.ceil(body.length / size) || 0 }, (_, index) =>
      body.slice(index * size, (index + 1) * size)
    )
    yield* feeding(() => responseOf(sensible[vendor], fed(pieces)))
    const provider = yield* dialects[vendor].provider("http://fed.invalid")
    const parts: Array<ProviderPart> = []
    const read = Stream.runForEach(provider.stream(request), (part) => Effect.sync(() => parts.push(part)))
    const result = yield* Effect.result(read)
    const texts = dataOf(body).flatMap((data) => textsOf(parsed(data)))
    for (const word of parts.flatMap(wordsIn)) {
      assert.isTrue(
        texts.some((text) => text.includes(word)),
        `invented: ${word}`
      )
    }
    assert.strictEqual(parts.filter(({ type }) => type === "finish").length, result._tag === "Success" ? 1 : 0)
  }).pipe(Effect.scoped)

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Bytes = Schema.Array(upTo(255)).check(Schema.isMaxLength(200))
const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 }))

/** Somewhere, some bytes go and others come. */
const Edit = Schema.Struct({ at: upTo(100_000), gone: upTo(40), come: Schema.String })

const edited = (body: Uint8Array, edits: ReadonlyArray<typeof Edit.Type>): Uint8Array =>
  edits.reduce((before: Buffer, { at, come, gone }) => {
    const start = at % (before.length + 1)
    return Buffer.concat([before.subarray(0, start), Buffer.from(come), before.subarray(start + gone)])
  }, Buffer.from(body))

/** Somewhere in an event another value stands, of another kind perhaps. */
const Swap = Schema.Struct({
  event: upTo(1000),
  path: Schema.Array(upTo(20)).check(Schema.isMaxLength(5)),
  value: Schema.Union([
    Schema.Null,
    Schema.Literals([true, -1, 0.5, 1e300, "", "text", "tool_use", "text_delta", "error", "stop", "[DONE]"]),
    Schema.String,
    Schema.Array(Schema.Null),
    Schema.Struct({ type: Schema.String, message: Schema.Null })
  ])
})

const swapped = (value: unknown, path: ReadonlyArray<number>, other: unknown): unknown => {
  const [step, ...rest] = path
  if (step === undefined || typeof value !== "object" || value === null) return other
  const keys = Object.keys(value)
  const key = keys[step % Math.max(1, keys.length)]
  if (key === undefined) return other
  const within: unknown = Reflect.get(value, key)
  if (Array.isArray(value)) return value.map((one, index) => (String(index) === key ? swapped(one, rest, other) : one))
  return { ...value, [key]: swapped(within, rest, other) }
}

const shuffled = (body: Uint8Array, swaps: ReadonlyArray<typeof Swap.Type>): Uint8Array => {
  const events = dataOf(body).filter((data) => data !== "")
  for (const { event, path, value } of swaps) {
    const at = event % events.length
    const before = parsed(events[at] ?? "")
    events[at] = JSON.stringify(before === undefined ? value : swapped(before, path, value))
  }
  return Buffer.from(events.map((data) => `data: ${data}\n\n`).join(""))
}

const many = { arbitrary: { runs: 200, size: 30 } }

describe("An answer without sense", () => {
  for (const vendor of vendors) {
    it.effect.prop(
      `${vendor}: ends, whatever its bytes`,
      [Bytes, Size],
      ([bytes, size]) => reads(vendor, Uint8Array.from(bytes), size),
      many
    )

    it.effect.prop(
      `${vendor}: ends and invents nothing, whatever is changed in it`,
      [Schema.Array(Edit).check(Schema.isBetweenLength(1, 6)), Size],
      ([edits, size]) => reads(vendor, edited(sensible[vendor].body, edits), size),
      many
    )

    it.effect.prop(
      `${vendor}: ends and invents nothing, whatever its events hold`,
      [Schema.Array(Swap).check(Schema.isBetweenLength(1, 4))],
      ([swaps]) => reads(vendor, shuffled(sensible[vendor].body, swaps)),
      many
    )
  }

  it("is held against what it says itself", () => {
    const texts = dataOf(sensible.openai.body).flatMap((data) => textsOf(parsed(data)))
    assert.includeMembers([...texts], ["Größe", " 😄", " fine", "exec"])
  })
})
