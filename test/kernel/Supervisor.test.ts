import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ExitReport } from "../../src/kernel/ExitReport.ts"
import { worker } from "../../src/kernel/ChildSpec.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { layer, settle, Troupe, turn } from "./Troupe.ts"

const intensity = { restarts: 3, within: "1 minute" } as const
const oneForOne = { name: "root", strategy: "one_for_one", intensity } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

const states = <R>(supervisor: Supervisor.Supervisor<R>) =>
  Effect.map(supervisor.snapshot, ({ children }) =>
    Object.fromEntries(children.map(({ path, state }) => [path.slice("root/".length), state]))
  )

describe("Supervisor, starting", () => {
  test(
    "starts children in order, each after the one before it has started",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const children = [child("a", { start: () => Deferred.await(gate) }), child("b"), child("c")]
      const making = yield* Effect.forkChild(Supervisor.make({ ...oneForOne, children }))
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+a"])
      yield* Deferred.succeed(gate, undefined)
      const supervisor = yield* Fiber.join(making)
      assert.deepStrictEqual(turn(diary), ["+b", "+c"])
      assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: "running", c: "running" })
    })
  )

  test(
    "fails when a first start fails, after stopping those already started",
    Effect.gen(function* () {
      const { child, diary, logs } = yield* Troupe
      const broken = new Error("no socket")
      const children = [child("a"), child("b"), child("c", { start: () => Effect.fail(broken) }), child("d")]
      const error = yield* Effect.flip(Supervisor.make({ ...oneForOne, children }))
      assert.strictEqual(error._tag, "ChildStartFailed")
      assert.strictEqual(error.id, "c")
      assert.strictEqual(error.cause, broken)
      assert.strictEqual(error.message, 'Child "c" of root failed to start: Error: no socket')
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "+c", "-c", "-b", "-a"])
      assert.deepStrictEqual(
        logs.map(({ message }) => message),
        ["child failed to start"]
      )
    })
  )

  test(
    "takes a defect while starting for a failed start",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const error = yield* Effect.flip(
        Supervisor.make({ ...oneForOne, children: [child("a", { start: () => Effect.die("odd") })] })
      )
      assert.strictEqual(error.cause, "odd")
    })
  )

  test(
    "stops what it has started when making it is interrupted",
    Effect.gen(function* () {
      const { child, diary } = yield* Troupe
      const children = [child("a"), child("b", { start: () => Effect.never })]
      const making = yield* Effect.forkChild(Supervisor.make({ ...oneForOne, children }))
      yield* settle
      yield* Fiber.interrupt(making)
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "-b", "-a"])
    })
  )

  test(
    "restarts a child that ends while later ones are still starting",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const children = [child("a"), child("b", { start: () => Deferred.await(gate) })]
      const making = yield* Effect.forkChild(Supervisor.make({ ...oneForOne, children }))
      yield* settle
      yield* crash("a")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(making)
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "-a", "+a"])
    })
  )

  test(
    "fails to start when children exhaust it meanwhile",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const children = [child("a"), child("b", { start: () => Effect.never })]
      const options = { ...oneForOne, intensity: { restarts: 0, within: "1 minute" }, children } as const
      const making = yield* Effect.forkChild(Effect.flip(Supervisor.make(options)))
      yield* settle
      yield* crash("a")
      const error = yield* Fiber.join(making)
      assert.strictEqual(error.id, "a")
      assert.include(error.message, "root gave up")
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "-a", "-b"])
    })
  )

  test(
    "refuses two children with one id",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const exit = yield* Effect.exit(Supervisor.make({ ...oneForOne, children: [child("a"), child("a")] }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("gives children the services it was made with and a Scope of their own", () =>
    Effect.gen(function* () {
      class Word extends Context.Service<Word, string>()("Word") {}
      const said = yield* Deferred.make<string>()
      const released = yield* Deferred.make<void>()
      const run = Effect.gen(function* () {
        yield* Effect.addFinalizer(() => Deferred.succeed(released, undefined))
        yield* Deferred.succeed(said, yield* Word)
      })
      const children = [worker({ id: "a", restart: "temporary", run })]
      yield* Effect.provideService(Supervisor.make({ ...oneForOne, children }), Word, "hello")
      assert.strictEqual(yield* Deferred.await(said), "hello")
      yield* Deferred.await(released)
    })
  )
})

describe("Supervisor, restarting", () => {
  test(
    "starts a failed child again in a fresh Scope, after the old one is released",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const children = [child("a", { release: () => Deferred.await(gate) })]
      const supervisor = yield* Supervisor.make({ ...oneForOne, children })
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["+a"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
      const [node] = (yield* supervisor.snapshot).children
      assert.strictEqual(node?.restarts, 1)
      assert.strictEqual(node?.lastExit?.reason, "Error: a broke")
    })
  )

  test(
    "starts the next incarnation although a finalizer fails",
    Effect.gen(function* () {
      const { child, crash, diary, logs } = yield* Troupe
      yield* Supervisor.make({ ...oneForOne, children: [child("a", { release: () => Effect.die("stuck") })] })
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["+a", "+a"])
      assert.deepStrictEqual(
        logs.map(({ message }) => message),
        ["release failed", "child exited"]
      )
    })
  )

  test(
    "moves on and says so when the release of a failed child hangs",
    Effect.gen(function* () {
      const { child, crash, diary, logs } = yield* Troupe
      const release = (nth: number) => (nth === 1 ? Effect.never : Effect.void)
      const children = [child("a", { release, shutdown: "2 seconds" }), child("b", { release, shutdown: "brutal" })]
      yield* Supervisor.make({ ...oneForOne, children })
      yield* crash("a")
      yield* crash("b")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "+a"])
      assert.deepStrictEqual(
        logs.map(({ message }) => message),
        ["release timed out", "child exited"]
      )
      assert.deepStrictEqual(logs[0]?.annotations, { child: "root/a", waited: "2s" })
      yield* TestClock.adjust("3 seconds")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+b"])
    })
  )

  test(
    "waits without end for a release that may take as long as it needs",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const children = [child("a", { release: () => Deferred.await(gate), shutdown: "infinity" })]
      yield* Supervisor.make({ ...oneForOne, children })
      yield* crash("a")
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(turn(diary), ["+a"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
    })
  )

  test(
    "logs every abnormal exit once, with path, reason and decision",
    Effect.gen(function* () {
      const { child, crash, die, finish, logs } = yield* Troupe
      const children = [child("a"), child("b", { restart: "temporary" }), child("c", { restart: "transient" })]
      yield* Supervisor.make({ ...oneForOne, children })
      yield* crash("a")
      yield* die("b", new TypeError("odd"))
      yield* finish("c")
      yield* finish("a")
      assert.deepStrictEqual(
        logs.map(({ annotations: { child, decision, reason }, message }) => [message, child, reason, decision]),
        [
          ["child exited", "root/a", "Error: a broke", "restart"],
          ["child exited", "root/b", "TypeError: odd", "keep stopped"],
          ["child exited", "root/a", "ended", "restart"]
        ]
      )
    })
  )

  test(
    "tells a listener of every exit and survives the listener's defects",
    Effect.gen(function* () {
      const { child, crash, finish, logs } = yield* Troupe
      const reports: Array<ExitReport> = []
      const onExit = (report: ExitReport) =>
        Effect.andThen(
          Effect.sync(() => reports.push(report)),
          Effect.die("deaf")
        )
      const children = [child("a"), child("b", { restart: "transient" })]
      yield* Supervisor.make({ ...oneForOne, children, onExit })
      yield* crash("a")
      yield* finish("b")
      yield* crash("a")
      assert.deepStrictEqual(
        reports.map(({ decision, ending, id, path, restarts }) => [path, id, ending, decision, restarts]),
        [
          ["root/a", "a", "failed", "Restart", 0],
          ["root/b", "b", "normal", "KeepStopped", 0],
          ["root/a", "a", "failed", "Restart", 1]
        ]
      )
      assert.strictEqual(logs.filter(({ message }) => message === "exit listener failed").length, 3)
    })
  )

  test(
    "survives a listener that throws",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const onExit = () => {
        throw new Error("deaf")
      }
      yield* Supervisor.make({ ...oneForOne, children: [child("a")], onExit })
      yield* crash("a")
      assert.deepStrictEqual(diary, ["+a", "-a", "+a"])
    })
  )

  test(
    "counts an interruption that nobody asked for as a failure",
    Effect.gen(function* () {
      const { logs } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const run = Effect.andThen(Deferred.await(gate), Effect.interrupt)
      const children = [worker({ id: "a", restart: "transient", run })]
      const supervisor = yield* Supervisor.make({ ...oneForOne, children })
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.flip(supervisor.exit)
      assert.strictEqual(logs.filter(({ annotations }) => annotations["reason"] === "interrupted").length, 5)
    })
  )

  test(
    "counts a start that fails during a restart as another failure",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const start = (nth: number) => (nth === 2 || nth === 3 ? Effect.fail("not yet") : Effect.void)
      const supervisor = yield* Supervisor.make({ ...oneForOne, children: [child("a", { start })] })
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["+a", "-a", "+a", "-a", "+a", "-a", "+a"])
      assert.deepStrictEqual(yield* states(supervisor), { a: "running" })
      yield* crash("a")
      assert.strictEqual((yield* Effect.flip(supervisor.exit)).id, "a")
    })
  )

  test(
    "survives a child that fails at once any number of times",
    Effect.gen(function* () {
      const spec = worker({ id: "a", run: Effect.fail("at once") })
      const often = { restarts: 1000, within: "1 minute" } as const
      const supervisor = yield* Supervisor.make({ ...oneForOne, intensity: often, children: [spec] })
      yield* Effect.flip(supervisor.exit)
      assert.strictEqual((yield* supervisor.snapshot).children[0]?.restarts, 1000)
    })
  )
})

