import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { open } from "../../src/agents/Session.ts"
import { SessionId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { messagesOf } from "../../src/sessions/History.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import { Signals } from "../../src/telemetry/Signals.ts"
import { called, ended, replied, said, started } from "../support/TurnEvents.ts"

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
})
