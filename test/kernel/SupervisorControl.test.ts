import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { worker } from "../../src/kernel/ChildSpec.ts"
import type { ExitReport } from "../../src/kernel/ExitReport.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { type Kind, layer, settle, Troupe, turn } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 2, within: "1 minute" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

const only = <R>(supervisor: Supervisor.Supervisor<R>) => Effect.map(supervisor.snapshot, ({ children }) => children[0])

const kinds: ReadonlyArray<Kind> = ["resident", "actor"]

describe.each(kinds)("Supervisor, killing a child of kind %s", (kind) => {
  test(
    "takes it for a failure, and waits until it is released",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const reports: Array<ExitReport> = []
      const onExit = (report: ExitReport) => Effect.sync(() => void reports.push(report))
      const children = [cast(kind, "a", { release: () => Deferred.await(gate), shutdown: "infinity" })]
      const supervisor = yield* Supervisor.make({ ...rules, onExit, children })
      const killing = yield* Effect.forkChild(supervisor.killChild("a"), { startImmediately: true })
      yield* settle
      assert.deepStrictEqual([killing.pollUnsafe(), turn(diary)], [undefined, ["+a"]])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(killing)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
      assert.deepStrictEqual(
        reports.map(({ decision, ending, exit }) => [
          decision,
          ending,
          Exit.isFailure(exit) && Cause.hasFails(exit.cause)
        ]),
        [["Restart", "failed", true]]
      )
      assert.strictEqual((yield* only(supervisor))?.lastExit?.reason, "ChildKilled: root/a was killed")
    })
  )

  test(
    "counts towards the intensity",
    Effect.gen(function* () {
      const { cast } = yield* Troupe
      const supervisor = yield* Supervisor.make({ ...rules, children: [cast(kind, "a")] })
      for (const _ of [1, 2, 3]) {
        yield* supervisor.killChild("a")
        yield* settle
      }
      assert.include((yield* Effect.flip(supervisor.exit)).message, "root/a was killed")
    })
  )

  test(
    "leaves a temporary one dead, and what is down as it is",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const children = [cast(kind, "a", { restart: "temporary" })]
      const supervisor = yield* Supervisor.make({ ...rules, children })
      yield* supervisor.killChild("a")
      yield* supervisor.killChild("a")
      assert.deepStrictEqual([turn(diary), (yield* only(supervisor))?.state], [["+a", "-a"], "stopped"])
    })
  )

  test(
    "tells whoever started it when it is killed before it has started",
    Effect.gen(function* () {
      const { cast } = yield* Troupe
      const supervisor = yield* Supervisor.make(rules)
      const starting = supervisor.startChild(cast(kind, "a", { start: () => Effect.never }))
      const called = yield* Effect.forkChild(Effect.flip(starting), { startImmediately: true })
      yield* supervisor.killChild("a")
      assert.include((yield* Fiber.join(called)).message, "root/a was killed")
      assert.isUndefined(yield* only(supervisor))
    })
  )

  test(
    "does not hide of what a child had ended that is being released",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const children = [cast(kind, "a", { release: () => Deferred.await(gate) })]
      const supervisor = yield* Supervisor.make({ ...rules, children })
      yield* crash("a")
      const killing = yield* Effect.forkChild(supervisor.killChild("a"), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(killing)
      assert.strictEqual((yield* only(supervisor))?.lastExit?.reason, "Error: a broke")
    })
  )

  test(
    "kills a nested supervisor with all below it, by its path",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const inner = Supervisor.child({ ...rules, name: "inner", children: [cast(kind, "x"), cast(kind, "y")] })
      const supervisor = yield* Supervisor.make({ ...rules, children: [inner] })
      turn(diary)
      yield* supervisor.locate("root/inner")?.kill ?? Effect.void
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-y", "-x", "+x", "+y"])
      yield* supervisor.locate("root/inner/y")?.kill ?? Effect.void
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-y", "+y"])
    })
  )
})

