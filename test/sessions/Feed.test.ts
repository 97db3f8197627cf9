import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent, SessionEvent } from "../../src/domain/SessionEvent.ts"
import { follow } from "../../src/sessions/Feed.ts"
import { SessionStore, StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import { Signals, type TextDelta } from "../../src/telemetry/Signals.ts"
import { called, ended, replied, said, started } from "../support/TurnEvents.ts"

const s = SessionId.make("s")

const fresh = () => Layer.mergeAll(Layer.fresh(SessionStore.layerMemory), Layer.fresh(Signals.layer))

/** Appends as a session does: to the store first, then to whoever watches. */
const append = Effect.fnUntraced(function* (after: number, ...events: ReadonlyArray<NewSessionEvent>) {
  const [store, signals] = [yield* SessionStore, yield* Signals]
  const [first, ...rest] = events
  if (first === undefined) return
  const appended = yield* store.append(s, after, [first, ...rest])
  for (const event of appended) signals.publish({ type: "Appended", session: s, event })
})

const delta = (called: number, text: string): TextDelta => ({
  type: "TextDelta",
  turn: TurnId.make("t"),
  step: 1,
  called,
  offset: 0,
  text
})

const speak = (called: number, text: string) =>
  Signals.use((signals) => Effect.sync(() => signals.publish({ type: "Text", session: s, delta: delta(called, text) })))

/** Starts to follow and returns what comes next, one by one. */
const following = Effect.fnUntraced(function* (after = 0) {
  const seen = yield* Queue.unbounded<SessionEvent | TextDelta>()
  yield* Effect.forkScoped(
    Stream.runForEach(follow(s, after), (entry) => Queue.offer(seen, entry)),
    { startImmediately: true }
  )
  return Queue.take(seen)
})

const inShort = (entry: SessionEvent | TextDelta) =>
  entry.type === "TextDelta" ? entry.text : `${entry.seq} ${entry.type}`

const take = (count: number, next: Effect.Effect<SessionEvent | TextDelta>) =>
  Effect.map(Effect.all(Array.from({ length: count }, () => next)), (entries) => entries.map(inShort))

describe("whoever follows a session", () => {
  it.effect("is told everything behind a place, however many pages that takes", () =>
    Effect.gen(function* () {
      yield* append(0, ...Array.from({ length: 1200 }, (_, index) => said(`t${index}`)))
      for (const after of [0, 1, 199, 200, 700, 1199]) {
        const told = yield* Stream.runCollect(Stream.take(follow(s, after), 1200 - after))
        assert.deepStrictEqual(
          told.map((entry) => ("seq" in entry ? entry.seq : 0)),
          Array.from({ length: 1200 - after }, (_, index) => after + 1 + index)
        )
      }
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("is told what was, then what happens", () =>
    Effect.gen(function* () {
      yield* append(0, said("t"), started("t"))
      const next = yield* following()
      assert.deepStrictEqual(yield* take(2, next), ["1 MessageAccepted", "2 TurnStarted"])
      yield* append(2, called("t", 1))
      yield* speak(3, "good ")
      yield* speak(3, "morning")
      yield* append(3, replied("t", 1, "good morning"), ended("t"))
      assert.deepStrictEqual(yield* take(5, next), [
        "3 ModelCalled",
        "good ",
        "morning",
        "4 ModelReplied",
        "5 TurnEnded"
      ])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("may begin anywhere, also before the session does", () =>
    Effect.gen(function* () {
      const early = yield* following()
      yield* append(0, said("t"), started("t"), called("t", 1))
      assert.deepStrictEqual(yield* take(3, early), ["1 MessageAccepted", "2 TurnStarted", "3 ModelCalled"])
      assert.deepStrictEqual(yield* take(1, yield* following(2)), ["3 ModelCalled"])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("is told once what is appended between joining and reading", () =>
    Effect.gen(function* () {
      const [store, signals] = [yield* SessionStore, yield* Signals]
      let reads = 0
      const appending = Effect.orDie(append(0, said("t"), started("t"))).pipe(
        Effect.provideService(SessionStore, store),
        Effect.provideService(Signals, signals)
      )
      const late = SessionStore.of({
        ...store,
        read: (...read) => Effect.andThen(reads++ === 0 ? appending : Effect.void, store.read(...read))
      })
      const next = yield* Effect.provideService(following(), SessionStore, late)
      assert.deepStrictEqual(yield* take(2, next), ["1 MessageAccepted", "2 TurnStarted"])
      yield* append(2, called("t", 1))
      assert.deepStrictEqual(yield* take(1, next), ["3 ModelCalled"])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("is told nothing of other sessions", () =>
    Effect.gen(function* () {
      const next = yield* following()
      const store = yield* SessionStore
      const signals = yield* Signals
      const other = SessionId.make("other")
      for (const event of yield* store.append(other, 0, [said("u")]))
        signals.publish({ type: "Appended", session: other, event })
      yield* append(0, said("t"))
      assert.deepStrictEqual(yield* take(1, next), ["1 MessageAccepted"])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("does not hear text again that was already replied", () =>
    Effect.gen(function* () {
      const signals = yield* Signals
      const watching = yield* signals.watch(s)
      yield* append(0, said("t"), started("t"), called("t", 1), replied("t", 1, "hi"), ended("t"))
      yield* Queue.clear(watching)
      const next = yield* following()
      yield* take(5, next)
      yield* speak(3, "stale")
      yield* append(5, said("u"), started("u"), called("u", 1))
      yield* speak(8, "new")
      assert.deepStrictEqual(yield* take(4, next), ["6 MessageAccepted", "7 TurnStarted", "8 ModelCalled", "new"])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("loses text when it lags behind, but no event", () =>
    Effect.gen(function* () {
      yield* append(0, said("t"), started("t"), called("t", 1))
      const seen: Array<SessionEvent | TextDelta> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(
          Stream.takeUntil(follow(s, 0), ({ type }) => type === "TurnEnded"),
          (entry) => Effect.sync(() => seen.push(entry))
        ),
        { startImmediately: true }
      )
      // Nothing yields from here on, so the reader does not get on while ten thousand signals pass it.
      const signals = yield* Signals
      const store = yield* SessionStore
      const pushed = yield* store.append(s, 3, [replied("t", 1, "hi"), said("t"), ended("t")])
      yield* Effect.sync(() => {
        for (const event of pushed.slice(0, 2)) signals.publish({ type: "Appended", session: s, event })
        for (let nth = 0; nth < 10_000; nth++) signals.publish({ type: "Text", session: s, delta: delta(99, `${nth}`) })
        for (const event of pushed.slice(2)) signals.publish({ type: "Appended", session: s, event })
      })
      yield* Fiber.join(reading)
      const seqs = seen.flatMap((entry) => (entry.type === "TextDelta" ? [] : [entry.seq]))
      assert.deepStrictEqual(seqs, [1, 2, 3, 4, 5, 6])
      assert.isBelow(seen.length, 10_000)
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("is told when the store cannot be read", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.runCollect(Stream.take(follow(s, 0), 1)))
      assert.strictEqual(error.message, "gone")
    }).pipe(Effect.provide(Layer.merge(unreadable, Layer.fresh(Signals.layer))))
  )
})

const unreadable = Layer.effect(
  SessionStore,
  Effect.map(SessionStore, (store) => ({ ...store, read: () => Effect.fail(new StoreUnavailable({ reason: "gone" })) }))
).pipe(Layer.provide(Layer.fresh(SessionStore.layerMemory)))

const Sizes = Schema.Array(Schema.Struct({ size: Schema.Literals([1, 2, 3]), yields: Schema.Literals([0, 1, 5]) }))
const Watchers = Schema.Array(
  Schema.Struct({ yields: Schema.Literals([0, 3, 10]), behind: Schema.Literals([0, 1, 2]) })
)

const pause = (yields: number) => Effect.repeat(Effect.yieldNow, { times: yields })

describe("in every session", () => {
  it.effect.prop(
    "whoever follows is told each event once and in order, whenever they begin",
    { sizes: Sizes, watchers: Watchers },
    ({ sizes, watchers }) =>
      Effect.gen(function* () {
        const total = sizes.reduce((sum, { size }) => sum + size, 1)
        const appending = Effect.gen(function* () {
          let last = 0
          for (const { size, yields } of [{ size: 1, yields: 0 }, ...sizes]) {
            yield* append(last, ...Array.from({ length: size }, () => said("t")))
            last += size
            yield* pause(yields)
          }
        })
        const watching = ({ behind, yields }: (typeof watchers)[number]) =>
          Effect.gen(function* () {
            yield* pause(yields)
            const after = Math.min(behind, total - 1)
            const entries = yield* Stream.runCollect(Stream.take(follow(s, after), total - after))
            const expected = Array.from({ length: total - after }, (_, index) => after + 1 + index)
            assert.deepStrictEqual(
              entries.map((entry) => ("seq" in entry ? entry.seq : -1)),
              expected
            )
          })
        yield* Effect.all([appending, ...watchers.map(watching)], { concurrency: "unbounded", discard: true })
      }).pipe(Effect.provide(fresh())),
    { arbitrary: { runs: 100 } }
  )
})
