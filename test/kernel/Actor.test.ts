import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Fiber, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/kernel/Actor.ts"
import { ActorDown } from "../../src/kernel/ActorError.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { asking, layer, settle, Troupe, turn, type Work } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 3, within: "1 minute" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

/** One actor, supervised. */
const staged = Effect.gen(function* () {
  const { actor, diary } = yield* Troupe
  const a = actor("a")
  const supervisor = yield* Supervisor.make({ ...rules, children: [a] })
  turn(diary)
  return { a, diary, supervisor, say: (word: string) => Effect.sync(() => void diary.push(word)) }
})

describe("Actor, working", () => {
  test(
    "answers what `receive` makes of the message",
    Effect.gen(function* () {
      const { a } = yield* staged
      assert.strictEqual(yield* a.ask(Effect.succeed("at once")), "at once")
      assert.strictEqual(yield* a.ask(Effect.as(Effect.yieldNow, "later")), "later")
    })
  )

  test(
    "works on messages one at a time, in the order they came, whether told or asked",
    Effect.gen(function* () {
      const { a, diary, say } = yield* staged
      const gate = yield* Deferred.make<void>()
      const slow = (word: string) =>
        Effect.andThen(say(`${word} begins`), Effect.andThen(Deferred.await(gate), say(`${word} ends`)))
      yield* a.tell(slow("first"))
      const second = yield* asking(a, slow("second"))
      yield* a.tell(say("third"))
      const fourth = yield* asking(a, say("fourth"))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["first begins"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([second, fourth])
      assert.deepStrictEqual(turn(diary), ["first ends", "second begins", "second ends", "third", "fourth"])
    })
  )

  it.effect.prop(
    "keeps the order of whatever one sender tells and asks",
    [Schema.Array(Schema.Literals(["tell", "ask"]))],
    ([sends]) =>
      Effect.gen(function* () {
        const { a, diary, say } = yield* staged
        for (const [index, how] of sends.entries()) yield* a[how](say(`${how} ${index}`))
        yield* settle
        assert.deepStrictEqual(
          turn(diary),
          sends.map((how, index) => `${how} ${index}`)
        )
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 50 } }
  )

  test(
    "may tell itself, and gets to it after what came before",
    Effect.gen(function* () {
      const { a, diary, say } = yield* staged
      yield* a.tell(Effect.andThen(Effect.orDie(a.tell(say("own"))), say("first")))
      yield* a.tell(say("second"))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["first", "second", "own"])
    })
  )

  test(
    "gets a time-out and no deadlock when it asks itself",
    Effect.gen(function* () {
      const { a } = yield* staged
      const itself = Effect.orDie(Effect.map(Effect.flip(a.ask(Effect.succeed("never"))), String))
      const asked = yield* asking(a, itself, { timeout: "10 seconds" })
      yield* TestClock.adjust("5 seconds")
      assert.include(yield* Fiber.join(asked), 'Actor "a" gave no answer within 5000 ms')
      assert.strictEqual(yield* a.ask(Effect.succeed("free again")), "free again")
    })
  )

  test(
    "lets ten thousand actors ask each other in one chain, whether the last answers at once or later",
    Effect.gen(function* () {
      const last = 9999
      const gate = yield* Deferred.make<void>()
      const actors: Array<Actor.Actor<number, number, unknown>> = []
      const link = Actor.define<number, number, unknown, never>({
        start: () =>
          Effect.succeed((nth) => {
            const next = actors[nth + 1]
            return next === undefined ? Effect.as(Deferred.await(gate), nth) : next.ask(nth + 1)
          })
      })
      for (let nth = 0; nth <= last; nth++) actors.push(link(`${nth}`))
      yield* Supervisor.make({ ...rules, children: actors })
      const [first] = actors
      if (first === undefined) return assert.fail("there are ten thousand")
      const later = yield* Effect.forkChild(first.ask(0), { startImmediately: true })
      yield* Effect.repeat(settle, { times: 20 })
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(later), last)
      assert.strictEqual(yield* first.ask(0), last)
    })
  )

  test(
    "may be asked again by whoever it has just answered, however long the chain of asks before",
    Effect.gen(function* () {
      const depth = 40
      const actors: Array<Actor.Actor<number, string, unknown>> = []
      const twice = Actor.define<number, string, unknown, never>({
        start: () =>
          Effect.succeed((nth) => {
            const next = actors[nth + 1]
            if (next === undefined) return Effect.succeed("answer")
            const ask = next.ask(nth + 1)
            return nth === depth - 2 ? Effect.andThen(ask, ask) : ask
          })
      })
      for (let nth = 0; nth < depth; nth++) actors.push(twice(`${nth}`))
      yield* Supervisor.make({ ...rules, children: actors })
      for (const [nth, actor] of actors.entries()) assert.strictEqual(yield* actor.ask(nth), "answer")
    })
  )
})

describe("Actor, failing", () => {
  test(
    "answers a typed failure and lives on",
    Effect.gen(function* () {
      const { a, diary } = yield* staged
      assert.strictEqual(yield* Effect.flip(a.ask(Effect.fail("no"))), "no")
      assert.strictEqual(yield* Effect.flip(a.ask(Effect.andThen(Effect.yieldNow, Effect.fail("no")))), "no")
      assert.strictEqual(yield* a.ask(Effect.succeed("yes")), "yes")
      assert.deepStrictEqual(turn(diary), [])
    })
  )

  const ends: ReadonlyArray<readonly [string, Work]> = [
    ["a defect", Effect.die(new Error("odd"))],
    ["a defect, later", Effect.andThen(Effect.yieldNow, Effect.die(new Error("odd")))],
    ["something thrown", Effect.sync(() => assert.fail("odd"))]
  ]
  for (const [name, work] of ends) {
    test(
      `tells the asker that it ended, and of what: ${name}`,
      Effect.gen(function* () {
        const { a, diary } = yield* staged
        const error = yield* Effect.flip(a.ask(work))
        assert.instanceOf(error, ActorDown)
        assert.isTrue(error instanceof ActorDown && Cause.isCause(error.cause))
        assert.match(String(error), /Actor "a" gave no answer: it failed: .*odd/)
        yield* settle
        assert.deepStrictEqual(turn(diary), ["-a", "+a"])
      })
    )
  }

  test(
    "ends of a failure that nobody waits for",
    Effect.gen(function* () {
      const { a, diary, supervisor } = yield* staged
      yield* a.tell(Effect.fail("to whom?"))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
      assert.include((yield* supervisor.snapshot).children[0]?.lastExit?.reason, "to whom?")
    })
  )

  test(
    "loses only the message in its hand: the next incarnation works on those that wait",
    Effect.gen(function* () {
      const { a, diary, say } = yield* staged
      const gate = yield* Deferred.make<void>()
      const lost = yield* asking(a, Effect.andThen(Deferred.await(gate), Effect.die("odd")))
      yield* a.tell(say("told"))
      const kept = yield* asking(a, Effect.andThen(say("asked"), Effect.succeed("answer")))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(lost), "ActorDown")
      assert.strictEqual(yield* Fiber.join(kept), "answer")
      assert.deepStrictEqual(turn(diary), ["-a", "+a", "told", "asked"])
    })
  )
})
