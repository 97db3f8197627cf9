/** Every way a connection or a stream breaks in the fault matrix, over real sockets; what is waited for is virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import type { ProviderRequest } from "../../src/providers/Provider.ts"
import { dialects, type FaultDialect, words } from "../contracts/FaultDialect.ts"
import { type Break, breaks, vendors } from "../contracts/FaultMatrix.ts"
import type { Answer } from "../support/Answers.ts"
import { answer, stream } from "../support/AnthropicServer.ts"
import * as Faults from "../support/Faults.ts"

/** What the client has seen so far; each is kept once. */
const signals = () => ({
  head: Promise.withResolvers<void>(),
  text: Promise.withResolvers<void>(),
  finish: Promise.withResolvers<void>()
})
type Signals = ReturnType<typeof signals>

/** Where the fault waits, and, if it takes time, what has to be seen before the clock is turned. */
interface Scene {
  readonly url: string
  readonly patience?: Effect.Effect<unknown>
}
type Setting = (dialect: FaultDialect, seen: Signals) => Effect.Effect<Scene, never, Scope.Scope>

const at =
  (url: Effect.Effect<string, never, Scope.Scope>): Setting =>
  () =>
    Effect.map(url, (url) => ({ url }))

const answered = (make: (dialect: FaultDialect) => Answer): Setting =>
  Effect.fnUntraced(function* (dialect) {
    const given = make(dialect)
    const { next, url } = yield* dialect.server(() => given)
    return given.after === "hang" ? { url, patience: next } : { url }
  })

/** The reply up to its first word, torn once that word was read. */
const torn: Setting = ({ opening }, { text }) =>
  Effect.map(Faults.tearing(opening.headers, opening.body, text.promise), (url) => ({ url }))

const tornWhole: Setting = ({ whole }, { finish }) =>
  Effect.map(Faults.tearing(whole.headers, whole.body, finish.promise), (url) => ({ url }))

const tornHead: Setting = ({ opening }, { head }) =>
  Effect.map(Faults.tearing(opening.headers, new Uint8Array(), head.promise), (url) => ({ url }))

const html = { "content-type": "text/html" }
const endless = `data: ${"x".repeat(12 * 1024 * 1024)}`

const settings: Readonly<Record<Break, Setting>> = {
  "nobody listens": at(Faults.nobody),
  "reset before the head": at(Faults.resetting),
  "closed before the head": at(Faults.closing),
  "answered with something that is not HTTP": at(Faults.babbling("SSH-2.0-OpenSSH_9.9\r\n")),
  "no head for 2 minutes": () => Effect.map(Faults.mute, (url) => ({ url, patience: Effect.void })),
  "an error whose body does not end for 2 minutes": answered(() => ({ ...answer(500, "{"), after: "hang" })),
  "a head, and no byte for 2 minutes": answered(() => ({ ...stream(""), after: "hang" })),
  "a head, then torn": tornHead,
  "a head, then ended": answered(() => stream("")),
  "200 with a web page": answered(() => answer(200, "<html>", html)),
  "200 with JSON": answered(() => answer(200, {})),
  "204 without a body": answered(() => ({ ...stream(""), status: 204 })),
  "an event that is not JSON": answered(() => stream(`data: {"type":\n\n`)),
  "an event that is JSON of another shape": answered(({ misshapen }) => stream(`data: ${misshapen}\n\n`)),
  "an event that does not end for 12 MB": answered(() => stream(endless)),
  "torn in the reply": torn,
  "ended in the reply": answered(({ opening }) => opening),
  "silent in the reply for 1 minute": (dialect, seen) =>
    Effect.map(answered(({ opening }) => ({ ...opening, after: "hang" }))(dialect, seen), ({ url }) => ({
      url,
      patience: Effect.promise(() => seen.text.promise)
    })),
  "torn after the last event": tornWhole,
  "left open after the last event": (dialect, seen) =>
    Effect.map(answered(({ whole }) => ({ ...whole, after: "hang" }))(dialect, seen), ({ url }) => ({
      url,
      patience: Effect.promise(() => seen.finish.promise)
    }))
}

/** Turns the clock until the fiber ends; the sockets are real, so it needs turns of the event loop. */
const elapse = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
  })

const request: ProviderRequest = { model: "m", prompt: Prompt.make("hello"), tools: [], maxTokens: 100 }

const breaking = Effect.fnUntraced(function* (dialect: FaultDialect, name: Break) {
  const seen = signals()
  const { patience, url } = yield* settings[name](dialect, seen)
  const provider = yield* dialect.provider(url)
  let said = ""
  const reading = Stream.runForEach(provider.stream({ ...request, onLimits: () => seen.head.resolve() }), (part) =>
    Effect.sync(() => {
      if (part.type === "finish") seen.finish.resolve()
      if (part.type !== "text-delta") return
      said += part.delta
      seen.text.resolve()
    })
  )
  const fiber = yield* Effect.forkScoped(Effect.result(reading))
  if (patience !== undefined) {
    yield* patience
    yield* elapse(fiber)
  }
  return { result: yield* Fiber.join(fiber), said }
})

describe("A connection", () => {
  for (const vendor of vendors) {
    for (const name of Object.keys(breaks) as ReadonlyArray<Break>) {
      const reason = breaks[name]
      it.effect(`${vendor}: ${name}: ${reason}`, () =>
        Effect.gen(function* () {
          const { result, said } = yield* breaking(dialects[vendor], name)
          if (reason === "whole") {
            assert.deepStrictEqual([result._tag, said], ["Success", words])
            return
          }
          assert(result._tag === "Failure")
          assert.strictEqual(result.failure.reason, reason, result.failure.message)
          assert.strictEqual(said, name.includes("in the reply") ? "Hello" : "")
        })
      )
    }
  }
})
