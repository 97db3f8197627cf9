/**
 * A session never sticks: whatever the model or a tool does, the person learns how the turn ended, and the next message
 * works. Through the whole service, with the real client against real sockets.
 *
 * Each model misbehaves in one way for ever, and only the limit that is meant for it is short: long enough for a model
 * that is well again to say three words.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schedule, Stream } from "effect"
import type { SessionEvent, SessionEventOf } from "../../src/domain/SessionEvent.ts"
import * as Model from "../support/AnthropicServer.ts"
import { ofType, saidIn } from "../support/Conversation.ts"
import { RunningApp } from "../support/RunningApp.ts"
import { folder, isRunning, pidsIn, until } from "../tools/exec/Processes.ts"

/** What the model keeps quiet about for as long as it likes, unless a test says otherwise. */
const patient = { firstByte: "1 hour", idle: "1 hour", content: "1 hour", call: "1 hour" }

interface Setup {
  readonly model: string
  readonly timeouts?: Partial<typeof patient>
  readonly attempts?: number
}

const filesOf = ({ attempts = 1, model, timeouts }: Setup) => ({
  "tenants/default/tenant.yaml": `name: Stuck
providers:
  demo: { kind: scripted }
  anthropic: ${provider(model, { ...patient, ...timeouts }, attempts)}
`,
  "tenants/default/agents/main.yaml": agentYaml
})

const provider = (baseUrl: string, timeouts: typeof patient, attempts: number) =>
  JSON.stringify({
    kind: "anthropic",
    apiKey: "sk-test",
    baseUrl,
    retry: { attempts, base: "1 millis", cap: "1 millis" },
    timeouts
  })

const agentYaml = `model: anthropic/claude-test
instructions: You are under test.
tools: [exec]
approvals: { dangerous: allow }
`

const serving = (setup: Setup) => RunningApp.layerWith({ files: filesOf(setup) })

/** How this turn ended, once it has, and the whole log until then. */
const ended = Effect.fnUntraced(function* (turn: string) {
  const log = yield* logUntil((event) => event.type === "TurnEnded" && event.turn === turn)
  const [end] = ofType(log, "TurnEnded").filter((event) => event.turn === turn)
  assert(end !== undefined)
  return { end, log }
})

const logUntil = Effect.fnUntraced(function* (isLast: (event: SessionEvent) => boolean) {
  const app = yield* RunningApp
  const { entries } = yield* app.open("GET", "/api/v1/tenants/default/sessions/s/events", {
    headers: { accept: "text/event-stream" }
  })
  return yield* entries.pipe(
    Stream.filter(({ id }) => id !== undefined),
    Stream.map(({ data = "" }): SessionEvent => JSON.parse(data)),
    Stream.takeUntil(isLast),
    Stream.runCollect
  )
}, Effect.scoped)

const say = (text: string) => RunningApp.use((app) => app.say("s", text))

/** The session goes on as if nothing had been. */
const goesOn = Effect.gen(function* () {
  const { turn } = yield* say("And now?")
  const { end, log } = yield* ended(turn)
  assert.strictEqual(end.outcome, "completed")
  assert.deepStrictEqual(saidIn(log), ["All is well."])
})

const cancel = RunningApp.use((app) => app.call("POST", "/api/v1/tenants/default/sessions/s/cancel"))

const well = Model.events(Model.reply({ text: "All is well." }))
const sse = (event: Model.Event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
const opening = Model.events(Model.reply({ text: "Well then" }).slice(0, 2))
const spoken = Model.events(Model.reply({ text: "Well then" }).slice(0, 3))
const pulses = (event: Model.Event) => Stream.map(Stream.fromSchedule(Schedule.spaced("5 millis")), () => sse(event))
const pings = pulses({ type: "ping" })
const drips = pulses({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "drip " } })

interface Case {
  readonly name: string
  readonly answer: Model.Answer
  readonly timeouts?: Partial<typeof patient>
  readonly type: string
  readonly says: string
  /** How often it is asked when it may be asked three times; it may be asked once if this is not given. */
  readonly asked?: number
}

