import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/kernel/Actor.ts"
import * as Registry from "../../src/kernel/Registry.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { ParentNode } from "../../src/kernel/Tree.ts"
import { type ActorPart, asking, layer, settle, Troupe, turn, type Work } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 3, within: "1 minute" } } as const
const backoff = { base: "1 minute", cap: "1 minute" } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

/** One actor, supervised in a Scope that a test can close. */
const staged = Effect.fnUntraced(function* (part: ActorPart = {}, more: Partial<Supervisor.SupervisorOptions> = {}) {
  const { actor, crash, diary, logs } = yield* Troupe
  const a = actor("a", part)
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const supervisor = yield* Scope.provide(Supervisor.make({ ...rules, children: [a], ...more }), scope)
  turn(diary)
  const state = Effect.map(supervisor.snapshot, ({ children }) => children[0]?.state)
  return { a, crash: crash("a"), diary, logs, scope, state, supervisor }
})

const hanging = Effect.never
const deaf = (gate: Deferred.Deferred<void>) => Effect.uninterruptible(Deferred.await(gate))

describe("ActorLife, restarting", () => {
  test(
    "begins each incarnation with fresh state, in a Scope of its own",
    Effect.gen(function* () {
      const counter = Actor.define<"add" | "break", number, never, never>({
        start: () =>
          Effect.sync(() => {
            let count = 0
            return (message) => (message === "break" ? Effect.die("odd") : Effect.sync(() => ++count))
          })
      })("counter")
      yield* Supervisor.make({ ...rules, children: [counter] })
      yield* counter.ask("add")
      assert.strictEqual(yield* counter.ask("add"), 2)
      yield* counter.tell("break")
      assert.strictEqual(yield* counter.ask("add"), 1)
    })
  )

  const downs: ReadonlyArray<
    readonly [string, ActorPart, (of: Effect.Success<ReturnType<typeof staged>>) => Effect.Effect<unknown, unknown>]
  > = [
    ["backs off", {}, ({ crash }) => crash],
    ["is paused", {}, ({ supervisor }) => supervisor.pauseChild("a")],
    ["is stopped and still listed", {}, ({ supervisor }) => supervisor.stopChild("a")],
    ["is released", { release: (nth) => (nth === 1 ? hanging : Effect.void) }, ({ crash }) => crash]
  ]
  for (const [name, part, bringDown] of downs) {
    test(
      `while it ${name}, an ask waits for the next incarnation, or fails at once if that is wanted`,
      Effect.gen(function* () {
        const stage = yield* staged(part, { backoff })
        yield* bringDown(stage)
        const waits = yield* asking(stage.a, Effect.succeed("answer"), { timeout: "infinity" })
        const fails = yield* asking(stage.a, Effect.succeed("answer"), { whenDown: "fail" })
        assert.strictEqual(yield* Fiber.join(fails), "ActorDown")
        yield* TestClock.adjust("2 minutes")
        yield* stage.supervisor.resumeChild("a")
        assert.strictEqual(yield* Fiber.join(waits), "answer")
      })
    )
  }

  test(
    "an ask that would not wait is told when the incarnation ends that it waits for",
    Effect.gen(function* () {
      const { a, diary } = yield* staged()
      const gate = yield* Deferred.make<void>()
      yield* a.tell(Effect.andThen(Deferred.await(gate), Effect.die("odd")))
      const fails = yield* asking(a, Effect.succeed("answer"), { whenDown: "fail" })
      const waits = yield* asking(a, Effect.succeed("answer"))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(fails), "ActorDown")
      assert.strictEqual(yield* Fiber.join(waits), "answer")
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
    })
  )

  test(
    "is not there for anybody before it is started and after it is forgotten",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const b = actor("b")
      const supervisor = yield* Supervisor.make(rules)
      const all = Effect.all([Effect.flip(b.tell(Effect.void)), Effect.flip(b.ask(Effect.void))])
      const before = yield* all
      yield* supervisor.startChild(b)
      assert.strictEqual(yield* b.ask(Effect.succeed("answer")), "answer")
      yield* supervisor.stopChild("b")
      const after = yield* all
      for (const error of [...before, ...after]) assert.include(String(error), "it is not running")
    })
  )

  test(
    "keeps no mail for an actor whose place another has taken",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const { a, logs, supervisor } = yield* staged()
      yield* supervisor.stopChild("a")
      yield* a.tell(Effect.void)
      const asked = yield* asking(a, Effect.void, { timeout: "infinity" })
      yield* supervisor.startChild(actor("a"))
      assert.strictEqual(yield* Fiber.join(asked), "ActorDown")
      assert.deepInclude(logs.at(-1), { message: "messages dropped", annotations: { child: "root/a", messages: 1 } })
    })
  )
})

