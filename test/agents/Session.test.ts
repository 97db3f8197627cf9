import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { open } from "../../src/agents/Session.ts"
import { SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { messagesOf } from "../../src/sessions/History.ts"
import { empty, foldAll } from "../../src/sessions/SessionLog.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { Signals } from "../../src/telemetry/Signals.ts"
import { called, compacted, ended, main, replied, said, started } from "../support/TurnEvents.ts"

const id = SessionId.make("s")
const turn = (nth: number): ReadonlyArray<NewSessionEvent> => {
  const name = `turn-${nth}`
  return [said(name, `question ${nth}`), started(name), called(name, 1), replied(name, 1, "hi"), ended(name)]
}

/** A session with a log of 1,000 events. */
const long = Effect.gen(function* () {
  const [first = said("t"), ...rest] = Array.from({ length: 200 }, (_, nth) => turn(nth)).flat()
  yield* SessionStore.use((store) => store.append(id, 0, [first, ...rest]))
  return yield* open(id)
})

/** A session whose last 20 turns of 200 were not compacted, and the places from which its log is read. */
const compactedLong = Effect.gen(function* () {
  const through = 901
  const note = compacted("turn-199", through, "180 turns were had")
  const carried = {
    ...note.carried,
    waiting: [{ seq: 901, turn: TurnId.make("turn-180"), agent: main, text: "question 180", preceding: [] }]
  }
  const events = Array.from({ length: 200 }, (_, nth) => turn(nth)).flat()
  const last = events.slice(-3)
  const [first = said("t"), ...rest] = [...events.slice(0, -3), { ...note, carried }, ...last]
  const store = yield* SessionStore
  yield* store.append(id, 0, [first, ...rest])
  const reads: Array<number> = []
  const watched = SessionStore.of({
    ...store,
    read: (session, page) => {
      reads.push(page.after ?? 0)
      return store.read(session, page)
    }
  })
  const session = yield* Effect.provideService(open(id), SessionStore, watched)
  return { session, reads, log: [first, ...rest] }
})

const services = Layer.merge(SessionStore.layerMemory, Signals.layer)

describe("Session", () => {
  it.effect("lets others get on while it reads a long log", () =>
    Effect.gen(function* () {
      const session = yield* long
      const reading = yield* Effect.forkChild(session.ready)
      const seen: Array<number> = []
      while (session.state().seq < 1000) {
        seen.push(session.state().seq)
        yield* Effect.yieldNow
      }
      yield* Fiber.join(reading)
      assert.includeMembers(seen, [250, 500, 750])
      assert.strictEqual(session.surprises(), 0)
      assert.strictEqual(messagesOf(session.state().history).length, 400)
    }).pipe(Effect.provide(services))
  )

  it.effect("goes on where it was when whoever read its log gave up in the middle", () =>
    Effect.gen(function* () {
      const session = yield* long
      const reading = yield* Effect.forkChild(session.ready)
      while (session.state().seq < 500) yield* Effect.yieldNow
      yield* Fiber.interrupt(reading)
      assert.isBelow(session.state().seq, 1000)
      yield* session.ready
      assert.strictEqual(session.state().seq, 1000)
      assert.strictEqual(messagesOf(session.state().history).length, 400)
      assert.strictEqual(session.surprises(), 0)
    }).pipe(Effect.provide(services))
  )

  it.effect("decides nothing before the whole log is read", () =>
    Effect.gen(function* () {
      const session = yield* long
      const reading = yield* Effect.forkChild(session.ready)
      while (session.state().seq === 0) yield* Effect.yieldNow
      const { value } = yield* session.transact((state) => ({ events: [], value: state.seq }))
      assert.strictEqual(value, 1000)
      yield* Fiber.join(reading)
    }).pipe(Effect.provide(services))
  )

  it.effect("reads only what follows its newest compaction, and comes to the same as if it had read it all", () =>
    Effect.gen(function* () {
      const { log, reads, session } = yield* compactedLong
      yield* session.ready
      assert.deepStrictEqual(reads, [901])
      assert.strictEqual(session.state().seq, 1001)
      assert.deepStrictEqual(session.state(), foldAll(empty, log))
      assert.strictEqual(messagesOf(session.state().history).length, 41)
    }).pipe(Effect.provide(services))
  )

  it.effect("reads everything when a compaction stands for more than was said before it", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      const log = [said("t", "hello"), started("t"), compacted("t", 100, "all of it"), called("t", 1)] as const
      yield* store.append(id, 0, log)
      const session = yield* open(id)
      yield* session.ready
      assert.strictEqual(session.state().seq, 4)
      yield* session.transact(() => ({ events: [replied("t", 1, "hi")], value: undefined }))
      assert.strictEqual(session.state().seq, 5)
    }).pipe(Effect.provide(services))
  )
})