describe("Supervisor, backing off", () => {
  const backoff = { base: "1 second", cap: "4 seconds" } as const

  test(
    "waits longer after each failure, up to the cap",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const often = { restarts: 100, within: "1 hour" } as const
      const supervisor = yield* Supervisor.make({ ...oneForOne, intensity: often, backoff, children: [child("a")] })
      for (const seconds of [1, 2, 4, 4]) {
        yield* crash("a")
        turn(diary)
        assert.deepStrictEqual(yield* states(supervisor), { a: "backing off" })
        yield* TestClock.adjust(seconds * 499)
        assert.deepStrictEqual(turn(diary), [])
        yield* TestClock.adjust(seconds * 501)
        assert.deepStrictEqual(turn(diary), ["+a"])
      }
    })
  )

  test(
    "begins anew once a child has stayed up for the window",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      yield* Supervisor.make({ ...oneForOne, backoff, children: [child("a")] })
      for (const _ of [1, 2]) {
        yield* crash("a")
        yield* TestClock.adjust("2 seconds")
      }
      yield* TestClock.adjust("1 minute")
      turn(diary)
      yield* crash("a")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
    })
  )

  test(
    "begins anew after a restart by hand",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const often = { restarts: 100, within: "1 hour" } as const
      const supervisor = yield* Supervisor.make({ ...oneForOne, intensity: often, backoff, children: [child("a")] })
      for (const _ of [1, 2, 3]) {
        yield* crash("a")
        yield* TestClock.adjust("4 seconds")
      }
      yield* supervisor.restartChild("a")
      turn(diary)
      yield* crash("a")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
    })
  )

  test(
    "can be stopped while it waits",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const supervisor = yield* Supervisor.make({ ...oneForOne, backoff, children: [child("a")] })
      yield* crash("a")
      yield* supervisor.stopChild("a")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(turn(diary), ["+a", "-a"])
      assert.deepStrictEqual(yield* states(supervisor), { a: "stopped" })
    })
  )
})

