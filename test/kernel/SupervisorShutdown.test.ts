import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { worker } from "../../src/kernel/ChildSpec.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { layer, settle, Troupe, turn } from "./Troupe.ts"

const options = { name: "root", strategy: "one_for_one", intensity: { restarts: 3, within: "1 minute" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

const makeIn = (scope: Scope.Scope, more: Partial<Supervisor.SupervisorOptions>) =>
  Scope.provide(Supervisor.make({ ...options, ...more }), scope)

describe("Supervisor, stopping", () => {
  test(
    "stops children in reverse order, each after the one after it is released",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const children = [child("a"), child("b", { release: () => Deferred.await(gate) }), child("c")]
      const supervisor = yield* makeIn(scope, { children })
      turn(diary)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-c"])
      const { children: nodes } = yield* supervisor.snapshot
      assert.deepStrictEqual(
        nodes.map(({ state }) => state),
        ["running", "stopping", "stopped"]
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(turn(diary), ["-b", "-a"])
      assert.strictEqual((yield* supervisor.snapshot).state, "stopped")
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(supervisor.exit)))
    })
  )

  test(
    "moves on after a child's time-out, and says so",
    Effect.gen(function* () {
      const { child, diary, logs } = yield* Troupe
      const scope = yield* Scope.make()
      const children = [child("a"), child("b", { release: () => Effect.never, shutdown: "3 seconds" })]
      yield* makeIn(scope, { children })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      yield* TestClock.adjust("2999 millis")
      assert.deepStrictEqual(turn(diary), ["+a", "+b"])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(turn(diary), ["-a"])
      assert.deepStrictEqual(
        logs.map(({ annotations, message }) => [message, annotations]),
        [["shutdown timed out", { child: "root/b", waited: "3s" }]]
      )
    })
  )

  test(
    "does not wait for a child that is to be stopped brutally",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      yield* makeIn(scope, { children: [child("a", { release: () => Deferred.await(gate), shutdown: "brutal" })] })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(turn(diary), ["+a"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a"])
    })
  )

  test(
    "waits as long as a child needs that may take forever",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      yield* makeIn(scope, { children: [child("a", { release: () => Deferred.await(gate), shutdown: "infinity" })] })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(turn(diary), ["+a"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(turn(diary), ["-a"])
    })
  )

  test(
    "logs a child that fails instead of stopping",
    Effect.gen(function* () {
      const { logs } = yield* Troupe
      const scope = yield* Scope.make()
      const run = Effect.onInterrupt(Effect.never, () => Effect.die("no"))
      yield* makeIn(scope, { children: [worker({ id: "a", run })] })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(logs[0]?.message, "child exited")
      assert.include(logs[0]?.annotations, { child: "root/a", decision: "keep stopped" })
    })
  )

  test(
    "starts nothing any more once it is being closed",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      yield* makeIn(scope, { children: [child("a"), child("b", { release: () => Deferred.await(gate) })] })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      yield* crash("a")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "-a", "-b"])
    })
  )

  test(
    "tells children added later all at once, the youngest first",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      const supervisor = yield* makeIn(scope, { children: [child("a")] })
      yield* supervisor.startChild(child("b", { release: () => Deferred.await(gate) }))
      yield* supervisor.startChild(child("c"))
      yield* supervisor.startChild(child("d", { release: () => Deferred.await(gate) }))
      turn(diary)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-c"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(turn(diary), ["-d", "-b", "-a"])
    })
  )
})