describe.each(kinds)("Supervisor, resuming and deleting a child of kind %s", (kind) => {
  test(
    "resumes what is stopped, paused or parked, and what has finished",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const intensity = { restarts: 0, within: "1 minute" } as const
      const children = ["a", "b", "c"].map((id) => cast(kind, id)).concat(cast(kind, "d", { restart: "temporary" }))
      const supervisor = yield* Supervisor.make({ ...rules, intensity, parkExhausted: true, children })
      const states = Effect.map(supervisor.snapshot, ({ children }) => children.map(({ state }) => state))
      yield* supervisor.stopChild("a")
      yield* supervisor.pauseChild("b")
      yield* crash("c")
      yield* crash("d")
      assert.deepStrictEqual(yield* states, ["stopped", "paused", "parked", "stopped"])
      for (const id of ["a", "b", "c", "d"]) yield* supervisor.resumeChild(id)
      assert.deepStrictEqual(yield* states, ["running", "running", "running", "running"])
    })
  )

  test(
    "leaves alone what will come back by itself",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const backoff = { base: "1 minute", cap: "1 minute" } as const
      const supervisor = yield* Supervisor.make({ ...rules, backoff, children: [cast(kind, "a")] })
      yield* crash("a")
      yield* supervisor.resumeChild("a")
      assert.strictEqual((yield* only(supervisor))?.state, "backing off")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* only(supervisor))?.state, "running")
    })
  )

  test(
    "forgets what is down, so that its id is free and nothing waits for it under rest_for_one",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const children = ["a", "b", "c"].map((id) => cast(kind, id))
      const supervisor = yield* Supervisor.make({ ...rules, strategy: "rest_for_one", children })
      yield* supervisor.pauseChild("b")
      turn(diary)
      yield* supervisor.deleteChild("b")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+c"])
      yield* supervisor.startChild(cast(kind, "b"))
      assert.deepStrictEqual(
        (yield* supervisor.snapshot).children.map(({ path }) => path),
        ["root/a", "root/c", "root/b"]
      )
    })
  )
})

describe("Supervisor, leaving an incarnation behind", () => {
  const late = Effect.fnUntraced(function* (whatIsDeaf: "start" | "run") {
    const gate = yield* Deferred.make<void>()
    let nth = 0
    const deaf = Effect.suspend(() => (++nth === 1 ? Effect.uninterruptible(Deferred.await(gate)) : Effect.void))
    const options = { id: "a", kind: "worker", restart: "permanent", shutdown: "brutal" } as const
    const spec =
      whatIsDeaf === "run"
        ? worker({ ...options, run: Effect.andThen(deaf, Effect.never) })
        : { ...options, start: Effect.as(deaf, Effect.never) }
    return { gate, spec }
  })

  for (const whatIsDeaf of ["start", "run"] as const) {
    test(
      `it speaks for its child no more when its ${whatIsDeaf} ends late`,
      Effect.gen(function* () {
        const { gate, spec } = yield* late(whatIsDeaf)
        const supervisor = yield* Supervisor.make(rules)
        yield* Effect.forkChild(Effect.ignore(supervisor.startChild(spec)), { startImmediately: true })
        yield* supervisor.pauseChild("a")
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        assert.strictEqual((yield* only(supervisor))?.state, "paused")
        yield* supervisor.resumeChild("a")
        assert.strictEqual((yield* only(supervisor))?.state, "running")
      })
    )
  }

  test(
    "the tree shows what the new incarnation has below it, not what the old one may still have",
    Effect.gen(function* () {
      const { child } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const release = (nth: number) => (nth === 1 ? Deferred.await(gate) : Effect.void)
      const children = [child("x", { release, shutdown: "infinity" })]
      const inner = Supervisor.child({ ...rules, name: "inner", shutdown: "1 second", children })
      const supervisor = yield* Supervisor.make({ ...rules, children: [inner] })
      const restarting = yield* Effect.forkChild(supervisor.restartChild("inner"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(restarting)
      const below = Effect.map(only(supervisor), (node) => node?.children.map(({ state }) => state))
      assert.deepStrictEqual(yield* below, ["running"])
      yield* supervisor.locate("root/inner/x")?.pause ?? Effect.void
      assert.deepStrictEqual(yield* below, ["paused"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(yield* below, ["paused"])
    })
  )
})
