/**
 * What every provider behind an HTTP API promises, whichever language its server speaks.
 *
 * Runs over real sockets against a server that speaks the provider's own language; a `Dialect` is how that server says
 * the same things.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, type Scope, Schema, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import type { Provider, ProviderPart, ProviderRequest } from "../../src/providers/Provider.ts"
import type { ProviderError } from "../../src/providers/ProviderError.ts"
import type { RetryPolicy } from "../../src/providers/Retry.ts"
import type { Answer, AnthropicServer, Recorded } from "../support/AnthropicServer.ts"
import { cutAfter, silence } from "../support/AnthropicServer.ts"

export interface Said {
  readonly thinking?: string
  readonly text?: string
  readonly calls?: ReadonlyArray<{ readonly id: string; readonly name: string; readonly input: unknown }>
  readonly usage?: { readonly input: number; readonly output: number }
}

/** How often each refusal is asked for an answer that may be asked for three times. */
const attempts = {
  authentication: 1,
  billing: 1,
  permission: 1,
  not_found: 1,
  invalid_request: 1,
  too_large: 1,
  context_overflow: 1,
  rate_limited: 3,
  overloaded: 3,
  timeout: 3,
  unavailable: 3
} as const
export type Refusal = keyof typeof attempts

/** How a vendor says it. */
export interface Dialect {
  readonly name: string
  readonly provider: (options: {
    readonly baseUrl: string
    readonly key: string
    readonly retry: RetryPolicy
  }) => Effect.Effect<Provider["Service"]>
  readonly server: (
    answers: ReadonlyArray<Answer> | ((request: Recorded, index: number) => Answer)
  ) => Effect.Effect<AnthropicServer, never, Scope.Scope>
  readonly whole: (said: Said) => Answer
  /** The beginning of such an answer, up to its first word. */
  readonly beginning: (word: string) => Answer
  /** Such a beginning, and then an error. */
  readonly broken: (word: string) => Answer
  /** Nothing but an event that is not what it should be. */
  readonly malformed: Answer
  /** Such a refusal; the key may be part of its sentence. */
  readonly refusal: (reason: Refusal, sentence: string, headers?: Readonly<Record<string, string>>) => Answer
}

const key = "sk-contract-secret"
const once: RetryPolicy = { attempts: 1, base: Duration.millis(1), cap: Duration.millis(5) }
const thrice: RetryPolicy = { ...once, attempts: 3 }

const exec = Tool.make("exec", { parameters: Schema.Struct({ command: Schema.String }) })
const request: ProviderRequest = { model: "m", prompt: Prompt.make("hello"), tools: [exec], maxTokens: 100 }

const textOf = (parts: ReadonlyArray<ProviderPart>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

const last = (parts: ReadonlyArray<ProviderPart>) => {
  const part = parts.at(-1)
  assert(part?.type === "finish")
  return part
}

/** Lets virtual time pass until the fiber ends; the sockets are real, so it needs turns of the event loop. */
const elapse = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    return yield* Clock.currentTimeMillis
  })