const cases: ReadonlyArray<Case> = [
  {
    name: "never answers",
    answer: Model.silence,
    timeouts: { firstByte: "1 second" },
    type: "timeout",
    says: "no answer came within 1s"
  },
  {
    name: "begins to answer and falls silent",
    answer: { ...spoken, after: "hang" },
    timeouts: { idle: "1 second" },
    type: "stream_stalled",
    says: "the answer fell silent for 1s",
    asked: 3
  },
  {
    name: "pings for ever",
    answer: { ...opening, rest: pings, after: "hang" },
    timeouts: { content: "1 second" },
    type: "stream_stalled",
    says: "the model said nothing for 1s"
  },
  {
    name: "pings for ever in the middle of a text",
    answer: { ...spoken, rest: pings, after: "hang" },
    timeouts: { content: "1 second" },
    type: "stream_stalled",
    says: "the model said nothing for 1s"
  },
  {
    name: "trickles for ever",
    answer: { ...spoken, rest: drips, after: "hang" },
    timeouts: { call: "1 second" },
    type: "timeout",
    says: "had not ended within 1s"
  },
  {
    name: "is cut off before its first word",
    answer: { ...opening, after: "cut" },
    type: "stream_cut",
    says: "the connection broke",
    asked: 3
  },
  {
    name: "is cut off in the middle of a text",
    answer: { ...spoken, after: "cut" },
    type: "stream_cut",
    says: "the connection broke",
    asked: 3
  }
]

describe("A model that", () => {
  for (const { answer, asked, name, says, timeouts = {}, type } of cases) {
    it.live(`${name} fails the turn as ${type}, and the next message is answered`, () =>
      Effect.gen(function* () {
        let isWell = false
        const model = yield* Model.make(() => (isWell ? well : answer))
        yield* Effect.gen(function* () {
          const first = yield* ended((yield* say("Hello?")).turn)
          assert.strictEqual(first.end.outcome, "failed")
          assert.strictEqual(first.end.failure?.type, type)
          assert.include(first.end.failure?.message, says)
          if (asked !== undefined) assert.strictEqual(model.requests.length, asked)
          for (const request of model.requests) yield* Deferred.await(request.ended)
          isWell = true
          yield* goesOn
        }).pipe(Effect.provide(serving({ model: model.url, timeouts, attempts: asked === undefined ? 1 : 3 })))
      })
    )
  }
})

/** What a cancelled turn leaves in the log, from its cancellation on. */
const cancelled = (log: ReadonlyArray<SessionEvent>) => {
  const from = log.findIndex(({ type }) => type === "CancelRequested")
  return log.slice(from).map((event) => (event.type === "TurnEnded" ? `TurnEnded ${event.outcome}` : event.type))
}

describe("Cancelling", () => {
  for (const [name, answer] of [
    ["says nothing at all", Model.silence],
    ["has fallen silent in the middle of a text", { ...spoken, after: "hang" }],
    ["pings for ever", { ...opening, rest: pings, after: "hang" }]
  ] satisfies ReadonlyArray<readonly [string, Model.Answer]>) {
    it.live(`a turn whose model ${name} hangs up at once and says so in the log`, () =>
      Effect.gen(function* () {
        const model = yield* Model.make([answer, well])
        yield* Effect.gen(function* () {
          const { turn } = yield* say("Hello?")
          const asked = yield* model.next
          const { status } = yield* cancel
          assert.isBelow(status, 300)
          assert.strictEqual(yield* Deferred.await(asked.ended), "abandoned")
          const { end, log } = yield* ended(turn)
          assert.strictEqual(end.outcome, "cancelled")
          assert.deepStrictEqual(cancelled(log), ["CancelRequested", "TurnEnded cancelled"])
          yield* goesOn
        }).pipe(Effect.provide(serving({ model: model.url })))
      })
    )
  }

  it.live("a turn whose command runs kills it and its process group, and says so in the log", () =>
    Effect.gen(function* () {
      const pidFile = `${yield* folder}/pids`
      const command = `trap '' TERM; (trap '' TERM; sleep 1000) & echo $$ $! > ${pidFile}; while :; do sleep 1000; done`
      const calling = Model.events(Model.reply({ calls: [{ id: "call_1", name: "exec", input: { command } }] }))
      const model = yield* Model.make([calling, well])
      yield* Effect.gen(function* () {
        const { turn } = yield* say("Run it.")
        const pids = yield* pidsIn(pidFile)
        assert.deepStrictEqual(pids.map(isRunning), [true, true])
        yield* cancel
        const { log } = yield* ended(turn)
        yield* until(() => !pids.some(isRunning))
        assert.deepStrictEqual(cancelled(log), ["CancelRequested", "ToolReturned", "TurnEnded cancelled"])
        const [returned]: ReadonlyArray<SessionEventOf<"ToolReturned">> = ofType(log, "ToolReturned")
        assert.strictEqual(returned?.outcome, "unknown")
        yield* goesOn
      }).pipe(Effect.provide(serving({ model: model.url })))
    })
  )
})
