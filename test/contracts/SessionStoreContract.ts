/** What every session store promises, whatever it is built on. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, type Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { AgentId, ApprovalId } from "../../src/domain/Ids.ts"
import { SessionStore, type StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import { accepted, asked, called, ended, session, settled, turn } from "./SessionStoreEvents.ts"

/** `fresh` builds an empty store each time. */
export const sessionStoreContract = (name: string, fresh: () => Layer.Layer<SessionStore, StoreUnavailable>) => {
  const promises = (sentence: string, body: Effect.Effect<void, unknown, SessionStore>) =>
    it.effect(sentence, () => Effect.suspend(() => Effect.provide(body, fresh())))
  const [a, b, c] = [session("a"), session("b"), session("c")]

  describe(`${name} keeps logs`, () => {
    promises(
      "that are numbered from 1, carry the instant, and read back as they were appended",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const first = yield* store.append(a, 0, [accepted("t"), called("t", 1)])
        yield* TestClock.adjust("1 second")
        const second = yield* store.append(a, 2, [ended("t")])
        assert.deepStrictEqual(
          [...first, ...second],
          [
            { ...accepted("t"), seq: 1, at: "1970-01-01T00:00:00.000Z" },
            { ...called("t", 1), seq: 2, at: "1970-01-01T00:00:00.000Z" },
            { ...ended("t"), seq: 3, at: "1970-01-01T00:00:01.000Z" }
          ]
        )
        assert.deepStrictEqual(yield* store.read(a, { limit: 10 }), [...first, ...second])
      })
    )

    promises(
      "that are read in pages",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), called("t", 1), called("t", 2), ended("t")])
        const page = (after: number, limit: number) =>
          Effect.map(store.read(a, { after, limit }), (events) => events.map(({ seq }) => seq))
        assert.deepStrictEqual(yield* page(1, 2), [2, 3])
        assert.deepStrictEqual(yield* page(3, 2), [4])
        assert.deepStrictEqual(yield* page(4, 2), [])
        assert.deepStrictEqual(yield* store.read(b, { limit: 2 }), [])
      })
    )

    promises(
      "of which only one of two writers continues at the same place",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t")])
        const writers = [called("t", 1), called("t", 2)].map((event) => Effect.result(store.append(a, 1, [event])))
        const [first, second] = yield* Effect.all(writers, { concurrency: "unbounded" })
        assert.deepStrictEqual([first?._tag, second?._tag].sort(), ["Failure", "Success"])
        const failure = [first, second].find((result) => result?._tag === "Failure")
        assert.strictEqual(failure?._tag === "Failure" ? failure.failure._tag : "", "AppendConflict")
        assert.lengthOf(yield* store.read(a, { limit: 10 }), 2)
      })
    )

    promises(
      "without gaps and overlaps, and with nothing of an append that failed",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t", "known")])
        for (const after of [0, 2, 7]) {
          const conflict = yield* Effect.flip(store.append(a, after, [accepted("u", "new"), asked("u", "approval")]))
          assert.strictEqual(conflict._tag, "AppendConflict")
          assert.strictEqual(conflict.message, `session a has gone on past event ${after}`)
        }
        assert.strictEqual((yield* Effect.flip(store.append(b, 1, [accepted("u", "new")])))._tag, "AppendConflict")
        yield* Effect.flip(store.append(a, 1, [accepted("u", "new"), asked("u", "approval"), accepted("u", "known")]))
        assert.lengthOf(yield* store.read(a, { limit: 10 }), 1)
        assert.strictEqual(yield* store.count, 1)
        assert.deepStrictEqual(yield* store.approvals, [])
        assert.isTrue(Option.isNone(yield* store.accepted("discord", "new")))
        assert.strictEqual(Option.getOrThrow(yield* store.session(a)).unfinished, 1)
      })
    )

    promises(
      "that several appends which wait together may continue in turn",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const appends = [
          store.append(a, 0, [accepted("t", "x")]),
          store.append(b, 0, [accepted("u", "x")]),
          store.append(a, 1, [called("t", 1), called("t", 2)]),
          store.append(a, 2, [called("t", 9)]),
          store.append(a, 3, [ended("t")])
        ]
        const exits = yield* Effect.all(appends.map(Effect.exit), { concurrency: "unbounded" })
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true, false, true])
        const log = yield* store.read(a, { limit: 10 })
        assert.deepStrictEqual(
          log.map(({ type }) => type),
          ["MessageAccepted", "ModelCalled", "ModelCalled", "TurnEnded"]
        )
        assert.deepStrictEqual(yield* store.unfinished, [])
      })
    )

    promises(
      "of one agent each, which the first events have to name",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const exit = yield* Effect.exit(store.append(a, 0, [called("t", 1)]))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        yield* store.append(a, 0, [called("t", 1), accepted("t")])
        yield* store.append(a, 2, [accepted("u", undefined, "discord", "other")])
        assert.strictEqual(Option.getOrThrow(yield* store.session(a)).agent, "main")
      })
    )

    const Steps = Schema.Array(
      Schema.Struct({ session: Schema.Literals(["a", "b", "c"]), size: Schema.Literals([1, 2, 5]) })
    )

    it.effect.prop(
      "gaplessly and in order, however appends interleave",
      { steps: Steps },
      ({ steps }) =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          yield* Effect.forEach(
            [a, b, c],
            (id) =>
              Effect.gen(function* () {
                let last = (yield* store.append(id, 0, [accepted("t")])).length
                for (const { size } of steps.filter((step) => step.session === id)) {
                  const more = Array.from({ length: size - 1 }, (_, index) => called("t", last + 2 + index))
                  last += (yield* store.append(id, last, [called("t", last + 1), ...more])).length
                }
                const log = yield* store.read(id, { limit: 1000 })
                assert.deepStrictEqual(
                  log.map(({ seq }) => seq),
                  Array.from({ length: last }, (_, index) => index + 1)
                )
                assert.isTrue(log.every((event) => event.type !== "ModelCalled" || event.step === event.seq))
              }),
            { concurrency: "unbounded" }
          )
        }).pipe(Effect.provide(fresh())),
      { arbitrary: { runs: 20 } }
    )
  })

  describe(`${name} knows messages`, () => {
    promises(
      "that come again, and says where they are, however far the log has gone on",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t", "x"), called("t", 1)])
        for (const [id, after] of [
          [a, 2],
          [a, 0],
          [b, 0],
          [b, 5]
        ] as const) {
          const again = yield* Effect.flip(store.append(id, after, [called("u", 1), accepted("u", "x")]))
          assert.strictEqual(again._tag, "DuplicateMessage")
          assert.include(again, {
            session: a,
            turn: turn("t"),
            seq: 1,
            message: "the message is already event 1 of session a"
          })
        }
        assert.include(Option.getOrThrow(yield* store.accepted("discord", "x")), {
          session: a,
          turn: turn("t"),
          seq: 1
        })
        assert.isTrue(Option.isNone(yield* store.session(b)))
      })
    )

    promises(
      "that come several times at once, and accepts one of them",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const deliveries = [a, b, c, a].map((id) => Effect.exit(store.append(id, 0, [accepted(`t-${id}`, "x")])))
        const exits = yield* Effect.all(deliveries, { concurrency: "unbounded" })
        assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
        assert.strictEqual(yield* store.count, 1)
      })
    )

    promises(
      "that come twice in one append, and accepts none of them",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const error = yield* Effect.flip(store.append(a, 0, [accepted("t", "x"), accepted("u", "x")]))
        assert.strictEqual(error._tag, "DuplicateMessage")
        assert.strictEqual(yield* store.count, 0)
      })
    )

    promises(
      "by channel and external id together",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t", "bc", "a")])
        yield* store.append(a, 1, [accepted("t", "c", "ab"), accepted("t", "bc", "discord"), accepted("t", "", "a")])
        assert.strictEqual(Option.getOrThrow(yield* store.accepted("ab", "c")).seq, 2)
        assert.strictEqual(Option.getOrThrow(yield* store.accepted("a", "")).seq, 4)
        assert.isTrue(Option.isNone(yield* store.accepted("c", "ab")))
        assert.strictEqual((yield* Effect.flip(store.append(b, 0, [accepted("t", "", "a")])))._tag, "DuplicateMessage")
      })
    )
  })

  describe(`${name} lists`, () => {
    promises(
      "sessions by id, in pages, with what is unfinished in each",
      Effect.gen(function* () {
        const store = yield* SessionStore
        for (const id of [c, a, b]) yield* store.append(id, 0, [accepted("t"), accepted("u")])
        yield* TestClock.adjust("1 minute")
        yield* store.append(b, 2, [ended("t"), accepted("t")])
        const pages = [
          yield* store.sessions({ order: "id", limit: 2 }),
          yield* store.sessions({ order: "id", after: b, limit: 2 })
        ]
        assert.deepStrictEqual(
          pages.map((page) => page.map(({ id }) => id)),
          [[a, b], [c]]
        )
        assert.strictEqual(yield* store.count, 3)
        assert.deepStrictEqual(
          { ...Option.getOrThrow(yield* store.session(b)) },
          {
            id: b,
            agent: AgentId.make("main"),
            createdAt: "1970-01-01T00:00:00.000Z",
            updatedAt: "1970-01-01T00:01:00.000Z",
            seq: 4,
            unfinished: 2,
            compacted: 0,
            settings: {}
          }
        )
        assert.isTrue(Option.isNone(yield* store.session(session("nobody"))))
      })
    )

    promises(
      "sessions with a turn that was accepted and has not ended",
      Effect.gen(function* () {
        const store = yield* SessionStore
        for (const id of [c, b, a]) yield* store.append(id, 0, [accepted("t"), accepted("u")])
        yield* store.append(b, 2, [ended("t")])
        yield* store.append(a, 2, [accepted("t"), accepted("u")])
        yield* store.append(c, 2, [ended("t"), ended("u")])
        assert.deepStrictEqual(yield* store.unfinished, [a, b])
      })
    )

    promises(
      "open approvals, oldest first, and remembers how the others ended",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(b, 0, [accepted("t"), asked("t", "second")])
        yield* TestClock.adjust("1 second")
        yield* store.append(a, 0, [accepted("t"), asked("t", "first"), asked("t", "third")])
        const open = Effect.map(store.approvals, (approvals) => approvals.map(({ id }) => id))
        assert.deepStrictEqual(yield* open, ["second", "first", "third"])
        yield* store.append(a, 3, [settled("t", "first", "deny"), settled("t", "first", "allow")])
        yield* store.append(a, 5, [
          settled("t", "first", "expired"),
          settled("t", "unheard", "allow"),
          asked("t", "first")
        ])
        yield* store.append(a, 8, [asked("t", "fourth"), settled("t", "fourth", "cancelled")])
        assert.deepStrictEqual(yield* open, ["second", "third"])
        const fate = (id: string) =>
          Effect.map(
            store.approval(ApprovalId.make(id)),
            Option.map(({ settled }) => settled ?? "open")
          )
        assert.deepStrictEqual(yield* fate("first"), Option.some("deny"))
        assert.deepStrictEqual(yield* fate("second"), Option.some("open"))
        assert.deepStrictEqual(yield* fate("fourth"), Option.some("cancelled"))
        assert.deepStrictEqual(yield* fate("unheard"), Option.none())
      })
    )

    promises(
      "an approval with all that a person needs to know",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), asked("t", "approval")])
        const [approval] = yield* store.approvals
        const { approval: id, type, ...rest } = asked("t", "approval") as Record<string, unknown>
        assert.strictEqual(type, "ApprovalAsked")
        assert.deepStrictEqual({ ...approval }, { ...rest, id, session: a, askedAt: "1970-01-01T00:00:00.000Z" })
        const record = Option.getOrThrow(yield* store.approval(ApprovalId.make("approval")))
        assert.deepStrictEqual(record.approval, approval)
        assert.isFalse("settled" in record)
      })
    )
  })
}
