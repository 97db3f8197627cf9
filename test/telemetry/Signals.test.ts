import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Effect, Exit, Layer, Queue, Scope } from "effect"
import { SessionId, TurnId } from "../../src/domain/Ids.ts"
import { type Signal, Signals } from "../../src/telemetry/Signals.ts"

const [s, other] = [SessionId.make("s"), SessionId.make("other")]
const fresh = () => Layer.fresh(Signals.layer)

const text = (session: SessionId, said: string): Signal => ({
  type: "Text",
  session,
  delta: { type: "TextDelta", turn: TurnId.make("t"), step: 1, called: 1, offset: 0, text: said }
})

const heard = (queue: Queue.Dequeue<Signal, Cause.Done>) =>
  Effect.map(Queue.clear(queue), (signals) =>
    signals.map((signal) => (signal.type === "Text" ? signal.delta.text : ""))
  )

describe("whoever watches a session", () => {
  it.effect("hears what was said before the bus ended, and then that it has", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const signals = Context.get(yield* Layer.buildWithScope(fresh(), scope), Signals)
      const queue = yield* signals.watch(s)
      signals.publish(text(s, "last"))
      yield* Scope.close(scope, Exit.void)
      assert.lengthOf(yield* Queue.takeAll(queue), 1)
      assert.strictEqual((yield* Effect.flip(Queue.take(queue)))._tag, "Done")
      const late = yield* signals.watch(s)
      assert.strictEqual((yield* Effect.flip(Queue.take(late)))._tag, "Done")
    })
  )

  it.effect("hears what is said in it from then on, like everybody else who does", () =>
    Effect.gen(function* () {
      const signals = yield* Signals
      signals.publish(text(s, "before"))
      const first = yield* signals.watch(s)
      signals.publish(text(s, "one"))
      const second = yield* signals.watch(s)
      signals.publish(text(other, "elsewhere"))
      signals.publish(text(s, "two"))
      assert.deepStrictEqual(yield* heard(first), ["one", "two"])
      assert.deepStrictEqual(yield* heard(second), ["two"])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("loses the oldest when they do not keep up", () =>
    Effect.gen(function* () {
      const signals = yield* Signals
      const slow = yield* signals.watch(s)
      for (let nth = 1; nth <= 5000; nth++) signals.publish(text(s, `${nth}`))
      const rest = yield* heard(slow)
      assert.lengthOf(rest, 4096)
      assert.deepStrictEqual([rest[0], rest.at(-1)], ["905", "5000"])
    }).pipe(Effect.provide(fresh()))
  )

  it.effect("hears nothing any more when their Scope is closed, and the others go on", () =>
    Effect.gen(function* () {
      const signals = yield* Signals
      const scope = yield* Scope.make()
      const gone = yield* Scope.provide(signals.watch(s), scope)
      const here = yield* signals.watch(s)
      yield* Scope.close(scope, Exit.void)
      signals.publish(text(s, "after"))
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(Queue.take(gone))))
      assert.deepStrictEqual(yield* heard(here), ["after"])
    }).pipe(Effect.provide(fresh()))
  )
})
