/** A conversation that is far longer than what its model takes in, on a disk and across restarts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { join } from "node:path"
import type { SessionEventOf } from "../../src/domain/SessionEvent.ts"
import { follow } from "../../src/sessions/Feed.ts"
import { ended, layer, log, s, say } from "../support/AgentWorld.ts"
import { behind, gate, text } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { isSummary, json, noteTaker, remembered, tokensOf, wholeOf } from "../support/NoteTaker.ts"
import { layerSqlite } from "../support/SqliteStore.ts"

const window = 6_000
const context = { window, compactAt: 0.8, keepTurns: 4 }

/** Says something and waits for the end of its turn. */
const talk = (text: string) =>
  Effect.gen(function* () {
    const { seq, turn } = yield* say(text)
    const end = yield* follow(s, seq).pipe(
      Stream.filter((entry): entry is SessionEventOf<"TurnEnded"> => entry.type === "TurnEnded" && entry.turn === turn),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    assert.deepInclude(end, { outcome: "completed" })
  })

const facts = [
  "Remember: my dog is called Zampano.",
  "Remember: the build lives in /srv/build/out-7.",
  "Remember: we decided against PostgreSQL because of the ferry."
]
const filler = (nth: number) => `This is message ${nth}. ${"We talk about the weather and the sea. ".repeat(8)}`
const messageOf = (nth: number) => facts[nth - 2] ?? filler(nth)
const turns = 500

describe("a conversation of 500 turns with a model that takes in 20 of them", () => {
  it.live(
    "is compacted more than ten times, and its model is always sent what it was told first",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        const provider = noteTaker({ window })
        const world = () =>
          layer({
            providers: [provider],
            agents: { main: { context, maxTokens: 500 } },
            store: layerSqlite({ filename: join(folder, "sessions.db") })
          })
        const part = (from: number, to: number) =>
          Effect.gen(function* () {
            for (let nth = from; nth <= to; nth++) yield* talk(messageOf(nth))
          }).pipe(Effect.provide(world()))
        yield* part(1, 200)
        yield* part(201, 350)
        yield* part(351, turns)

        const answered = provider.requests.filter((request) => !isSummary(request))
        assert.lengthOf(answered, turns)
        for (const [index, request] of answered.entries()) {
          const whole = wholeOf(request)
          for (const fact of facts.slice(0, index)) assert.include(whole, fact)
          for (let nth = Math.max(1, index - 3); nth <= index + 1; nth++) assert.include(whole, messageOf(nth))
          assert.isAtMost(tokensOf(request), window)
        }
        for (const [index, request] of provider.requests.entries()) {
          const before = provider.requests[index - 1]
          if (before === undefined || isSummary(before) || isSummary(request)) continue
          const prefix = before.prompt.content
          assert.deepStrictEqual(request.prompt.content.slice(0, prefix.length), prefix)
        }
        const events = yield* log().pipe(Effect.provide(world()))
        const compactions = events.filter((entry) => entry.type === "Compacted")
        assert.isAtLeast(compactions.length, 10)
        for (const { after, before, method } of compactions) {
          assert.strictEqual(method, "summarised")
          assert.isBelow(after, before * 0.6)
        }
        const accepted = events.flatMap((entry) => (entry.type === "MessageAccepted" ? [entry.text] : []))
        assert.deepStrictEqual(
          accepted,
          Array.from({ length: turns }, (_, index) => messageOf(index + 1))
        )
      }),
    60_000
  )
})

describe("a service that stops while it waits for a summary", () => {
  it.live("asks for it again when it starts, and answers what it had accepted", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const opened = gate()
      let asked = 0
      const provider = noteTaker({
        window,
        summarise: (request) => (asked++ === 0 ? behind(opened, text("never")) : json(request, remembered(request)))
      })
      const world = () =>
        layer({
          providers: [provider],
          agents: { main: { context, maxTokens: 500 } },
          store: layerSqlite({ filename: join(folder, "sessions.db") })
        })
      const said = yield* Effect.gen(function* () {
        for (let nth = 1; ; nth++) {
          const done = yield* Effect.raceFirst(Effect.as(talk(messageOf(nth)), false), Effect.as(opened.reached, true))
          if (done) return nth
        }
      }).pipe(Effect.provide(world()))
      yield* opened.left
      yield* Effect.gen(function* () {
        yield* ended(said)
        const types = (yield* log()).map(({ type }) => type)
        const at = types.indexOf("CompactionStarted")
        assert.deepStrictEqual(types.slice(at), [
          "CompactionStarted",
          "TurnResumed",
          "CompactionStarted",
          "Compacted",
          "ModelCalled",
          "ModelReplied",
          "TurnEnded"
        ])
        yield* talk("what do you know?")
        for (const fact of facts) assert.include(provider.requests.slice(-1).map(wholeOf).join(), fact)
      }).pipe(Effect.provide(world()))
    })
  )
})
