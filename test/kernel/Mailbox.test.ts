import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Letter, Mailbox, type MailboxOptions, type WhenFull } from "../../src/kernel/Mailbox.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { asking, layer, settle, Troupe, turn } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 3, within: "1 minute" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

/** An actor at work until the gate opens. */
const busy = Effect.fnUntraced(function* (mailbox: MailboxOptions) {
  const { actor, crash, diary } = yield* Troupe
  const a = actor("a", { mailbox })
  const supervisor = yield* Supervisor.make({ ...rules, children: [a] })
  const gate = yield* Deferred.make<void>()
  yield* a.tell(Deferred.await(gate))
  yield* settle
  turn(diary)
  const say = (word: string) => Effect.sync(() => void diary.push(word))
  const open = Effect.andThen(Deferred.succeed(gate, undefined), settle)
  /** Tells in a fiber of its own, and says when it was let in. */
  const telling = (word: string) =>
    Effect.forkChild(Effect.match(a.tell(say(word)), { onFailure: ({ _tag }) => _tag, onSuccess: () => "in" }), {
      startImmediately: true
    })
  return { a, crash: crash("a"), diary, gate, open, say, supervisor, telling }
})

describe("Mailbox, suspending when full", () => {
  const options = { capacity: 4, whenFull: "suspend" } as const

  test(
    "lets senders wait, and in again in the order they came",
    Effect.gen(function* () {
      const { a, diary, open, telling } = yield* busy(options)
      const words = ["1", "2", "3", "4", "5", "6", "7"]
      const senders = yield* Effect.forEach(words, telling)
      const asked = yield* asking(
        a,
        Effect.sync(() => diary.push("asked"))
      )
      yield* settle
      assert.deepStrictEqual(
        senders.map((sender) => sender.pollUnsafe() !== undefined),
        [true, true, true, true, false, false, false]
      )
      yield* open
      assert.deepStrictEqual([...new Set(yield* Fiber.joinAll(senders))], ["in"])
      yield* Fiber.join(asked)
      assert.deepStrictEqual(turn(diary), [...words, "asked"])
    })
  )

  it("lets nobody pass those who wait, though there is room by now", () => {
    const mailbox = new Mailbox(options)
    const letters = Array.from({ length: 8 }, (_, nth) => new Letter(nth, undefined, false))
    for (const letter of letters.slice(0, 6)) mailbox.offer(letter)
    const taken = [mailbox.take()]
    for (const letter of letters.slice(6)) mailbox.offer(letter)
    while (mailbox.length > 0) taken.push(mailbox.take())
    assert.deepStrictEqual(taken, letters)
  })

  test(
    "keeps senders waiting while the actor restarts, and lets them in with the next incarnation",
    Effect.gen(function* () {
      const { a, diary, gate, telling } = yield* busy(options)
      yield* a.tell(Effect.die("odd"))
      const senders = yield* Effect.forEach(["1", "2", "3", "4", "5"], telling)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual([...new Set(yield* Fiber.joinAll(senders))], ["in"])
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "+a", "1", "2", "3", "4", "5"])
    })
  )

  test(
    "tells senders who wait when the actor is stopped for good",
    Effect.gen(function* () {
      const { logs } = yield* Troupe
      const { supervisor, telling } = yield* busy(options)
      const senders = yield* Effect.forEach(["1", "2", "3", "4", "5", "6"], telling)
      yield* supervisor.stopChild("a")
      yield* supervisor.deleteChild("a")
      assert.deepStrictEqual((yield* Fiber.joinAll(senders)).slice(3), ["in", "ActorDown", "ActorDown"])
      assert.strictEqual(logs.at(-1)?.annotations["messages"], 4)
    })
  )

  test(
    "forgets a sender who goes away, and an asker who runs out of patience, in the line or past it",
    Effect.gen(function* () {
      const { a, diary, open, say, telling } = yield* busy(options)
      const waiting = yield* asking(a, say("waiting"), { timeout: "1 second" })
      const senders = yield* Effect.forEach(["1", "2", "3", "gone", "4"], telling)
      const inLine = yield* asking(a, say("in line"), { timeout: "1 second" })
      const interrupted = yield* asking(a, say("interrupted"))
      const [, , , gone] = senders
      if (gone !== undefined) yield* Fiber.interrupt(gone)
      yield* Fiber.interrupt(interrupted)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(waiting), yield* Fiber.join(inLine)], ["AskTimeout", "AskTimeout"])
      assert.strictEqual(a.waiting, 4)
      yield* open
      assert.deepStrictEqual([turn(diary), a.waiting > 0], [["1", "2", "3", "4"], false])
    })
  )

  test(
    "lets a sender in at once, and its message be worked on, when all who waited before have gone",
    Effect.gen(function* () {
      const { a, diary, open, say, telling } = yield* busy({ capacity: 2, whenFull: "suspend" })
      const waiting = [yield* asking(a, say("1")), yield* asking(a, say("2")), yield* telling("3")]
      yield* Fiber.interruptAll(waiting.toReversed())
      const late = yield* telling("4")
      assert.isDefined(late.pollUnsafe())
      yield* open
      assert.deepStrictEqual([turn(diary), a.waiting], [["4"], 0])
    })
  )

  const Step = Schema.Literals(["send", "take", "withdraw"])
  it.prop("takes every letter once and in order, whoever had to wait", [Schema.Array(Step)], ([steps]) => {
    const mailbox = new Mailbox({ capacity: 3, whenFull: "suspend" })
    const expected: Array<Letter> = []
    const admitted = new Set<Letter>()
    let sent = 0
    for (const step of steps) {
      const letter = new Letter(sent++, undefined, false)
      letter.admitted = () => void admitted.add(letter)
      if (step === "send") {
        mailbox.offer(letter)
        expected.push(letter)
      }
      if (step === "take") assert.strictEqual(mailbox.take(), expected.shift())
      const last = step === "withdraw" ? expected.pop() : undefined
      if (last !== undefined) mailbox.remove(last)
      assert.strictEqual(mailbox.length, expected.length)
      assert.isTrue(expected.slice(3).every((waits) => !admitted.has(waits)))
      if (expected.length <= 1) assert.isFalse(expected.some((letter) => mailbox.isInLine(letter)))
    }
  })
})

