import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { fromLayer } from "../../src/kernel/ChildSpec.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import type { NodeSnapshot } from "../../src/kernel/Tree.ts"
import { Threads, type ThreadsOptions } from "../../src/threads/Threads.ts"
import { act, missing } from "./Act.ts"

type What = (typeof act.input.Type)["what"]

const run = (what: What, gate?: SharedArrayBuffer) =>
  Threads.use((threads) => threads.run(act, gate ? { what, gate } : { what }, { timeout: "1 minute" }))

const makeGate = () => new SharedArrayBuffer(8)

/** Waits until so many jobs have begun. */
const begun = (gate: SharedArrayBuffer, count = 1): Effect.Effect<void> =>
  Effect.suspend(() => {
    const numbers = new Int32Array(gate)
    const now = Atomics.load(numbers, 0)
    if (now >= count) return Effect.void
    const { value } = Atomics.waitAsync(numbers, 0, now)
    return Effect.andThen(
      Effect.promise(async () => value),
      begun(gate, count)
    )
  })

const letGo = (gate: SharedArrayBuffer) =>
  Effect.sync(() => {
    const numbers = new Int32Array(gate)
    Atomics.store(numbers, 1, 1)
    Atomics.notify(numbers, 1)
  })

const started = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const quiet = Logger.layer([])
const threads = (options: ThreadsOptions = {}) => Layer.merge(Threads.layerWith({ threads: 1, ...options }), quiet)

const tree = { name: "root", strategy: "one_for_one", intensity: { restarts: 0, within: "1 second" } } as const

/** The threads as a child of a supervisor, and the names of those that run. */
const inTree = Effect.fnUntraced(function* (options: ThreadsOptions = {}) {
  const built = yield* Deferred.make<Threads["Service"]>()
  const publish = Layer.effectDiscard(Threads.use((service) => Deferred.succeed(built, service)))
  const layer = publish.pipe(Layer.provideMerge(threads({ threads: 2, ...options })))
  const root = yield* Supervisor.make({ ...tree, children: [fromLayer({ id: "threads", layer })] })
  const below = Effect.map(root.snapshot, ({ children }) => children[0]?.children.map(nameOf) ?? [])
  return { root, below, service: yield* Deferred.await(built) }
})

const nameOf = ({ path }: NodeSnapshot) => path.replace("root/threads/", "")

describe("a job", () => {
  it.effect("answers from a thread, and the next one finds the thread warm", () =>
    Effect.gen(function* () {
      const first = yield* run("answer")
      assert.strictEqual(first.said, "hello")
      assert.isAbove(first.thread, 0)
      assert.strictEqual((yield* run("answer")).thread, first.thread)
    }).pipe(Effect.provide(threads()))
  )

  it.effect("that throws fails with what it threw, and its thread lives on", () =>
    Effect.gen(function* () {
      const { thread } = yield* run("answer")
      const error = yield* Effect.flip(run("throw"))
      assert.strictEqual(error.message, 'the job "act" failed: no such luck')
      assert.strictEqual((yield* run("answer")).thread, thread)
    }).pipe(Effect.provide(threads()))
  )

  it.effect("fails when its module is not there, or its answer is not what it promised", () =>
    Effect.gen(function* () {
      const service = yield* Threads
      const error = yield* Effect.flip(service.run(missing, { what: "answer" }, { timeout: "1 minute" }))
      assert.match(error.message, /^the job "missing" failed: Cannot find module/)
      assert.match((yield* Effect.flip(run("lie"))).message, /^the job "act" failed: .*integer/s)
    }).pipe(Effect.provide(threads()))
  )

  it.effect("sees nothing of the service's environment", () =>
    Effect.gen(function* () {
      assert.include(Object.keys(process.env), "PATH")
      assert.notInclude((yield* run("look")).said, "PATH")
    }).pipe(Effect.provide(threads()))
  )

  it.effect("that never ends is killed at its time-out, while everybody else goes on", () =>
    Effect.gen(function* () {
      const gate = makeGate()
      const looping = yield* started(run("loop", gate))
      yield* begun(gate)
      // The loop is at it, and yet this fiber runs, and waits for the answer of a timer of the real event loop.
      yield* Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), 1))
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(looping.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(looping))
      assert.strictEqual(error.message, 'the job "act" was stopped after 60000 ms')
      assert.strictEqual((yield* run("answer")).said, "hello")
    }).pipe(Effect.provide(threads()))
  )

  it.effect("whose caller goes away is gone when the interruption is", () =>
    Effect.gen(function* () {
      const { below, service } = yield* inTree()
      const gate = makeGate()
      const looping = yield* started(service.run(act, { what: "loop", gate }, { timeout: "1 minute" }))
      yield* begun(gate)
      assert.deepStrictEqual(yield* below, ["thread-1"])
      yield* Fiber.interrupt(looping)
      assert.deepStrictEqual(yield* below, [])
    })
  )

  const deaths: ReadonlyArray<readonly [What, string, RegExp]> = [
    ["exit", "ends its process", /^thread-1 ended: it exited with code 7$/],
    ["fill", "fills its memory", /^thread-1 ended: .*memory limit/]
  ]
  it.effect.each(deaths)("fails alone when it %s", ([what, _, message]) =>
    Effect.gen(function* () {
      const gate = makeGate()
      const other = yield* started(Effect.andThen(begun(gate), run("wait", gate)))
      const dying = yield* started(run(what, gate))
      assert.match((yield* Effect.flip(Fiber.join(dying))).message, message)
      yield* letGo(gate)
      assert.strictEqual((yield* Fiber.join(other)).said, "waited")
      assert.strictEqual((yield* run("answer")).said, "hello")
    }).pipe(Effect.provide(threads({ threads: 2, heapMegabytes: 32 })))
  )
})

