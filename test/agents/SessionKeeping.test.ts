import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { Directory } from "../../src/agents/Directory.ts"
import { AgentId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { SessionStore, StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { below, ended, event, inTime, log, s, say, settle, types } from "../support/AgentWorld.ts"
import { behind, gate, make, text } from "../support/FakeProvider.ts"

const other = SessionId.make("other")

const remove = (session = s) => Directory.use((directory) => directory.remove(session))

type Store = SessionStore["Service"]

/** A store in memory of which some parts are different. */
const storeWith = (change: (whole: Store) => Partial<Store>) =>
  Layer.effect(
    SessionStore,
    Effect.map(SessionStore, (whole) => SessionStore.of({ ...whole, ...change(whole) }))
  ).pipe(Layer.provide(Layer.fresh(SessionStore.layerMemory)))

/** A store that says when it is to remove a session, and waits until it may. */
const pausedRemoval = () => {
  const [reached, goOn] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
  const paused = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(goOn))
  const store = storeWith((whole) => ({ remove: (id) => Effect.andThen(paused, whole.remove(id)) }))
  return { goOn, reached, store }
}

describe("a session is deleted", () => {
  it.effect("before anybody else may speak to it, who then speaks to a new one", () =>
    Effect.gen(function* () {
      const { goOn, reached, store } = pausedRemoval()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* ended()
        const removing = yield* Effect.forkChild(remove(), { startImmediately: true })
        yield* Deferred.await(reached)
        const speaking = yield* Effect.forkChild(say("are you there?"), { startImmediately: true })
        const cancelling = yield* Effect.forkChild(AgentWorld.cancel, { startImmediately: true })
        yield* settle
        assert.isUndefined(speaking.pollUnsafe())
        assert.lengthOf(yield* log(), 5)
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(removing)
        assert.strictEqual((yield* Fiber.join(speaking)).seq, 1)
        yield* Fiber.await(cancelling)
        yield* ended()
        assert.strictEqual((yield* event("MessageAccepted")).text, "are you there?")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  it.effect("together with what serves it, and makes room for another", () =>
    Effect.gen(function* () {
      const opened = gate()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* opened.reached
        assert.strictEqual((yield* Effect.flip(say("hello", { session: other })))._tag, "SessionLimitReached")
        const closing = yield* Effect.forkChild(event("TurnEnded"), { startImmediately: true })
        yield* remove()
        assert.strictEqual((yield* Fiber.join(closing)).outcome, "cancelled")
        assert.deepStrictEqual(yield* below("sessions"), [])
        assert.strictEqual(yield* Directory.use(({ active }) => active), 0)
        yield* say("hello", { session: other })
        yield* ended(1, other)
        assert.strictEqual((yield* Effect.flip(say("hello")))._tag, "SessionLimitReached")
        assert.strictEqual((yield* Effect.flip(remove()))._tag, "SessionUnknown")
      }).pipe(
        Effect.provide(
          AgentWorld.layer({ providers: [make([behind(opened, text("never"))])], limits: { sessions: 1 } })
        )
      )
    })
  )

  it.effect("or goes on, when the disk can do neither", () =>
    Effect.gen(function* () {
      const broken = { is: false }
      const failure = new StoreUnavailable({ reason: "the disk is full" })
      const unless = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.suspend((): Effect.Effect<A, E | StoreUnavailable, R> => (broken.is ? failure : effect))
      const store = storeWith((whole) => ({
        append: (...append) => unless(whole.append(...append)),
        remove: (id) =>
          Effect.ensuring(
            unless(whole.remove(id)),
            Effect.sync(() => (broken.is = false))
          )
      }))
      const opened = gate()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* opened.reached
        broken.is = true
        assert.strictEqual((yield* Effect.flip(remove())).message, "the disk is full")
        assert.deepInclude(yield* inTime(ended()), { outcome: "completed" })
        assert.include(yield* types(), "TurnResumed")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("never"))])], store })))
    })
  )

  it.effect("and whoever wants to know is told of its last event", () =>
    Effect.gen(function* () {
      yield* say("hello")
      yield* ended()
      yield* Effect.gen(function* () {
        const departure = yield* Directory.use((directory) => directory.departure(s))
        yield* remove()
        assert.strictEqual(yield* departure, 5)
      }).pipe(Effect.scoped)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )
})

