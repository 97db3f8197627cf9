/** What every session store promises about finding, adopting and removing sessions. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AgentId, ApprovalId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../../src/domain/SessionEvent.ts"
import { cursorOf, SessionStore, type StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import {
  accepted,
  asked,
  called,
  compacted,
  ended,
  replied,
  returned,
  said,
  session,
  settled
} from "./SessionStoreEvents.ts"

/** `fresh` builds an empty store each time. */
export const sessionAccessContract = (name: string, fresh: () => Layer.Layer<SessionStore, StoreUnavailable>) => {
  const promises = (sentence: string, body: Effect.Effect<void, unknown, SessionStore>) =>
    it.effect(sentence, () => Effect.suspend(() => Effect.provide(body, fresh())))
  const [a, b, c, d] = [session("a"), session("b"), session("c"), session("d")]

  const numbered = (events: ReadonlyArray<NewSessionEvent>) =>
    events.map((event, index): SessionEvent => ({ ...event, seq: index + 1, at: `2020-01-01T00:00:0${index}.000Z` }))

  describe(`${name} knows of a session`, () => {
    promises(
      "its name, its settings, where it comes from and its newest compaction",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), { type: "SessionRenamed", name: "First" }])
        yield* store.append(a, 2, [
          { type: "SessionConfigured", model: "x/y", midTurn: "queue" },
          { type: "SessionForked", from: b, through: 7 },
          compacted("t", 0)
        ])
        yield* store.append(a, 5, [{ type: "SessionConfigured", model: null }, compacted("t", 1), called("t", 1)])
        const summary = Option.getOrThrow(yield* store.session(a))
        assert.deepInclude(
          { ...summary },
          {
            name: "First",
            settings: { midTurn: "queue" },
            forkedFrom: { session: b, through: 7 },
            compacted: 7,
            seq: 8
          }
        )
        assert.deepStrictEqual(yield* store.sessions({ order: "id", limit: 9 }), [summary])
        const compaction = Option.getOrThrow(yield* store.compaction(a))
        assert.deepInclude(compaction, { type: "Compacted", seq: 7, through: 1 })
        yield* store.append(a, 8, [{ type: "SessionRenamed", name: null }])
        assert.isFalse("name" in Option.getOrThrow(yield* store.session(a)))
      })
    )

    promises(
      "that it was never compacted, or is not there",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t")])
        assert.isTrue(Option.isNone(yield* store.compaction(a)))
        assert.isTrue(Option.isNone(yield* store.compaction(b)))
      })
    )
  })

  describe(`${name} keeps approvals apart`, () => {
    promises(
      "so that none is settled by a session that only holds a copy of it",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const copy = [accepted("t"), asked("t", "approval"), settled("t", "approval", "deny"), ended("t")]
        yield* store.append(a, 0, [accepted("t"), asked("t", "approval")])
        yield* store.append(b, 0, [accepted("t"), settled("t", "approval", "allow")])
        yield* store.adopt(c, Stream.fromIterable(numbered(copy)))
        yield* store.remove(c)
        const open = Option.getOrThrow(yield* store.approval(ApprovalId.make("approval")))
        assert.strictEqual(open.approval.session, a)
        assert.isUndefined(open.settled)
      })
    )
  })

  describe(`${name} lists sessions`, () => {
    const some = Effect.gen(function* () {
      const store = yield* SessionStore
      for (const [id, agent] of [
        [c, "main"],
        [a, "main"],
        [d, "other"],
        [b, "main"]
      ] as const) {
        yield* store.append(id, 0, [accepted("t", undefined, "api", agent)])
        yield* TestClock.adjust("1 second")
      }
      yield* store.append(c, 1, [{ type: "SessionRenamed", name: "Straße nach Rom" }])
      return store
    })
    const ids = Effect.map((page: ReadonlyArray<{ readonly id: string }>) => page.map(({ id }) => id))

    promises(
      "by what was written to last, in pages",
      Effect.gen(function* () {
        const store = yield* some
        const seen: Array<string> = []
        for (let after: string | undefined; seen.length < 4; ) {
          const page = yield* store.sessions({ order: "recent", after, limit: 2 })
          seen.push(...page.map(({ id }) => id))
          const last = page.at(-1)
          after = last && cursorOf("recent", last)
        }
        assert.deepStrictEqual(seen, ["c", "b", "d", "a"])
        const last = Option.getOrThrow(yield* store.session(a))
        assert.deepStrictEqual(
          yield* store.sessions({ order: "recent", after: cursorOf("recent", last), limit: 2 }),
          []
        )
        assert.lengthOf(yield* store.sessions({ order: "recent", after: "nonsense", limit: 9 }), 4)
      })
    )

    promises(
      "of an agent, or by a part of their name or id",
      Effect.gen(function* () {
        const store = yield* some
        const agent = AgentId.make("other")
        assert.deepStrictEqual(yield* ids(store.sessions({ order: "id", agent, limit: 9 })), ["d"])
        assert.deepStrictEqual(yield* ids(store.sessions({ order: "recent", named: "STRAßE", limit: 9 })), ["c"])
        assert.deepStrictEqual(yield* ids(store.sessions({ order: "id", named: "B", limit: 9 })), ["b"])
        assert.deepStrictEqual(yield* ids(store.sessions({ order: "id", named: "%", limit: 9 })), [])
      })
    )
  })

  describe(`${name} searches`, () => {
    const say = Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.append(a, 0, [said("t", "Where is the blue whale?"), replied("t", "The Blue Whale is in the bay.")])
      yield* TestClock.adjust("1 second")
      yield* store.append(b, 0, [
        said("t", "blue blue whale", "other"),
        returned("t", "whale.txt: crème brûlée 日本語")
      ])
      return store
    })
    const found = (text: string, more: object = {}) =>
      Effect.gen(function* () {
        const hits = yield* (yield* SessionStore).search({ text, limit: 10, ...more })
        return hits.map(({ seq, session }) => `${session}${seq}`)
      })

    promises(
      "what people, models and tools said for every word, the best match first",
      Effect.gen(function* () {
        yield* say
        assert.deepStrictEqual(yield* found("BLUE whale"), ["b1", "a1", "a2"])
        assert.deepStrictEqual(yield* found("bay"), ["a2"])
        assert.deepStrictEqual(yield* found("creme txt"), ["b2"])
        assert.deepStrictEqual(yield* found("本"), ["b2"])
        assert.deepStrictEqual(yield* found("whale elephant"), [])
        assert.deepStrictEqual(yield* found("demo"), [])
      })
    )

    promises(
      "within a session or an agent's, in pages",
      Effect.gen(function* () {
        yield* say
        assert.deepStrictEqual(yield* found("whale", { session: a }), ["a1", "a2"])
        assert.deepStrictEqual(yield* found("whale", { session: c }), [])
        assert.deepStrictEqual(yield* found("blue", { agent: AgentId.make("other") }), ["b1"])
        assert.deepStrictEqual(yield* found("blue whale", { skip: 1, limit: 1 }), ["a1"])
      })
    )

    promises(
      "and shows where and when it was said, and the words around it",
      Effect.gen(function* () {
        const store = yield* say
        const long = `${"before ".repeat(50)}\n needle ${"after ".repeat(50)}`
        yield* store.append(c, 0, [said("t", long)])
        const [hit] = yield* store.search({ text: "needle", limit: 1 })
        assert.deepInclude(hit, { session: c, seq: 1, at: "1970-01-01T00:00:01.000Z", type: "MessageAccepted" })
        assert.match(hit?.excerpt ?? "", /^….* before needle after .*…$/)
        assert.isBelow(hit?.excerpt.length ?? 0, 250)
      })
    )

    promises(
      "for words only, whatever else a person types",
      Effect.gen(function* () {
        yield* say
        for (const text of ['"whale" AND', "whale*", "-whale", "words:whale", "(whale", "whale\u0000", "^whale"]) {
          assert.include(yield* found(text.replace("AND", "").replace("words", "")), "a1", text)
        }
        for (const text of ["", "  ", '"', "*", "AND OR NOT", "NEAR(blue whale)"])
          assert.deepStrictEqual(yield* found(text), [])
      })
    )
  })

  const log: ReadonlyArray<NewSessionEvent> = [
    said("t", "an old story"),
    accepted("t", "known"),
    accepted("t", "new"),
    asked("t", "approval"),
    ended("t"),
    { type: "SessionRenamed", name: "Old" },
    compacted("t", 0),
    { type: "SessionImported", from: session("elsewhere") }
  ]
  describe(`${name} adopts`, () => {
    promises(
      "a whole log as a session at rest, with its instants",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(b, 0, [accepted("t", "known")])
        const summary = yield* store.adopt(a, Stream.fromIterable(numbered(log)))
        assert.deepStrictEqual(Option.getOrThrow(yield* store.session(a)), summary)
        assert.deepInclude(
          { ...summary },
          {
            id: a,
            name: "Old",
            createdAt: "2020-01-01T00:00:00.000Z",
            updatedAt: "2020-01-01T00:00:07.000Z",
            seq: 8,
            compacted: 7,
            unfinished: 0
          }
        )
        assert.deepStrictEqual(yield* store.read(a, { limit: 99 }), numbered(log))
        assert.deepStrictEqual(yield* store.unfinished, [b])
        assert.deepStrictEqual(yield* store.approvals, [])
        assert.strictEqual(Option.getOrThrow(yield* store.accepted("discord", "known")).session, b)
        assert.deepInclude(Option.getOrThrow(yield* store.accepted("discord", "new")), { session: a, seq: 3 })
        assert.deepStrictEqual(
          (yield* store.search({ text: "story", limit: 9 })).map(({ session }) => session),
          [a]
        )
        yield* store.append(a, 8, [accepted("u"), ended("u")])
      })
    )

    promises(
      "nothing where there is a session, or where the log fails",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(b, 0, [accepted("t")])
        const exists = yield* Effect.flip(store.adopt(b, Stream.fromIterable(numbered(log))))
        assert.strictEqual(exists.message, "there is a session b already")
        const torn = Stream.concat(Stream.fromIterable(numbered(log)), Stream.fail("torn"))
        assert.strictEqual(yield* Effect.flip(store.adopt(a, torn)), "torn")
        const begun = Stream.unwrap(Effect.as(store.append(a, 0, [accepted("t")]), Stream.fromIterable(numbered(log))))
        const late = yield* Effect.flip(store.adopt(a, begun))
        assert.strictEqual(
          late instanceof Object && "message" in late ? late.message : late,
          "there is a session a already"
        )
        assert.lengthOf(yield* store.read(a, { limit: 99 }), 1)
        assert.isTrue(Option.isNone(yield* store.accepted("discord", "new")))
        assert.deepStrictEqual(yield* store.search({ text: "story", limit: 9 }), [])
      })
    )

    promises(
      "no log with a gap, with a turn that has not ended, or of no agent",
      Effect.gen(function* () {
        const store = yield* SessionStore
        for (const events of [
          numbered(log).toSpliced(3, 1),
          numbered([accepted("t")]),
          numbered([called("t", 1)]),
          []
        ]) {
          const exit = yield* Effect.exit(store.adopt(a, Stream.fromIterable(events)))
          assert.include(String(exit), "the log that is to become session a ")
        }
        assert.strictEqual(yield* store.count, 0)
      })
    )
  })

  describe(`${name} removes`, () => {
    promises(
      "a session with everything but the memory of its messages",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t", "x"), asked("t", "approval"), said("t", "secret")])
        yield* store.append(b, 0, [accepted("t"), asked("t", "other")])
        assert.lengthOf(yield* store.search({ text: "secret", limit: 9 }), 1)
        assert.isTrue(yield* store.remove(a))
        assert.isFalse(yield* store.remove(a))
        assert.isTrue(Option.isNone(yield* store.session(a)))
        assert.deepStrictEqual(yield* store.read(a, { limit: 9 }), [])
        assert.deepStrictEqual(yield* store.unfinished, [b])
        assert.deepStrictEqual(
          (yield* store.approvals).map(({ id }) => id),
          [ApprovalId.make("other")]
        )
        assert.deepStrictEqual(yield* store.search({ text: "secret", limit: 9 }), [])
        assert.strictEqual((yield* Effect.flip(store.append(c, 0, [accepted("t", "x")])))._tag, "DuplicateMessage")
      })
    )

    promises(
      "so that another of the same name can begin, and is found alone",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [said("t", "first words"), said("t", "more words")])
        assert.lengthOf(yield* store.search({ text: "words", limit: 9 }), 2)
        yield* store.remove(a)
        yield* store.append(a, 0, [said("t", "second words")])
        const hits = yield* store.search({ text: "words", limit: 9 })
        assert.deepStrictEqual(
          hits.map(({ excerpt }) => excerpt),
          ["second words"]
        )
        assert.strictEqual(Option.getOrThrow(yield* store.session(a)).unfinished, 1)
      })
    )
  })
}