describe("Supervisor, giving up", () => {
  test(
    "stops everything in reverse order when the intensity is exceeded, then fails",
    Effect.gen(function* () {
      const { child, crash, diary, logs } = yield* Troupe
      const rare = { restarts: 1, within: "10 seconds" } as const
      const children = [child("a"), child("b"), child("c")]
      const supervisor = yield* Supervisor.make({ ...oneForOne, intensity: rare, children })
      turn(diary)
      yield* crash("b")
      yield* TestClock.adjust("9 seconds")
      yield* crash("b")
      const error = yield* Effect.flip(supervisor.exit)
      assert.strictEqual(error.message, 'root gave up: child "b" ended too often, last with Error: b broke')
      assert.deepStrictEqual(turn(diary), ["-b", "+b", "-b", "-c", "-a"])
      assert.deepStrictEqual(
        logs.map(({ level, message }) => [message, level]),
        [
          ["child exited", "Warn"],
          ["child exited", "Error"],
          ["supervisor gave up", "Error"]
        ]
      )
      const late = yield* Effect.flip(supervisor.startChild(child("d")))
      assert.include(late.message, "the supervisor has been stopped")
      assert.strictEqual((yield* Effect.flip(supervisor.restartChild("a")))._tag, "ChildUnknown")
    })
  )

  test(
    "lives on when failures are further apart than the window",
    Effect.gen(function* () {
      const { child, crash } = yield* Troupe
      const rare = { restarts: 1, within: "10 seconds" } as const
      const supervisor = yield* Supervisor.make({ ...oneForOne, intensity: rare, children: [child("a")] })
      for (const _ of [1, 2, 3, 4]) {
        yield* crash("a")
        yield* TestClock.adjust("11 seconds")
      }
      assert.deepStrictEqual(yield* states(supervisor), { a: "running" })
    })
  )

  test(
    "lets its parent decide when it is nested",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const nested = Supervisor.child({
        name: "nested",
        strategy: "one_for_one",
        intensity: { restarts: 0, within: "1 minute" },
        children: [child("a"), child("b")]
      })
      const supervisor = yield* Supervisor.make({ ...oneForOne, children: [nested] })
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "-a", "-b", "+a", "+b"])
      const [node] = (yield* supervisor.snapshot).children
      assert.deepInclude(node, { path: "root/nested", kind: "supervisor", strategy: "one_for_one", restarts: 1 })
      assert.deepStrictEqual(
        node?.children.map(({ path, state }) => [path, state]),
        [
          ["root/nested/a", "running"],
          ["root/nested/b", "running"]
        ]
      )
    })
  )

  test(
    "parks one child that has used up its own budget, and lives on",
    Effect.gen(function* () {
      const { child, crash, diary, logs } = yield* Troupe
      const rare = { restarts: 1, within: "1 minute" } as const
      const children = [child("a"), child("b")]
      const supervisor = yield* Supervisor.make({ ...oneForOne, intensity: rare, parkExhausted: true, children })
      for (const id of ["a", "b", "a"]) yield* crash(id)
      assert.deepStrictEqual(yield* states(supervisor), { a: "parked", b: "running" })
      assert.strictEqual(logs.at(-1)?.message, "child parked")
      const again = yield* Effect.flip(supervisor.startChild(child("a")))
      assert.strictEqual(again.message, 'Child "a" of root is already there (parked)')
      turn(diary)
      yield* supervisor.restartChild("a")
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["+a", "-a", "+a"])
      assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: "running" })
    })
  )
})