describe("ActorLife, asked in a chain", () => {
  test(
    "lets an asker take back what is not begun, however deep in a chain of asks",
    Effect.gen(function* () {
      const { actor, diary } = yield* Troupe
      const chain = Array.from({ length: 40 }, (_, nth) => actor(`${nth}`))
      const last = actor("last")
      yield* Supervisor.make({ ...rules, children: [...chain, last] })
      for (let length = 0; length <= chain.length; length++) {
        turn(diary)
        let isBegun = false
        const work = Effect.sync(() => {
          isBegun = true
        }).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(Effect.sync(() => void diary.push("done"))))
        const takenBack = Effect.gen(function* () {
          const asked = yield* asking(last, work)
          const begun = isBegun
          yield* Fiber.interrupt(asked)
          return begun
        })
        const asks = chain
          .slice(0, length)
          .reduce<Work>((inner, next) => Effect.mapError(next.ask(inner), String), takenBack)
        const begun = yield* asks
        yield* settle
        assert.deepStrictEqual(turn(diary), begun ? ["done"] : [])
      }
    })
  )

  test(
    "answers at the end of a chain that is longer than the stack",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const chain = Array.from({ length: 20_000 }, (_, nth) => actor(`${nth}`))
      yield* Supervisor.make({ ...rules, children: chain })
      const asks = chain.reduce<Work>(
        (inner, next) => Effect.mapError(next.ask(inner), String),
        Effect.succeed("answer")
      )
      assert.strictEqual(yield* asks, "answer")
    })
  )
})