describe("Supervisor, children added later", () => {
  test(
    "starts them after the others and forgets them when they end as they may",
    Effect.gen(function* () {
      const { child, crash, finish } = yield* Troupe
      const supervisor = yield* Supervisor.make({ ...options, children: [child("a")] })
      yield* supervisor.startChild(child("b", { restart: "transient" }))
      yield* supervisor.startChild(child("c", { restart: "temporary" }))
      yield* supervisor.startChild(child("d", { restart: "transient" }))
      yield* finish("b")
      yield* crash("c")
      yield* crash("d")
      assert.deepStrictEqual(
        (yield* supervisor.snapshot).children.map(({ path }) => path),
        ["root/a", "root/d"]
      )
    })
  )

  test(
    "refuses an id that is in use",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const supervisor = yield* Supervisor.make(options)
      yield* supervisor.startChild(child("a"))
      const error = yield* Effect.flip(supervisor.startChild(child("a")))
      assert.strictEqual(error._tag, "ChildAlreadyRunning")
      assert.deepStrictEqual(turn(diary), ["+a"])
    })
  )

  test(
    "takes an id again once its child has ended",
    Effect.gen(function* () {
      const { child, diary, finish } = yield* Troupe
      const supervisor = yield* Supervisor.make({ ...options, children: [child("a", { restart: "transient" })] })
      yield* finish("a")
      yield* supervisor.startChild(child("a"))
      assert.deepStrictEqual(turn(diary), ["+a", "-a", "+a"])
      yield* supervisor.stopChild("a")
      assert.strictEqual((yield* supervisor.snapshot).children[0]?.state, "stopped")
    })
  )

  test(
    "waits for the end of one that is about to end before it takes the id again",
    Effect.gen(function* () {
      const { child, crash, diary, finish } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const release = () => Deferred.await(gate)
      const supervisor = yield* Supervisor.make(options)
      yield* supervisor.startChild(child("ends", { restart: "transient", release }))
      yield* supervisor.startChild(child("returns", { release }))
      yield* finish("ends")
      yield* crash("returns")
      const calls = ["ends", "returns"].map((id) => Effect.result(supervisor.startChild(child(id))))
      const starting = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+ends", "+returns"])
      yield* Deferred.succeed(gate, undefined)
      const [ends, returns] = yield* Fiber.join(starting)
      assert.deepStrictEqual([ends?._tag, returns?._tag], ["Success", "Failure"])
      assert.deepStrictEqual(
        turn(diary).filter((entry) => entry.endsWith("ends")),
        ["-ends", "+ends"]
      )
    })
  )

  test(
    "does not keep a child whose first start fails",
    Effect.gen(function* () {
      const { child, diary, logs } = yield* Troupe
      const supervisor = yield* Supervisor.make(options)
      const atOnce = yield* Effect.flip(supervisor.startChild(child("a", { start: () => Effect.fail("no") })))
      const later = child("a", { start: () => Effect.andThen(Effect.yieldNow, Effect.fail("no")) })
      const inAWhile = yield* Effect.flip(supervisor.startChild(later))
      assert.deepStrictEqual([atOnce._tag, inAWhile._tag], ["ChildStartFailed", "ChildStartFailed"])
      assert.deepStrictEqual((yield* supervisor.snapshot).children, [])
      assert.strictEqual(logs.length, 2)
      yield* supervisor.startChild(child("a"))
      assert.deepStrictEqual(turn(diary), ["+a", "-a", "+a", "-a", "+a"])
    })
  )

  test(
    "waits for the start, and a caller who goes away does not stop it",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const supervisor = yield* Supervisor.make(options)
      const calling = yield* Effect.forkChild(supervisor.startChild(child("a", { start: () => Deferred.await(gate) })))
      yield* settle
      assert.isUndefined(calling.pollUnsafe())
      yield* Fiber.interrupt(calling)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.strictEqual((yield* supervisor.snapshot).children[0]?.state, "running")
    })
  )

  test(
    "tells the caller when the child is stopped before it has started",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const supervisor = yield* Supervisor.make(options)
      const starting = supervisor.startChild(child("a", { start: () => Effect.never }))
      const calling = yield* Effect.forkChild(Effect.flip(starting))
      yield* settle
      yield* supervisor.stopChild("a")
      assert.include((yield* Fiber.join(calling)).message, "stopped before it had started")
    })
  )

  test(
    "tells the caller when the supervisor is stopped before the child has started",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const scope = yield* Scope.make()
      const supervisor = yield* makeIn(scope, {})
      const starting = supervisor.startChild(child("a", { start: () => Effect.never }))
      const calling = yield* Effect.forkChild(Effect.flip(starting))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.include((yield* Fiber.join(calling)).message, "stopped before it had started")
    })
  )
})

