import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { AgentId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import { type NewSessionEvent, turnOf } from "../../src/domain/SessionEvent.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { type Answer, at, type Entry, RunningApp, start } from "../support/RunningApp.ts"

const sessions = "/api/v1/tenants/default/sessions"
const sse = { accept: "text/event-stream" }

const eventsOf = ({ json }: Answer) => at(json, "events") as ReadonlyArray<Record<string, unknown>>

const turn = ["MessageAccepted", "TurnStarted", "ModelCalled", "ModelReplied", "TurnEnded"]

/** Entries one by one, as they come. */
const queued = Effect.fnUntraced(function* (entries: Stream.Stream<Entry>) {
  const queue = yield* Queue.unbounded<Entry>()
  const reader = yield* Effect.forkScoped(Stream.runForEach(entries, (entry) => Queue.offer(queue, entry)))
  return { next: Queue.take(queue), ended: Fiber.join(reader) }
})

layer(RunningApp.layer, { excludeTestServices: true })("Sessions", (it) => {
  it.effect("acknowledge a message with its place in the log", () =>
    Effect.gen(function* () {
      const { call, logUntil } = yield* RunningApp
      const answer = yield* call("POST", `${sessions}/first/messages`, { body: { agent: "main", text: "say: hello" } })
      assert.strictEqual(answer.status, 202)
      assert.deepStrictEqual(Object.keys(answer.json as object), ["session", "turn", "seq"])
      assert.include(answer.json as object, { session: "first", seq: 1 })
      const log = yield* logUntil("first", "TurnEnded")
      assert.deepStrictEqual(
        log.map(({ type }) => type),
        turn
      )
      assert.deepStrictEqual(new Set(log.map(turnOf)), new Set([at(answer.json, "turn")]))
    })
  )

  it.effect("answer the same external id the same way, without a second turn", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      const first = yield* say("again", "Hi", { externalId: "id-1" })
      assert.deepStrictEqual(yield* say("again", "Hi", { externalId: "id-1" }), first)
      yield* logUntil("again", "TurnEnded")
      assert.deepStrictEqual(yield* say("again", "something else", { externalId: "id-1" }), first)
      assert.lengthOf(eventsOf(yield* call("GET", `${sessions}/again/events`)), turn.length)
      const elsewhere = yield* say("again-elsewhere", "Hi", { externalId: "id-1" })
      assert.notStrictEqual(elsewhere.turn, first.turn)
      assert.strictEqual(elsewhere.session, "again-elsewhere")
    })
  )

  it.effect("answer the same external id the same way to many who ask at once", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      const ask = say("crowd", "Hi", { externalId: "id-1" })
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => ask),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(new Set(answers.map((answer) => JSON.stringify(answer))), 1)
      yield* logUntil("crowd", "TurnEnded")
      assert.lengthOf(eventsOf(yield* call("GET", `${sessions}/crowd/events`)), turn.length)
    })
  )

  it.effect("show their log in order, what is looked for first in front", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      yield* say("log", "say: hello")
      yield* logUntil("log", "TurnEnded")
      const events = eventsOf(yield* call("GET", `${sessions}/log/events`))
      assert.deepStrictEqual(
        events.map(({ seq }) => seq),
        [1, 2, 3, 4, 5]
      )
      for (const event of events) assert.deepStrictEqual(Object.keys(event).slice(0, 3), ["seq", "at", "type"])
    })
  )

  it.effect("show their log in pages", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      yield* say("pages", "Hi")
      yield* logUntil("pages", "TurnEnded")
      const page = (query: string) => call("GET", `${sessions}/pages/events?${query}`)
      const seqs = (answer: Answer) => [eventsOf(answer).map(({ seq }) => seq), at(answer.json, "next")]
      assert.deepStrictEqual(seqs(yield* page("limit=2")), [[1, 2], 2])
      assert.deepStrictEqual(seqs(yield* page("after=2&limit=2")), [[3, 4], 4])
      assert.deepStrictEqual(seqs(yield* page("after=4&limit=2")), [[5], undefined])
      assert.deepStrictEqual(seqs(yield* page("after=5")), [[], undefined])
      assert.deepStrictEqual(seqs(yield* page("after=0&limit=5")), [[1, 2, 3, 4, 5], undefined])
    })
  )

  it.effect("show a long log as they show a short one", () =>
    Effect.gen(function* () {
      const { call, within } = yield* RunningApp
      const id = SessionId.make("long")
      const turn = TurnId.make("turn")
      const said: NewSessionEvent = {
        type: "MessageAccepted",
        turn,
        agent: AgentId.make("main"),
        channel: "c",
        text: "Hi"
      }
      const over: NewSessionEvent = { type: "TurnEnded", turn, outcome: "completed" }
      const told = Array.from({ length: 1200 }, (_, nth): NewSessionEvent => ({ ...said, text: `message ${nth}` }))
      const log = yield* within(
        "default",
        SessionStore.use((store) => store.append(id, 0, [said, ...told, over]))
      )
      const inOrder = log.map(({ at, seq, ...event }) => ({ seq, at, ...event }))
      const all = yield* call("GET", `${sessions}/long/events`)
      assert.strictEqual(all.text, JSON.stringify({ events: inOrder }))
      assert.match(all.headers["content-type"] ?? "", /^application\/json/)
      const most = yield* call("GET", `${sessions}/long/events?limit=1001`)
      assert.strictEqual(most.text, JSON.stringify({ events: inOrder.slice(0, 1001), next: 1001 }))
    })
  )

  it.effect("are listed in pages, and shown one by one", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      for (const id of ["zz-1", "zz-2", "zz-3"]) {
        yield* say(id, "Hi")
        yield* logUntil(id, "TurnEnded")
      }
      const list = Effect.fnUntraced(function* (query: string) {
        const { json } = yield* call("GET", `${sessions}?${query}`)
        return [(at(json, "sessions") as ReadonlyArray<unknown>).map((one) => at(one, "id")), at(json, "next")]
      })
      assert.deepStrictEqual(yield* list("after=zz&limit=2"), [["zz-1", "zz-2"], "zz-2"])
      assert.deepStrictEqual(yield* list("after=zz-2&limit=2"), [["zz-3"], undefined])
      const { json } = yield* call("GET", `${sessions}/zz-1`)
      assert.include(json as object, { id: "zz-1", agent: "main", seq: 5, unfinished: 0 })
    })
  )

  it.effect("can be followed before anybody has said anything", () =>
    Effect.gen(function* () {
      const { open, say } = yield* RunningApp
      const { entries, headers, status } = yield* open("GET", `${sessions}/silent/events`, { headers: sse })
      assert.strictEqual(status, 200)
      assert.match(headers["content-type"] ?? "", /^text\/event-stream/)
      assert.strictEqual(headers["cache-control"], "no-cache")
      const { next } = yield* queued(entries)
      yield* say("silent", "Hi")
      const { data = "", event, id } = yield* next
      assert.deepStrictEqual([id, event, at(JSON.parse(data), "seq")], ["1", "MessageAccepted", 1])
    })
  )

  it.effect("stream the text of a reply before it is complete", () =>
    Effect.gen(function* () {
      const { open, say } = yield* RunningApp
      const { entries } = yield* open("GET", `${sessions}/words/events`, { headers: sse })
      yield* say("words", "slow: 3")
      const seen = yield* Stream.runCollect(Stream.takeUntil(entries, ({ event }) => event === "TurnEnded"))
      const deltas = seen.filter(({ event }) => event === "TextDelta")
      assert.strictEqual(deltas.map(({ data = "" }) => at(JSON.parse(data), "text")).join(""), "word1 word2 word3")
      assert.isAbove(deltas.length, 1)
      for (const delta of deltas) assert.strictEqual(delta.id, undefined)
      const kinds = seen.map(({ event }) => event)
      assert.isBelow(kinds.lastIndexOf("TextDelta"), kinds.indexOf("ModelReplied"))
      assert.deepStrictEqual(
        kinds.filter((kind) => kind !== "TextDelta"),
        turn
      )
    })
  )

  it.effect("go on behind the last event a client has seen", () =>
    Effect.gen(function* () {
      const { logUntil, open, say } = yield* RunningApp
      yield* say("back", "Hi")
      yield* logUntil("back", "TurnEnded")
      const from = Effect.fnUntraced(function* (path: string, headers: Record<string, string>) {
        const { entries } = yield* open("GET", path, { headers: { ...sse, ...headers } })
        const ids = Stream.map(
          Stream.takeUntil(entries, ({ event }) => event === "TurnEnded"),
          ({ id }) => id
        )
        return yield* Stream.runCollect(ids)
      })
      assert.deepStrictEqual(yield* from(`${sessions}/back/events`, { "last-event-id": "3" }), ["4", "5"])
      assert.deepStrictEqual(yield* from(`${sessions}/back/events?after=4`, {}), ["5"])
      assert.deepStrictEqual(yield* from(`${sessions}/back/events?after=4`, { "last-event-id": "1" }), [
        "2",
        "3",
        "4",
        "5"
      ])
    })
  )

  it.effect("end a turn when they are told to", () =>
    Effect.gen(function* () {
      const { call, logUntil, say } = yield* RunningApp
      const said = yield* say("stopped", "slow: 10000")
      yield* logUntil("stopped", "ModelCalled")
      const cancelled = yield* call("POST", `${sessions}/stopped/cancel`)
      assert.deepStrictEqual([cancelled.status, cancelled.json], [200, { cancelled: said.turn }])
      const ended = (yield* logUntil("stopped", "TurnEnded")).at(-1)
      assert.strictEqual(at(ended, "outcome"), "cancelled")
      const again = yield* call("POST", `${sessions}/stopped/cancel`)
      assert.deepStrictEqual(again.json, { cancelled: null })
    })
  )
})

describe("A session that is followed", () => {
  it.live("lets its watchers go when the service closes", () =>
    Effect.gen(function* () {
      const { drain, open } = yield* start({})
      const { entries } = yield* open("GET", `${sessions}/watched/events`, { headers: sse })
      const { ended } = yield* queued(entries)
      yield* drain.begin
      yield* drain.close
      yield* ended
    }).pipe(Effect.scoped)
  )
})