describe("threads", () => {
  it.effect("work side by side up to their number, and what is more waits its turn", () =>
    Effect.gen(function* () {
      const gate = makeGate()
      const two = yield* started(Effect.all([run("wait", gate), run("wait", gate)], { concurrency: "unbounded" }))
      yield* begun(gate, 2)
      const third = yield* started(run("answer"))
      yield* Effect.yieldNow
      assert.isUndefined(third.pollUnsafe())
      yield* letGo(gate)
      const [first, second] = yield* Fiber.join(two)
      assert.notStrictEqual(first.thread, second.thread)
      assert.include([first.thread, second.thread], (yield* Fiber.join(third)).thread)
    }).pipe(Effect.provide(threads({ threads: 2 })))
  )

  it.effect("refuse a job when too many wait, until one of them is gone", () =>
    Effect.gen(function* () {
      const gate = makeGate()
      const working = yield* started(run("wait", gate))
      const waiting = yield* started(run("answer"))
      const error = yield* Effect.flip(run("answer"))
      assert.strictEqual(error.message, 'the job "act" was refused, as 1 jobs wait for a thread already')
      yield* Fiber.interrupt(waiting)
      const instead = yield* started(run("answer"))
      yield* begun(gate)
      yield* letGo(gate)
      yield* Fiber.join(working)
      assert.strictEqual((yield* Fiber.join(instead)).said, "hello")
    }).pipe(Effect.provide(threads({ waiting: 1 })))
  )

  it.effect("end when they have been idle for their time", () =>
    Effect.gen(function* () {
      const { below, service } = yield* inTree({ idle: "10 seconds" })
      const answer = service.run(act, { what: "answer" }, { timeout: "1 minute" })
      yield* answer
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* below, ["thread-1"])
      yield* answer
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* below, ["thread-1"])
      yield* TestClock.adjust("1 second")
      yield* Effect.repeat(below, { until: (names) => names.length === 0 })
      yield* answer
      assert.deepStrictEqual(yield* below, ["thread-2"])
    })
  )

  it.effect("are stopped by an operator with what they do", () =>
    Effect.gen(function* () {
      const { root, service } = yield* inTree()
      const gate = makeGate()
      const looping = yield* started(service.run(act, { what: "loop", gate }, { timeout: "1 minute" }))
      yield* begun(gate)
      yield* root.locate("root/threads/thread-1")?.stop ?? Effect.die("it is not in the tree")
      assert.strictEqual((yield* Effect.flip(Fiber.join(looping))).message, "thread-1 ended: it was stopped")
    })
  )

  it.effect("that crash while idle harm nobody", () =>
    Effect.gen(function* () {
      const { below, service } = yield* inTree()
      const options = { timeout: "1 minute" } as const
      yield* Effect.ignore(service.run(act, { what: "crash" }, options))
      yield* Effect.repeat(below, { until: (names) => names.length === 0 })
      assert.strictEqual((yield* service.run(act, { what: "answer" }, options)).said, "hello")
    })
  )

  it.effect("are gone when their Scope is closed, and whoever waits is told", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const service = yield* inTree({ threads: 1 }).pipe(
        Effect.map((made) => made.service),
        Scope.provide(scope)
      )
      const gate = makeGate()
      const looping = yield* started(service.run(act, { what: "loop", gate }, { timeout: "1 minute" }))
      const waiting = yield* started(service.run(act, { what: "answer" }, { timeout: "1 minute" }))
      yield* begun(gate)
      yield* Scope.close(scope, Exit.void)
      assert.match((yield* Effect.flip(Fiber.join(looping))).message, /it was stopped/)
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiting)))._tag, "ThreadDied")
    })
  )
})