describe("ActorLife, starting", () => {
  test(
    "fails to start as any child does, and is then not there",
    Effect.gen(function* () {
      const { actor, diary } = yield* Troupe
      const supervisor = yield* Supervisor.make(rules)
      for (const start of [() => Effect.fail("no"), () => Effect.andThen(Effect.yieldNow, Effect.die("no"))]) {
        const b = actor("b", { start })
        const error = yield* Effect.flip(supervisor.startChild(b))
        assert.strictEqual(error._tag, "ChildStartFailed")
        assert.strictEqual((yield* Effect.flip(b.tell(Effect.void)))._tag, "ActorDown")
      }
      assert.deepStrictEqual(turn(diary), ["+b", "-b", "+b", "-b"])
      assert.deepStrictEqual((yield* supervisor.snapshot).children, [])
    })
  )

  test(
    "takes messages while it starts, and works on them once it has",
    Effect.gen(function* () {
      const { actor } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const b = actor("b", { start: () => Deferred.await(gate) })
      const supervisor = yield* Supervisor.make(rules)
      const starting = yield* Effect.forkChild(supervisor.startChild(b), { startImmediately: true })
      const asked = yield* asking(b, Effect.succeed("answer"))
      yield* settle
      assert.isUndefined(asked.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(starting)
      assert.strictEqual(yield* Fiber.join(asked), "answer")
    })
  )
})

describe("ActorLife, ending", () => {
  test(
    "releases its Scope when it is stopped at rest",
    Effect.gen(function* () {
      const { diary, logs, supervisor } = yield* staged()
      yield* supervisor.stopChild("a")
      assert.deepStrictEqual([turn(diary), logs], [["-a"], []])
    })
  )

  test(
    "interrupts the message in its hand when it is stopped, and tells the asker",
    Effect.gen(function* () {
      const { a, diary, supervisor } = yield* staged()
      const interrupted = Effect.sync(() => void diary.push("interrupted"))
      const asked = yield* asking(
        a,
        Effect.onInterrupt(hanging, () => interrupted)
      )
      yield* supervisor.stopChild("a")
      assert.strictEqual(yield* Fiber.join(asked), "ActorDown")
      assert.deepStrictEqual(turn(diary), ["interrupted", "-a"])
    })
  )

  test(
    "says how many messages are dropped when it is stopped for good, and tells those who wait",
    Effect.gen(function* () {
      const { a, logs, scope } = yield* staged()
      const inHand = yield* asking(a, hanging)
      yield* a.tell(Effect.void)
      yield* a.tell(Effect.void)
      const waiting = yield* asking(a, Effect.void)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([yield* Fiber.join(inHand), yield* Fiber.join(waiting)], ["ActorDown", "ActorDown"])
      assert.deepStrictEqual(
        logs.map(({ annotations, message }) => [message, annotations]),
        [["messages dropped", { child: "root/a", messages: 2 }]]
      )
    })
  )

  /** Fibers yield after a number of steps: whichever step that is, the actor must know when it is at rest. */
  test(
    "can be stopped at rest, however many steps its last work took",
    Effect.gen(function* () {
      for (let steps = 2000; steps < 2050; steps++) {
        const { a, state, supervisor } = yield* staged()
        const work = Effect.forEach(Array.from({ length: steps }), () => Effect.void, { discard: true })
        yield* a.ask(work)
        yield* settle
        yield* Effect.forkChild(supervisor.stopChild("a"), { startImmediately: true })
        assert.strictEqual(yield* state, "stopped", `${steps} steps`)
      }
    })
  )

  test(
    "restarts when it is killed at rest, at work, or while it starts again",
    Effect.gen(function* () {
      const again = yield* Deferred.make<void>()
      const start = (nth: number) => (nth === 3 ? Deferred.await(again) : Effect.void)
      const { a, diary, logs, supervisor } = yield* staged({ start })
      yield* supervisor.killChild("a")
      yield* settle
      const asked = yield* asking(a, hanging)
      yield* supervisor.killChild("a")
      assert.strictEqual(yield* Fiber.join(asked), "ActorDown")
      yield* settle
      yield* supervisor.killChild("a")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "+a", "-a", "+a", "-a", "+a"])
      assert.deepStrictEqual(
        logs.map(({ annotations: { decision, reason } }) => [reason, decision]),
        Array.from({ length: 3 }, () => ["ChildKilled: root/a was killed", "restart"])
      )
      assert.strictEqual(yield* a.ask(Effect.succeed("answer")), "answer")
    })
  )

  test(
    "is down for whoever would not wait, from the moment it is told to end",
    Effect.gen(function* () {
      const { a, supervisor } = yield* staged({ shutdown: "infinity" })
      const gate = yield* Deferred.make<void>()
      yield* a.tell(deaf(gate))
      yield* settle
      const restarting = yield* Effect.forkChild(supervisor.restartChild("a"), { startImmediately: true })
      const waits = yield* asking(a, Effect.succeed("answer"))
      const fails = yield* asking(a, Effect.void, { whenDown: "fail" })
      assert.strictEqual(yield* Fiber.join(fails), "ActorDown")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(restarting)
      assert.strictEqual(yield* Fiber.join(waits), "answer")
    })
  )

  test(
    "leaves nobody waiting for a message that will not end",
    Effect.gen(function* () {
      const { a, scope } = yield* staged({ shutdown: "1 second" })
      const gate = yield* Deferred.make<void>()
      const asked = yield* asking(a, deaf(gate), { timeout: "infinity" })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual(yield* Fiber.join(asked), "ActorDown")
      yield* Deferred.succeed(gate, undefined)
    })
  )

  test(
    "lets whoever asks run out of patience while its supervisor is being closed",
    Effect.gen(function* () {
      const { a, scope } = yield* staged({ shutdown: "infinity" })
      const gate = yield* Deferred.make<void>()
      const before = yield* asking(a, deaf(gate))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const meanwhile = yield* asking(a, Effect.void, { timeout: "2 seconds" })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([yield* Fiber.join(before), yield* Fiber.join(meanwhile)], ["AskTimeout", "AskTimeout"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
    })
  )

  test(
    "does not disturb its successor when it was left behind and ends late",
    Effect.gen(function* () {
      const { a, diary, state, supervisor } = yield* staged({ shutdown: "brutal" })
      const gate = yield* Deferred.make<void>()
      const asked = yield* asking(a, deaf(gate))
      yield* supervisor.restartChild("a")
      assert.strictEqual(yield* Fiber.join(asked), "ActorDown")
      yield* a.tell(hanging)
      const waits = yield* asking(a, Effect.void, { whenDown: "fail" })
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual([yield* state, turn(diary)], ["running", ["+a", "-a"]])
      assert.isUndefined(waits.pollUnsafe())
    })
  )
})

describe("ActorLife, seen from around it", () => {
  test(
    "shows a supervisor that is made inside it, and takes it along when it ends",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const nest = Actor.define<void, void, never, never>({
        start: ({ host, scope }) =>
          Supervisor.make({ ...rules, name: "inner", children: [child("x")] }).pipe(
            Effect.provideService(ParentNode, host),
            Scope.provide(scope),
            Effect.as(() => Effect.die("odd"))
          )
      })("nest")
      const root = yield* Supervisor.make({ ...rules, children: [nest] })
      const below = Effect.map(root.snapshot, ({ children }) => children[0]?.children[0]?.children[0]?.path)
      assert.strictEqual(yield* below, "root/nest/inner/x")
      yield* nest.tell()
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+x", "-x", "+x"])
      assert.strictEqual(yield* below, "root/nest/inner/x")
      yield* root.locate("root/nest/inner/x")?.stop ?? Effect.void
      assert.deepStrictEqual(turn(diary), ["-x"])
    })
  )

  test(
    "is found by its name while an incarnation is up, and by no name after",
    Effect.gen(function* () {
      const registry = yield* Registry.make<number>()
      let nth = 0
      const named = Actor.define<void, void, never, never>({
        start: ({ scope }) => Effect.as(Scope.provide(registry.register("main", ++nth), scope), () => Effect.die("odd"))
      })("named")
      const supervisor = yield* Supervisor.make({ ...rules, children: [named] })
      assert.deepStrictEqual(yield* registry.find("main"), Option.some(1))
      yield* named.tell()
      yield* settle
      assert.deepStrictEqual(yield* registry.find("main"), Option.some(2))
      yield* supervisor.stopChild("named")
      assert.deepStrictEqual(yield* registry.names, [])
    })
  )

  test(
    "tells the tree how many messages wait",
    Effect.gen(function* () {
      const { a, supervisor } = yield* staged()
      const mailbox = Effect.map(supervisor.snapshot, ({ children }) => children[0]?.mailbox)
      assert.strictEqual(yield* mailbox, 0)
      yield* a.tell(hanging)
      yield* settle
      yield* a.tell(Effect.void)
      yield* a.tell(Effect.void)
      assert.strictEqual(yield* mailbox, 2)
    })
  )
})
