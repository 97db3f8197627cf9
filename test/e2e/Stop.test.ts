/** An orderly stop: what is running ends or is parked, and nobody is kept waiting. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Stream } from "effect"
import * as Model from "../support/AnthropicServer.ts"
import { filesOf } from "../support/Configuration.ts"
import { type Conversation, call, conversation, ofType, request, saidIn } from "../support/Conversation.ts"
import * as HeldModel from "../support/HeldModel.ts"
import { launch, makePlace, type Service, start } from "../support/Service.ts"

/** The text of a streamed chat completion. */
const contentOf = (chat: string) =>
  Array.from(chat.matchAll(/^data: (\{.*)$/gm), ([, json = ""]) => JSON.parse(json).choices[0]?.delta.content).join("")

/** Somebody who follows the session and somebody who waits for a streamed answer. */
const watching = Effect.fnUntraced(function* (service: Service, talk: Conversation) {
  const connected = yield* Latch.make(false)
  const follow = Stream.tap(talk.follow, () => connected.open)
  const watcher = yield* Effect.forkChild(Stream.runCollect(follow))
  yield* connected.await
  const messages = [{ role: "user", content: "Begin." }]
  const body = { model: "main", messages, stream: true }
  const chat = yield* request(service, "/v1/chat/completions", { body })
  const reader = yield* Effect.forkChild(Effect.promise(() => chat.text()))
  return [watcher, reader] as const
})

describe("A stop by SIGTERM", () => {
  it.live("waits for a turn that is being answered and takes nothing new meanwhile", () =>
    Effect.gen(function* () {
      const model = yield* HeldModel.make
      const place = yield* makePlace(filesOf({ anthropic: model.url }))
      const service = yield* start(place)
      const talk = conversation(service, "running")
      const { turn } = yield* talk.say("Begin.")
      yield* talk.firstWords(model.begin.open)
      const [watcher, reader] = yield* watching(service, talk)
      service.signal("SIGTERM")
      yield* service.logged("service stops")

      const refused = yield* conversation(service, "new").send("Too late?")
      assert.strictEqual(refused.status, 503)
      assert.isNotNull(refused.headers.get("retry-after"))
      assert.include(refused.headers.get("content-type"), "application/problem+json")
      assert.strictEqual((yield* talk.send("And here?")).status, 503)
      const openAi = { model: "main", messages: [{ role: "user", content: "Or here?" }] }
      const late = yield* call(service, "/v1/chat/completions", { body: openAi })
      assert.deepStrictEqual([late.status, late.headers.get("retry-after")], [503, "1"])
      const ready = yield* call(service, "/ready")
      assert.strictEqual(ready.status, 503)
      assert.deepInclude(ready.body, { reasons: ["the service is stopping"] })
      assert.strictEqual((yield* call(service, "/health")).status, 200)

      yield* model.goOn.open
      assert.strictEqual((yield* Fiber.join(watcher)).at(-1)?.type, "TurnEnded")
      const chat = yield* Fiber.join(reader)
      assert.strictEqual(contentOf(chat), HeldModel.wholeText)
      assert.include(chat, "[DONE]")
      const { code, errors } = yield* service.ended
      assert.deepStrictEqual([code, errors], [0, ""])

      const events = yield* conversation(yield* start(place), "running").events
      assert.deepStrictEqual(saidIn(events), [HeldModel.wholeText])
      assert.isEmpty(ofType(events, "TurnResumed"))
      assert.deepStrictEqual(
        ofType(events, "TurnEnded").map((ended) => [ended.turn, ended.outcome]),
        [[turn, "completed"]]
      )
    })
  )

  it.live("parks a turn that does not end in time, and the next start answers it", () =>
    Effect.gen(function* () {
      const later = Model.events(Model.reply({ text: "Here I am." }))
      const model = yield* Model.make([Model.silence, later])
      const place = yield* makePlace(filesOf({ anthropic: model.url, drain: "1 second" }))
      const service = yield* start(place)
      const { turn } = yield* conversation(service, "parked").say("Are you there?")
      yield* model.next
      const { code } = yield* service.kill("SIGTERM")
      assert.strictEqual(code, 0)
      yield* service.logged("running turns are parked")

      const talk = conversation(yield* start(place), "parked")
      assert.strictEqual((yield* talk.ended(turn)).outcome, "completed")
      const events = yield* talk.events
      assert.deepStrictEqual(saidIn(events), ["Here I am."])
      assert.strictEqual(ofType(events, "TurnResumed").length, 1)
    })
  )

  it.live("is over at once when it is asked for again, and the next start answers the running turn", () =>
    Effect.gen(function* () {
      const model = yield* Model.make([Model.silence, Model.events(Model.reply({ text: "Here I am." }))])
      const place = yield* makePlace(filesOf({ anthropic: model.url, drain: "1 hour" }))
      const service = yield* start(place)
      const { turn } = yield* conversation(service, "insisted").say("Are you there?")
      yield* model.next
      service.signal("SIGTERM")
      yield* service.logged("service stops")
      const { code, errors } = yield* service.kill("SIGINT")
      assert.deepStrictEqual([code, errors], [0, ""])
      assert.deepStrictEqual(
        service.log.map(({ message }) => message).filter((message) => /stop|parked/.test(message)),
        ["service stops", "service stops at once", "running turns are parked", "service stopped"]
      )

      const talk = conversation(yield* start(place), "insisted")
      assert.strictEqual((yield* talk.ended(turn)).outcome, "completed")
      assert.strictEqual(ofType(yield* talk.events, "TurnResumed").length, 1)
    })
  )

  it.live("does not wait for a person whose consent is asked for", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({ agent: { dangerous: "ask" } }))
      const service = yield* start(place)
      yield* conversation(service, "asking").say("run: echo consent")
      yield* conversation(service, "asking").first("ApprovalAsked")
      assert.strictEqual((yield* service.kill("SIGTERM")).code, 0)

      const talk = conversation(yield* start(place), "asking")
      yield* talk.settle("allow")
      yield* talk.first("TurnEnded")
      assert.include(saidIn(yield* talk.events).at(-1), "consent")
    })
  )

  it.live("by SIGINT, with nothing to wait for, is over at once", () =>
    Effect.gen(function* () {
      const service = yield* Effect.flatMap(makePlace(filesOf({})), start)
      assert.strictEqual((yield* service.kill("SIGINT")).code, 0)
      yield* service.logged("service stopped")
    })
  )
})

describe("A start that fails", () => {
  it.live("says why, and not that something has stopped", () =>
    Effect.gen(function* () {
      const place = yield* makePlace(filesOf({}))
      yield* start(place)
      const second = yield* launch(place)
      const { code, errors } = yield* second.ended
      assert.strictEqual(code, 1)
      assert.match(errors, /is in use/)
      assert.notInclude(
        second.log.map(({ message }) => message),
        "service stopped"
      )
    })
  )
})
