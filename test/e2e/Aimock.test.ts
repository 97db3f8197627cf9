/**
 * The service against somebody else's idea of its vendors: aimock speaks both languages on one port, and neither its
 * answers nor its faults are of our making.
 */
import { assert, layer } from "@effect/vitest"
import { type FixtureOpts, type FixtureResponse, LLMock } from "@copilotkit/aimock"
import { Context, Effect, Layer } from "effect"
import { ofType, saidIn } from "../support/Conversation.ts"
import { type Files, RunningApp } from "../support/RunningApp.ts"

class Aimock extends Context.Service<Aimock, LLMock>()("fiberclaw/test/Aimock") {
  /** On a free port of 127.0.0.1. It refuses with a 503 what it was given no answer to. */
  static readonly layer = Layer.effect(
    Aimock,
    Effect.acquireRelease(
      Effect.promise(() => LLMock.create({ port: 0, host: "127.0.0.1", strict: true, chunkSize: 4 })),
      (mock) => Effect.promise(() => mock.stop())
    )
  )
}

const agentAsking = (provider: string) =>
  `model: ${provider}/some-model\ninstructions: Be kind.\ntools: [exec]\napprovals: { dangerous: allow, patience: 1 hour }\n`

/** An agent for each vendor, by its name; each asks the mock. */
const filesFor = (url: string): Files => {
  const common = "apiKey: sk-test, retry: { attempts: 3, base: 1 millis, cap: 5 millis }"
  return {
    "tenants/default/tenant.yaml": [
      "name: Somebody",
      "providers:",
      "  demo: { kind: scripted }",
      `  anthropic: { kind: anthropic, baseUrl: ${url}, ${common} }`,
      `  openai: { kind: openai, baseUrl: ${url}/v1, ${common} }`,
      ""
    ].join("\n"),
    "tenants/default/agents/anthropic.yaml": agentAsking("anthropic"),
    "tenants/default/agents/openai.yaml": agentAsking("openai")
  }
}

const AppLayer = Layer.unwrap(Effect.map(Aimock, ({ url }) => RunningApp.layerWith({ files: filesFor(url) })))

/** Says something to the vendor's agent, in a session of its own, and returns the log when the turn has ended. */
const talk = Effect.fnUntraced(function* (agent: string, text: string) {
  const app = yield* RunningApp
  const session = `${agent}-${text.replaceAll(/\W+/g, "-")}`
  yield* app.say(session, text, { agent })
  return yield* app.logUntil(session, "TurnEnded")
})

const endOf = (events: Effect.Success<ReturnType<typeof talk>>) => ofType(events, "TurnEnded")[0]

/** The mock counts in both vendors' words at once. */
const usage = { input_tokens: 21, prompt_tokens: 21, output_tokens: 7, completion_tokens: 7, total_tokens: 28 }

const answer = { content: "Here I am, Zoë 😄.", usage }

type Faults = Readonly<Record<string, readonly [response: FixtureResponse, fault: FixtureOpts]>>

/** What the mock does with the first request that says this; the second is answered. */
const passing: Faults = {
  "the key is limited": [{ error: { message: "Slow down." }, status: 429, retryAfter: 0 }, {}],
  "the vendor is broken": [{ error: { message: "Oh no." }, status: 500 }, {}],
  "the vendor is overloaded": [{ error: { message: "Later." }, status: 529 }, {}],
  "the vendor hangs up": [answer, { chaos: { disconnectRate: 1 } }]
}

/** What the mock does with every request that says this: the reason the turn fails for. */
const lasting: Faults = {
  authentication: [{ error: { message: "Who are you?", type: "authentication_error" }, status: 401 }, {}],
  invalid_request: [{ error: { message: "What is that?", type: "invalid_request_error" }, status: 400 }, {}],
  invalid_response: [answer, { chaos: { malformedRate: 1 } }]
}

for (const vendor of ["anthropic", "openai"]) {
  layer(Layer.provideMerge(AppLayer, Aimock.layer), { excludeTestServices: true })(`A vendor like ${vendor}`, (it) => {
    it.effect("answers", () =>
      Effect.gen(function* () {
        const mock = yield* Aimock
        mock.onMessage("Hello", answer)
        const events = yield* talk(vendor, "Hello?")
        assert.deepStrictEqual(saidIn(events), [answer.content])
        assert.strictEqual(endOf(events)?.outcome, "completed")
        const [replied] = ofType(events, "ModelReplied")
        assert.include(replied, { model: `${vendor}/some-model`, finishReason: "stop" })
        assert.strictEqual(replied?.usage.inputTokens.total, 21)
        assert.strictEqual(replied?.usage.outputTokens.total, 7)
      })
    )

    it.effect("calls a tool and answers from its result", () =>
      Effect.gen(function* () {
        const mock = yield* Aimock
        const call = { id: "toolu_1", name: "exec", arguments: { command: "echo from the shell" } }
        mock.on({ toolCallId: call.id, toolResultContains: "from the shell" }, { content: "It says so." })
        mock.onMessage("version", { content: "Let me look.", toolCalls: [call] })
        const events = yield* talk(vendor, "Which version is it?")
        assert.deepStrictEqual(saidIn(events), ["Let me look.", "It says so."])
        assert.deepStrictEqual(ofType(events, "ToolCalled")[0]?.input, call.arguments)
        const [returned] = ofType(events, "ToolReturned")
        assert.deepStrictEqual([returned?.call as string, returned?.outcome], [call.id, "succeeded"])
        assert.strictEqual(endOf(events)?.outcome, "completed")
      })
    )

    it.effect.each(Object.entries(passing))("is asked again when %s", ([words, [response, fault]]) =>
      Effect.gen(function* () {
        const mock = yield* Aimock
        mock.on({ userMessage: words, sequenceIndex: 0 }, response, fault)
        mock.on({ userMessage: words, sequenceIndex: 1 }, answer)
        const events = yield* talk(vendor, words)
        assert.deepStrictEqual(saidIn(events), [answer.content])
        assert.strictEqual(endOf(events)?.outcome, "completed")
        assert.lengthOf(ofType(events, "ModelCalled"), 1)
      })
    )

    it.effect.each(Object.entries(lasting))(
      "is not asked again after a fault of the kind %s",
      ([reason, [response, fault]]) =>
        Effect.gen(function* () {
          const mock = yield* Aimock
          const before = mock.getRequests().length
          mock.on({ userMessage: reason }, response, fault)
          const end = endOf(yield* talk(vendor, reason))
          assert.deepStrictEqual([end?.outcome, end?.failure?.type], ["failed", reason])
          assert.lengthOf(mock.getRequests(), before + 1)
        })
    )

    it.effect("goes on when it breaks off, or begins again", () =>
      Effect.gen(function* () {
        const mock = yield* Aimock
        const before = mock.getRequests().length
        const whole = { content: "Once upon a time there was a mock." }
        const rest = { content: " there was a mock." }
        mock.on({ userMessage: "breaks off", sequenceIndex: 0 }, whole, { truncateAfterChunks: 5 })
        mock.on({ userMessage: "breaks off", sequenceIndex: 1 }, whole)
        mock.on({ userMessage: "cut off here" }, rest)
        const events = yield* talk(vendor, "breaks off")
        // How much arrives before the connection is gone is up to the network.
        const isKept = ofType(events, "ReplyCut").some(({ text }) => text !== "")
        assert.strictEqual(saidIn(events).at(-1), isKept ? rest.content : whole.content)
        assert.strictEqual(endOf(events)?.outcome, "completed")
        assert.lengthOf(mock.getRequests(), before + 2)
      })
    )
  })
}