describe("Mailbox, full otherwise", () => {
  test(
    "refuses one more message",
    Effect.gen(function* () {
      const { a, diary, open, say, telling } = yield* busy({ capacity: 1, whenFull: "refuse" })
      const senders = yield* Effect.forEach(["1", "2"], telling)
      assert.deepStrictEqual(yield* Fiber.joinAll(senders), ["in", "MailboxFull"])
      const error = yield* Effect.flip(a.ask(say("3")))
      assert.strictEqual(String(error), 'MailboxFull: The mailbox of actor "a" is full: 1 messages wait')
      yield* open
      assert.deepStrictEqual(turn(diary), ["1"])
    })
  )

  test(
    "drops the oldest message, and tells whoever waits for its answer",
    Effect.gen(function* () {
      const { a, diary, open, say, telling } = yield* busy({ capacity: 2, whenFull: "drop oldest" })
      const oldest = yield* asking(a, say("oldest"))
      const senders = yield* Effect.forEach(["1", "2"], telling)
      const newest = yield* asking(a, say("newest"))
      assert.strictEqual(yield* Fiber.join(oldest), "MailboxFull")
      assert.deepStrictEqual(yield* Fiber.joinAll(senders), ["in", "in"])
      yield* open
      yield* Fiber.join(newest)
      assert.deepStrictEqual(turn(diary), ["2", "newest"])
    })
  )

  const policies: ReadonlyArray<WhenFull> = ["suspend", "refuse", "drop oldest"]
  it.prop(
    "never lets in more than it holds",
    [Schema.Literals(policies), Schema.Array(Schema.Boolean), Schema.Literals([1, 2, 5])],
    ([whenFull, sends, capacity]) => {
      const mailbox = new Mailbox({ capacity, whenFull })
      let isIn = 0
      for (const send of sends) {
        const letter = new Letter("", undefined, false)
        letter.admitted = () => void isIn++
        const came = send ? mailbox.offer(letter) === undefined : mailbox.take() !== undefined
        if (came) isIn += send ? 1 : -1
        assert.isAtMost(isIn, capacity)
        assert.isAtLeast(isIn, 0)
      }
    }
  )
})