describe("Supervisor, acting on one child", () => {
  test(
    "stops a child and keeps it listed, unless it was added later",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const supervisor = yield* Supervisor.make({ ...options, children: [child("a"), child("b")] })
      yield* supervisor.startChild(child("c"))
      turn(diary)
      yield* supervisor.stopChild("a")
      yield* supervisor.stopChild("c")
      assert.deepStrictEqual(turn(diary), ["-a", "-c"])
      const { children } = yield* supervisor.snapshot
      assert.deepStrictEqual(
        children.map(({ lastExit, path, state }) => [path, state, lastExit?.reason]),
        [
          ["root/a", "stopped", "stopped"],
          ["root/b", "running", undefined]
        ]
      )
      assert.strictEqual((yield* Effect.flip(supervisor.stopChild("c"))).message, 'root has no child "c"')
    })
  )

  test(
    "keeps a paused child listed until it is started again",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const supervisor = yield* Supervisor.make(options)
      yield* supervisor.startChild(child("a"))
      yield* supervisor.pauseChild("a")
      assert.strictEqual((yield* supervisor.snapshot).children[0]?.state, "paused")
      assert.strictEqual((yield* Effect.flip(supervisor.startChild(child("a"))))._tag, "ChildAlreadyRunning")
      yield* supervisor.restartChild("a")
      assert.deepStrictEqual(turn(diary), ["+a", "-a", "+a"])
    })
  )

  test(
    "reports when a restart's first attempt fails, and goes on by its rules",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const start = (nth: number) => (nth === 2 ? Effect.fail("not yet") : Effect.void)
      const supervisor = yield* Supervisor.make({ ...options, children: [child("a", { start })] })
      const error = yield* Effect.flip(supervisor.restartChild("a"))
      assert.strictEqual(error._tag, "ChildStartFailed")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+a", "-a", "+a", "-a", "+a"])
    })
  )

  test(
    "lets a child restart itself, from its own fiber or from one it waits for",
    Effect.gen(function* () {
      const { diary } = yield* Troupe
      const handle = yield* Deferred.make<Supervisor.Supervisor>()
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
      const itself = (gate: Deferred.Deferred<void>, id: string) =>
        Deferred.await(gate).pipe(
          Effect.andThen(Deferred.await(handle)),
          Effect.flatMap((supervisor) => supervisor.restartChild(id)),
          Effect.onInterrupt(() => Effect.sync(() => diary.push(`~${id}`)))
        )
      const inside = Effect.flatMap(Effect.forkChild(itself(gates[1], "b")), Fiber.join)
      const children = [worker({ id: "a", run: itself(gates[0], "a") }), worker({ id: "b", run: inside })]
      const supervisor = yield* Supervisor.make({ ...options, children })
      yield* Deferred.succeed(handle, supervisor)
      yield* Deferred.succeed(gates[0], undefined)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.deepStrictEqual(turn(diary).slice(0, 1), ["~a"])
      yield* supervisor.pauseChild("a")
      turn(diary)
      yield* Deferred.succeed(gates[1], undefined)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.deepStrictEqual(turn(diary).slice(0, 1), ["~b"])
      yield* supervisor.pauseChild("b")
    })
  )

  test(
    "stops or pauses what is parked",
    Effect.gen(function* () {
      const { child, crash } = yield* Troupe
      const rare = { restarts: 0, within: "1 minute" } as const
      const supervisor = yield* Supervisor.make({ ...options, intensity: rare, parkExhausted: true })
      for (const id of ["a", "b"]) {
        yield* supervisor.startChild(child(id))
        yield* crash(id)
      }
      yield* supervisor.stopChild("a")
      yield* supervisor.pauseChild("b")
      const { children } = yield* supervisor.snapshot
      assert.deepStrictEqual(
        children.map(({ path, state }) => [path, state]),
        [["root/b", "paused"]]
      )
    })
  )

  test(
    "is not disturbed by an incarnation that was left behind and ends late",
    Effect.gen(function* () {
      const { child, diary, logs } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const release = (nth: number) => (nth === 1 ? Deferred.await(gate) : Effect.void)
      const supervisor = yield* Supervisor.make({ ...options, children: [child("a", { release })] })
      const calls = [supervisor.restartChild("a"), supervisor.restartChild("a")]
      const restarting = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(restarting)
      assert.deepStrictEqual(turn(diary), ["+a", "+a"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a"])
      assert.deepInclude((yield* supervisor.snapshot).children[0], { state: "running", restarts: 1 })
      assert.deepStrictEqual([...new Set(logs.map(({ message }) => message))], ["shutdown timed out"])
      yield* supervisor.stopChild("a")
      assert.deepStrictEqual(turn(diary), ["-a"])
    })
  )

  test(
    "tries again to start a child that is stopped or waiting for its turn",
    Effect.gen(function* () {
      const { child, crash } = yield* Troupe
      const backoff = { base: "1 hour", cap: "1 hour" } as const
      const supervisor = yield* Supervisor.make({ ...options, backoff, children: [child("a"), child("b")] })
      yield* crash("a")
      yield* supervisor.stopChild("b")
      yield* supervisor.restartChild("a")
      yield* supervisor.restartChild("b")
      assert.deepStrictEqual(
        (yield* supervisor.snapshot).children.map(({ state }) => state),
        ["running", "running"]
      )
    })
  )
})