describe("a session that was only asked for", () => {
  it.effect("is looked for again when a log has come for it from elsewhere", () =>
    Effect.gen(function* () {
      yield* say("hello")
      yield* ended()
      assert.strictEqual((yield* Effect.flip(say("hello", { session: other, agent: undefined })))._tag, "AgentMissing")
      yield* Directory.use((directory) => directory.fork(s, 5, other))
      assert.strictEqual((yield* say("and now?", { session: other, agent: undefined })).seq, 7)
      yield* ended(2, other)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )
})

describe("a copy", () => {
  it.effect("is not made of two sessions that had the same name one after the other", () =>
    Effect.gen(function* () {
      const [reached, goOn] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const paused = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(goOn))
      const store = storeWith((whole) => ({
        read: (id, page) =>
          Effect.tap(whole.read(id, page), page.limit === 250 && page.after === 0 ? paused : Effect.void)
      }))
      yield* Effect.gen(function* () {
        const directory = yield* Directory
        const [agent, turn] = [AgentId.make("main"), TurnId.make("t")]
        const long = (at: string) =>
          Array.from({ length: 300 }, (_, index): SessionEvent => {
            const seq = index + 1
            return index % 2 === 0
              ? { type: "MessageAccepted", turn, agent, channel: "test", text: at, seq, at }
              : { type: "TurnEnded", turn, outcome: "completed", seq, at }
          })
        const bring = (at: string) =>
          directory.adopt({ session: s, from: s, agent, log: Stream.fromIterable(long(at)) })
        yield* bring("2026-01-01T00:00:00.000Z")
        const copying = yield* Effect.forkChild(Effect.flip(directory.fork(s, 300, other)), { startImmediately: true })
        yield* Deferred.await(reached)
        yield* SessionStore.use((present) => present.remove(s))
        yield* bring("2026-02-02T00:00:00.000Z")
        yield* Deferred.succeed(goOn, undefined)
        assert.strictEqual((yield* Fiber.join(copying))._tag, "SessionUnknown")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )
})

describe("a place for a session", () => {
  it.effect("is kept when whoever sent its first message goes while it is written", () =>
    Effect.gen(function* () {
      const [reached, goOn] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const paused = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(goOn))
      const store = storeWith((whole) => ({
        append: (...append) => Effect.tap(whole.append(...append), paused),
        adopt: (id, copied) => Effect.tap(whole.adopt(id, copied), paused)
      }))
      yield* Effect.gen(function* () {
        const speaking = yield* Effect.forkChild(say("hello"), { startImmediately: true })
        yield* Deferred.await(reached)
        const leaving = yield* Effect.forkChild(Fiber.interrupt(speaking), { startImmediately: true })
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(leaving)
        yield* ended()
        assert.strictEqual((yield* Effect.flip(say("hello", { session: other })))._tag, "SessionLimitReached")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store, limits: { sessions: 1 } })))
    })
  )

  it.effect("is kept when whoever wanted a copy goes while its last event is written", () =>
    Effect.gen(function* () {
      const [reached, goOn] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const paused = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(goOn))
      const store = storeWith((whole) => ({ adopt: (id, copied) => Effect.tap(whole.adopt(id, copied), paused) }))
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* ended()
        const copying = yield* Effect.forkChild(
          Directory.use((directory) => directory.fork(s, 5, other)),
          { startImmediately: true }
        )
        yield* Deferred.await(reached)
        const leaving = yield* Effect.forkChild(Fiber.interrupt(copying), { startImmediately: true })
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(leaving)
        const third = SessionId.make("third")
        assert.strictEqual((yield* Effect.flip(say("hello", { session: third })))._tag, "SessionLimitReached")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store, limits: { sessions: 2 } })))
    })
  )

  it.effect("is given back when whoever brings a log goes before its end", () =>
    Effect.gen(function* () {
      yield* say("hello")
      yield* ended()
      const reached = Deferred.makeUnsafe<void>()
      const slow = Stream.concat(
        Stream.fromIterable((yield* log()).slice(0, 2)),
        Stream.fromEffect(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      )
      const bringing = yield* Effect.forkChild(
        Directory.use((directory) =>
          directory.adopt({ session: other, from: s, agent: AgentId.make("main"), log: slow })
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(reached)
      assert.strictEqual((yield* Effect.flip(say("hello", { session: other })))._tag, "SessionLimitReached")
      yield* Fiber.interrupt(bringing)
      yield* say("hello", { session: other })
      yield* ended(1, other)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], limits: { sessions: 2 } })))
  )
})

describe("messages that wait", () => {
  it.effect("are not taken beyond a number, but what was taken is known when it is sent again", () =>
    Effect.gen(function* () {
      const opened = gate()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* opened.reached
        const first = yield* say("again", { externalId: "x" })
        for (let nth = 1; nth < 1000; nth++) yield* say("more")
        const refused = yield* Effect.flip(say("one more", { externalId: "y" }))
        assert.strictEqual(refused._tag, "SessionCrowded")
        assert.deepStrictEqual(yield* say("again", { externalId: "x" }), { ...first, repeated: true })
        yield* opened.open
        yield* ended()
        assert.isFalse((yield* say("one more", { externalId: "y" })).repeated)
        yield* ended(2)
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([behind(opened, text("patience"))])] })))
    })
  )
})

describe("pins", () => {
  it.effect("are not put on a new session by whoever meant one that is being deleted", () =>
    Effect.gen(function* () {
      const { goOn, reached, store } = pausedRemoval()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* ended()
        const removing = yield* Effect.forkChild(remove(), { startImmediately: true })
        yield* Deferred.await(reached)
        const pinning = yield* Effect.forkChild(Effect.flip(Directory.use((directory) => directory.pin(s, 1))), {
          startImmediately: true
        })
        yield* settle
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(removing)
        assert.strictEqual((yield* Fiber.join(pinning))._tag, "SessionUnknown")
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], store })))
    })
  )

  it.effect("are a hundred at most", () =>
    Effect.gen(function* () {
      const pin = (event: number) => Directory.use((directory) => directory.pin(s, event))
      for (let nth = 1; nth <= 101; nth++) {
        yield* say(`number ${nth}`)
        yield* ended(nth)
      }
      const said = (yield* log()).flatMap(({ seq, type }) => (type === "MessageAccepted" ? [seq] : []))
      for (const event of said.slice(0, 100)) yield* pin(event)
      assert.strictEqual(
        (yield* Effect.flip(pin(said[100] ?? 0))).message,
        "session s has 100 pins already; unpin something first"
      )
      yield* pin(said[99] ?? 0)
      yield* Directory.use((directory) => directory.unpin(s, said[0] ?? 0))
      yield* pin(said[100] ?? 0)
    }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])] })))
  )
})