export const providerContract = (dialect: Dialect) => {
  const providerFor = (baseUrl: string, retry = once) => dialect.provider({ baseUrl, key, retry })
  const ask = (baseUrl: string, retry = once, asked: ProviderRequest = request) =>
    Effect.flatMap(providerFor(baseUrl, retry), (provider) => Stream.runCollect(provider.stream(asked)))
  const answering = (given: Answer) => Effect.flatMap(dialect.server([given]), ({ url }) => ask(url))
  const failing = (given: Answer) => Effect.flip(answering(given))
  const hello = dialect.whole({ text: "Hello there friend" })

  describe(`A provider (${dialect.name})`, () => {
    it.live("streams a text and ends with its usage", () =>
      Effect.gen(function* () {
        const parts = yield* answering(dialect.whole({ text: "Hello there friend", usage: { input: 12, output: 3 } }))
        assert.strictEqual(textOf(parts), "Hello there friend")
        const { reason, usage } = last(parts)
        assert.deepStrictEqual([reason, usage.inputTokens.total, usage.outputTokens.total], ["stop", 12, 3])
        assert.strictEqual(parts.filter((part) => part.type === "finish").length, 1)
      })
    )

    it.live("streams thinking before the text", () =>
      Effect.gen(function* () {
        const parts = yield* answering(dialect.whole({ thinking: "Let me see", text: "Yes" }))
        const [message] = Prompt.fromResponseParts(parts).content
        assert(message?.role === "assistant")
        assert.deepStrictEqual(
          message.content.map((part) => [part.type, part.type === "tool-call" ? "" : "text" in part ? part.text : ""]),
          [
            ["reasoning", "Let me see"],
            ["text", "Yes"]
          ]
        )
      })
    )

    it.live("hands on parallel tool calls whole, each under its own id", () =>
      Effect.gen(function* () {
        const calls = [
          { id: "call_a", name: "exec", input: { command: "ls" } },
          { id: "call_b", name: "exec", input: {} }
        ]
        const parts = yield* answering(dialect.whole({ text: "Let me see.", calls }))
        const called = parts.flatMap((part) => (part.type === "tool-call" ? [part] : []))
        assert.deepStrictEqual(
          called.map(({ id, name, params }) => ({ id, name, input: params })),
          calls
        )
        assert.strictEqual(last(parts).reason, "tool-calls")
      })
    )

    it.live("sends a conversation with calls and results as its API wants it", () =>
      Effect.gen(function* () {
        const call = (id: string) => ({ type: "tool-call", id, name: "exec", params: { command: "ls" } }) as const
        const result = (id: string) =>
          ({ type: "tool-result", id, name: "exec", isFailure: false, result: "a file" }) as const
        const prompt = Prompt.make([
          { role: "system", content: "Be brief." },
          { role: "user", content: "go" },
          { role: "assistant", content: [{ type: "reasoning", text: "of another vendor" }, call("a"), call("b:1")] },
          { role: "user", content: "hurry" },
          { role: "tool", content: [result("a"), result("b:1")] },
          { role: "assistant", content: [{ type: "text", text: " " }] }
        ])
        const server = yield* dialect.server([hello])
        assert.strictEqual(textOf(yield* ask(server.url, once, { ...request, prompt })), "Hello there friend")
        assert.notInclude(JSON.stringify(server.requests), "of another vendor")
      })
    )

    it.live("reads the same wherever the bytes are split", () =>
      Effect.gen(function* () {
        const said = { text: "Größe 😄 fine", calls: [{ id: "a", name: "exec", input: { command: "ä😄" } }] }
        const whole = dialect.whole(said)
        const expected = yield* answering(whole)
        for (const chunkSize of [1, 7]) assert.deepStrictEqual(yield* answering({ ...whole, chunkSize }), expected)
      })
    )

    it.live("passes over comments, retry lines and CRLF", () =>
      Effect.gen(function* () {
        const plain = new TextDecoder().decode(hello.body)
        const noisy = plain.replaceAll("\n\n", "\n\n: waiting\n\nretry: 10\n").replaceAll("\n", "\r\n")
        assert.deepStrictEqual(
          yield* answering({ ...hello, body: new TextEncoder().encode(noisy) }),
          yield* answering(hello)
        )
      })
    )

    it.live("sends nothing before it is pulled, and a request for every run", () =>
      Effect.gen(function* () {
        const server = yield* dialect.server(() => hello)
        const stream = (yield* providerFor(server.url)).stream(request)
        assert.isEmpty(server.requests)
        yield* Stream.runDrain(stream)
        yield* Stream.runDrain(stream)
        assert.lengthOf(server.requests, 2)
      })
    )

    for (const reason of Object.keys(attempts) as ReadonlyArray<Refusal>) {
      it.live(`fails as ${reason} after ${attempts[reason]} of 3 attempts, without the key`, () =>
        Effect.gen(function* () {
          const server = yield* dialect.server(() => dialect.refusal(reason, `no luck with ${key}`))
          const error: ProviderError = yield* Effect.flip(ask(server.url, thrice))
          assert.strictEqual(error.reason, reason)
          assert.include(error.detail, "no luck with <redacted>")
          assert.notInclude(JSON.stringify(error), key)
          assert.lengthOf(server.requests, attempts[reason])
        })
      )
    }

    it.live("waits as long as it is told and then succeeds", () =>
      Effect.gen(function* () {
        const busy = dialect.refusal("rate_limited", "slow down", { "retry-after-ms": "1" })
        const server = yield* dialect.server([busy, busy, hello])
        assert.strictEqual(textOf(yield* ask(server.url, thrice)), "Hello there friend")
      })
    )

    it.live("reports how long it was asked to wait", () =>
      Effect.gen(function* () {
        const busy = dialect.refusal("rate_limited", "slow down", { "retry-after": "7" })
        assert.deepStrictEqual((yield* failing(busy)).retryAfter, Duration.seconds(7))
      })
    )

    it.live("fails as a connection that cannot be made", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(dialect.server([]))
        const error = yield* Effect.flip(ask(url))
        assert.strictEqual(error.reason, "connection")
        assert.include(error.detail, "ECONNREFUSED")
      })
    )

    it.live("hands on what came before an error in the middle of an answer, then fails without asking again", () =>
      Effect.gen(function* () {
        const server = yield* dialect.server(() => dialect.broken("Hello"))
        const seen: Array<ProviderPart> = []
        const { stream } = yield* providerFor(server.url, thrice)
        const reading = Stream.runForEach(stream(request), (part) => Effect.sync(() => seen.push(part)))
        assert.strictEqual((yield* Effect.flip(reading)).reason, "unavailable")
        assert.strictEqual(textOf(seen), "Hello")
        assert.lengthOf(server.requests, 1)
      })
    )

    it.live("never ends well where an answer is torn before its last word", () =>
      Effect.gen(function* () {
        const start = dialect.beginning("Hello")
        for (const at of [0, 10, Math.floor(start.body.length / 2), start.body.length]) {
          assert.strictEqual((yield* failing(cutAfter(start, at))).reason, "stream_cut", `torn at ${at}`)
          const ended = yield* failing({ ...cutAfter(start, at), after: "end" })
          assert.strictEqual(ended.reason, "stream_cut", `ended at ${at}`)
        }
      })
    )

    it.live("fails as an invalid response when it is malformed, or no event stream at all", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failing(dialect.malformed)).reason, "invalid_response")
        const page = { ...hello, headers: { "content-type": "text/html" }, body: new TextEncoder().encode("<html>") }
        const error = yield* failing(page)
        assert.strictEqual(error.reason, "invalid_response")
        assert.include(error.detail, "text/html")
      })
    )

    it.live("closes the connection at once when it is interrupted, before or in an answer", () =>
      Effect.gen(function* () {
        const server = yield* dialect.server([silence, { ...dialect.beginning("Hello"), after: "hang" }])
        const waiting = yield* Effect.forkChild(ask(server.url))
        const first = yield* server.next
        yield* Fiber.interrupt(waiting)
        assert.strictEqual(yield* Deferred.await(first.ended), "abandoned")

        const spoken = yield* Deferred.make<void>()
        const { stream } = yield* providerFor(server.url)
        const reading = Stream.runForEach(stream(request), (part) =>
          part.type === "text-delta" ? Deferred.succeed(spoken, undefined) : Effect.void
        )
        const fiber = yield* Effect.forkChild(reading)
        yield* Deferred.await(spoken)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Deferred.await((yield* server.next).ended), "abandoned")
      })
    )

    it.effect("gives up on an answer that does not come, and on one that falls silent", () =>
      Effect.gen(function* () {
        const server = yield* dialect.server([silence, { ...dialect.beginning("Hello"), after: "hang" }])
        const unanswered = yield* Effect.forkChild(Effect.flip(ask(server.url)))
        yield* server.next
        assert.isAtLeast(yield* elapse(unanswered), 120_000)
        assert.strictEqual((yield* Fiber.join(unanswered)).reason, "timeout")

        const silent = yield* Effect.forkChild(Effect.flip(ask(server.url)))
        yield* server.next
        yield* elapse(silent)
        assert.strictEqual((yield* Fiber.join(silent)).reason, "stream_stalled")
      })
    )

    it.effect("ends with the last event, even when the connection stays open", () =>
      Effect.gen(function* () {
        const server = yield* dialect.server([{ ...hello, after: "hang" }])
        const fiber = yield* Effect.forkChild(ask(server.url))
        yield* server.next
        assert.isBelow(yield* elapse(fiber), 60_000)
        assert.strictEqual(textOf(yield* Fiber.join(fiber)), "Hello there friend")
      })
    )
  })
}
