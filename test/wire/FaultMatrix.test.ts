/** Every answer of the fault matrix over real sockets, and the document that shows it. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, References, Stream } from "effect"
import { Prompt } from "effect/ai"
import type { ProviderRequest } from "../../src/providers/Provider.ts"
import { type ProviderError, ProviderFault, treatmentOf } from "../../src/providers/ProviderError.ts"
import { bodyOf, dialects, type FaultDialect, key } from "../contracts/FaultDialect.ts"
import {
  asked,
  type AskedRow,
  type Body,
  bodies,
  consequences,
  type StatusRow,
  statuses,
  type Vendor,
  vendors
} from "../contracts/FaultMatrix.ts"
import { named, type NamedRow } from "../contracts/FaultNames.ts"
import { begins, ends, render } from "../contracts/FaultTables.ts"
import type { Answer } from "../support/Answers.ts"
import { answer } from "../support/AnthropicServer.ts"
import { feeding, responseOf } from "../support/FedFetch.ts"

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const request: ProviderRequest = { model: "m", prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }

/** What an answer ends in, what was said before, and how often it was asked for. */
type Failing = (
  next: Answer,
  attempts?: number
) => Effect.Effect<{ error: ProviderError; said: string; requests: number }>

const failing = Effect.fnUntraced(function* (dialect: FaultDialect, url: string, attempts: number) {
  const provider = yield* dialect.provider(url, attempts)
  let said = ""
  const reading = Stream.runForEach(provider.stream(request), (part) =>
    Effect.sync(() => {
      said += part.type === "text-delta" ? part.delta : ""
    })
  )
  const silent = Effect.provideService(reading, References.MinimumLogLevel, "None")
  const error: ProviderError = yield* Effect.flip(silent)
  return { error, said }
})

/** Over a socket. */
const asking = Effect.fnUntraced(function* (dialect: FaultDialect) {
  let given: Answer = dialect.whole
  const server = yield* dialect.server(() => given)
  const fail: Failing = Effect.fnUntraced(function* (next, attempts = 1) {
    given = next
    const before = server.requests.length
    const failed = yield* failing(dialect, server.url, attempts)
    return { ...failed, requests: server.requests.length - before }
  }, Effect.orDie)
  return fail
})

/** Without one. */
const feedingTo = Effect.fnUntraced(function* (dialect: FaultDialect) {
  let given: Answer = dialect.whole
  const calls = yield* feeding(() => responseOf(given))
  const fail: Failing = Effect.fnUntraced(function* (next, attempts = 1) {
    given = next
    const before = calls()
    const failed = yield* failing(dialect, "http://fed.invalid", attempts)
    return { ...failed, requests: calls() - before }
  }, Effect.orDie)
  return fail
})

const again = (reason: ProviderFault, row: AskedRow): boolean => {
  const { again, elsewhere } = consequences[reason]
  return row.again === "by reason" ? again : row.again === "if elsewhere" && elsewhere
}

const endsAsSaid = Effect.fnUntraced(function* (
  fail: Failing,
  vendor: Vendor,
  { row, form, headed }: { readonly row: StatusRow; readonly form: Body; readonly headed: AskedRow }
) {
  const documented = dialects[vendor].errorBody({ type: row.type, message: `no luck with ${key}` })
  const { error, requests } = yield* fail(answer(row.status, bodyOf(form, documented), headed.headers), 2)
  const told = `${row.status}, ${form}, ${JSON.stringify(headed.headers)}: ${error.message}`
  assert.deepStrictEqual([error.reason, error.status], [row[vendor], row.status], told)
  assert.strictEqual(requests, again(row[vendor], headed) ? 2 : 1, told)
  assert.deepStrictEqual(error.retryAfter, headed.wait === undefined ? undefined : Duration.millis(headed.wait), told)
  assert.isBelow(error.detail.length, 1100)
  assert.notMatch(error.message, /[\r\n]|<html/)
  assert.notInclude(JSON.stringify(error), key)
})

/** So many that every status meets every form and every header, and every form meets every header. */
const pairs = statuses.flatMap((row, shift) =>
  asked.map((headed, index) => ({ row, headed, form: bodies[(index + shift) % bodies.length] ?? bodies[0] }))
)
const all = statuses.flatMap((row) => asked.flatMap((headed) => bodies.map((form) => ({ row, headed, form }))))

const nameOf = ({ code, message, status, type }: NamedRow) =>
  [status, type, code, message].filter((word) => word !== undefined).join(" ")

const meansWhatItSays = Effect.fnUntraced(function* (vendor: Vendor) {
  const dialect = dialects[vendor]
  const fail = yield* asking(dialect)
  for (const row of named[vendor]) {
    const { code, during, message = "no luck", reason, status, type } = row
    const body = dialect.errorBody({ type, code, message })
    const before = yield* fail(answer(status, body))
    assert.strictEqual(before.error.reason, reason, nameOf(row))
    assert.include(before.error.detail, message)
    const within = yield* fail(dialect.broken({ type, code, message }), 3)
    assert.strictEqual(within.error.reason, during ?? reason, `${nameOf(row)}, in a reply`)
    assert.include(within.error.detail, message)
    assert.deepStrictEqual([within.said, within.requests], ["Hello", 1])
    for (const { error } of [before, within]) assert.strictEqual(error.code, code, nameOf(row))
  }
})

describe("The fault matrix", () => {
  it("says of every reason what the code does about it", () => {
    assert.sameMembers(Object.keys(consequences), [...ProviderFault.literals])
    for (const reason of ProviderFault.literals) {
      const { advice, again, elsewhere } = treatmentOf(reason)
      assert.deepStrictEqual({ again, elsewhere }, consequences[reason], reason)
      assert.match(advice, /^[a-z].{20,}[^.]$/, reason)
    }
  })

  for (const vendor of vendors) {
    it.live(`${vendor}: a status ends as it should, whatever its headers and its body`, () =>
      Effect.gen(function* () {
        const fail = yield* feedingTo(dialects[vendor])
        for (const answered of all) yield* endsAsSaid(fail, vendor, answered)
      })
    )

    it.live(`${vendor}: a status ends as it should over a socket`, () =>
      Effect.gen(function* () {
        const fail = yield* asking(dialects[vendor])
        for (const answered of pairs) yield* endsAsSaid(fail, vendor, answered)
      })
    )

    it.live(`${vendor}: every name of a fault means the same before and in a reply`, () => meansWhatItSays(vendor))
  }

  it("knows every type and every code that the Anthropic client knows of messages", () => {
    const types = (path: string) => readFileSync(root(`node_modules/@anthropic-ai/sdk/resources/${path}`), "utf8")
    const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1])
    const files = readdirSync(root("node_modules/@anthropic-ai/sdk/resources/messages"))
    const messages = files.filter((file) => file.endsWith(".d.ts")).map((file) => types(`messages/${file}`))
    const codes = found([types("shared.d.ts"), ...messages].join("\n"), /errorCode: '(\w+)'/g)
    assert.isAbove(codes.length, 30)
    assert.includeMembers(
      named.anthropic.map(({ code }) => code),
      codes
    )
    const categories = found(types("shared.d.ts"), /^ +type: '(\w+_error)'/gm)
    assert.isAbove(categories.length, 8)
    assert.includeMembers(
      named.anthropic.map(({ type }) => type),
      categories
    )
  })

  it("is what docs/fault-matrix.md shows (`npm run faults` writes it anew)", () => {
    const text = readFileSync(root("docs/fault-matrix.md"), "utf8")
    assert.strictEqual(text.slice(text.indexOf(begins) + begins.length, text.indexOf(ends)).trim(), render().trim())
  })
})
