/** What Erlang/OTP's supervisor_SUITE says of starting, stopping and significant children, of both kinds of them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ShutdownInput } from "../../src/kernel/ChildOptions.ts"
import type { AutoShutdown } from "../../src/kernel/Restart.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { ChildUnknown } from "../../src/kernel/SupervisorError.ts"
import { type Kind, layer, type Part, settle, Troupe, turn } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 1, within: "10 seconds" } } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

const states = <R>(supervisor: Supervisor.Supervisor<R>) =>
  Effect.map(supervisor.snapshot, ({ children }) =>
    Object.fromEntries(children.map(({ path, state }) => [path.slice("root/".length), state]))
  )

const kinds: ReadonlyArray<Kind> = ["resident", "actor"]

describe.each(kinds)("as in OTP, with children of kind %s:", (kind) => {
  const staged = Effect.fnUntraced(function* (
    parts: Readonly<Record<string, Part>>,
    more: Partial<Supervisor.SupervisorOptions> = {}
  ) {
    const { cast, diary } = yield* Troupe
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const children = Object.entries(parts).map(([id, part]) => cast(kind, id, part))
    const supervisor = yield* Scope.provide(Supervisor.make({ ...rules, children, ...more }), scope)
    turn(diary)
    return { diary, scope, supervisor }
  })

  test(
    "order_of_children: they start in order, and stop the other way round",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const children = ["a", "b", "c"].map((id) => cast(kind, id))
      yield* Effect.scoped(Supervisor.make({ ...rules, children }))
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "+c", "-c", "-b", "-a"])
    })
  )

  test(
    "sup_start_fail: when one child does not start, those before it are stopped and those after it never start",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const start = () => Effect.fail("no")
      const children = ["a", "b", "c", "d"].map((id) => cast(kind, id, id === "c" ? { start } : {}))
      const error = yield* Effect.flip(Supervisor.make({ ...rules, children }))
      assert.strictEqual(error.id, "c")
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "+c", "-c", "-b", "-a"])
    })
  )

  const patiences: ReadonlyArray<readonly [ShutdownInput, number]> = [
    ["brutal", 0],
    ["2 seconds", 2000],
    ["infinity", 86_400_000]
  ]
  for (const [shutdown, millis] of patiences) {
    test(
      `shutdown ${shutdown}: a stop waits for a release as long as that`,
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const release = () => Deferred.await(gate)
        const { diary, scope } = yield* staged({ a: {}, b: { shutdown, release } })
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        if (millis > 0) yield* TestClock.adjust(millis - 1)
        assert.deepStrictEqual(turn(diary), shutdown === "brutal" ? ["-a"] : [])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(turn(diary), shutdown === "2 seconds" ? ["-a"] : [])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(closing)
        assert.deepStrictEqual(turn(diary).slice(0, 1), ["-b"])
      })
    )
  }

  test(
    "child_adm: terminate_child keeps the child listed, restart_child brings it back, delete_child forgets it",
    Effect.gen(function* () {
      const { diary, supervisor } = yield* staged({ a: {}, b: {} })
      yield* supervisor.stopChild("a")
      assert.deepStrictEqual([turn(diary), yield* states(supervisor)], [["-a"], { a: "stopped", b: "running" }])
      yield* supervisor.restartChild("a")
      assert.deepStrictEqual([turn(diary), yield* states(supervisor)], [["+a"], { a: "running", b: "running" }])
      yield* supervisor.stopChild("a")
      yield* supervisor.deleteChild("a")
      assert.deepStrictEqual(yield* states(supervisor), { b: "running" })
    })
  )

  test(
    "child_adm: what is not there or still up is refused by name",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const { supervisor } = yield* staged({ a: {} }, { backoff: { base: "1 second", cap: "1 second" } })
      const { deleteChild, killChild, pauseChild, restartChild, resumeChild, stopChild } = supervisor
      const acts: ReadonlyArray<(id: string) => Effect.Effect<void, unknown>> = [
        deleteChild,
        killChild,
        pauseChild,
        restartChild,
        resumeChild,
        stopChild
      ]
      for (const act of acts) {
        assert.instanceOf(yield* Effect.flip(act("nobody")), ChildUnknown)
      }
      const running = yield* Effect.flip(deleteChild("a"))
      assert.strictEqual(running.message, 'Child "a" of root is running: stop it before it is deleted')
      yield* crash("a")
      assert.include((yield* Effect.flip(deleteChild("a"))).message, "is backing off")
      const present = yield* Effect.flip(supervisor.startChild(cast(kind, "a")))
      assert.strictEqual(present.message, 'Child "a" of root is already there (backing off)')
      yield* stopChild("a")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* states(supervisor), { a: "stopped" })
    })
  )

  test(
    "unlike in OTP, restart_child also restarts what runs, and resume leaves that alone",
    Effect.gen(function* () {
      const { diary, supervisor } = yield* staged({ a: {} })
      yield* supervisor.resumeChild("a")
      assert.deepStrictEqual(turn(diary), [])
      yield* supervisor.restartChild("a")
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
    })
  )

  test(
    "unlike in OTP, start_child may put another child in the place of one that is stopped",
    Effect.gen(function* () {
      const { cast } = yield* Troupe
      const { supervisor } = yield* staged({ a: {}, b: {} })
      yield* supervisor.stopChild("a")
      yield* supervisor.startChild(cast(kind, "a"))
      assert.deepStrictEqual(Object.entries(yield* states(supervisor)), [
        ["a", "running"],
        ["b", "running"]
      ])
    })
  )

  test(
    "unlike in OTP, terminate_child under rest_for_one takes along those that rest on the child",
    Effect.gen(function* () {
      const { diary, supervisor } = yield* staged({ a: {}, b: {}, c: {} }, { strategy: "rest_for_one" })
      yield* supervisor.stopChild("b")
      assert.deepStrictEqual(turn(diary), ["-c", "-b"])
      yield* supervisor.resumeChild("b")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+b", "+c"])
    })
  )

  test(
    "simple_one_for_one: any number of children come and go, each for itself; unlike in OTP each has a name",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const { diary, supervisor } = yield* staged({})
      for (let nth = 1; nth <= 1500; nth++) {
        yield* supervisor.startChild(cast(kind, `${nth}`, { restart: nth === 2 ? "temporary" : "transient" }))
      }
      turn(diary)
      yield* crash("1")
      yield* crash("2")
      yield* supervisor.stopChild("3")
      assert.deepStrictEqual(turn(diary), ["-1", "+1", "-2", "-3"])
      const { children, omitted } = yield* supervisor.snapshot
      assert.strictEqual(children.length + (omitted ?? 0), 1498)
      assert.deepStrictEqual(
        children.slice(0, 2).map(({ path }) => path),
        ["root/1", "root/4"]
      )
      yield* supervisor.pauseChild("1400")
      const [first, second] = (yield* supervisor.snapshot).children
      assert.deepStrictEqual([first?.path, first?.state, second?.path], ["root/1400", "paused", "root/1"])
    })
  )

  test(
    "which_children, count_children: the tree tells who is there, of which kind, and how they are",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const inner = Supervisor.child({ ...rules, name: "inner", children: [cast(kind, "x")] })
      const backoff = { base: "1 second", cap: "1 second" } as const
      const children = [cast(kind, "a"), inner, cast(kind, "b"), cast(kind, "c", { restart: "temporary" })]
      const supervisor = yield* Supervisor.make({ ...rules, backoff, children })
      yield* crash("a")
      yield* crash("c")
      yield* supervisor.pauseChild("b")
      assert.deepStrictEqual(
        (yield* supervisor.snapshot).children.map(({ children, kind, path, state }) => [
          path,
          kind,
          state,
          children.length
        ]),
        [
          ["root/a", "worker", "backing off", 0],
          ["root/inner", "supervisor", "running", 1],
          ["root/b", "worker", "paused", 0],
          ["root/c", "worker", "stopped", 0]
        ]
      )
    })
  )

  const significant = { restart: "temporary", significant: true } as const

  /** How many of two significant children have failed when the supervisor shuts down. */
  const shutdowns: ReadonlyArray<readonly [AutoShutdown, number]> = [
    ["never", 0],
    ["any_significant", 1],
    ["all_significant", 2]
  ]
  for (const [autoShutdown, needed] of shutdowns) {
    test(
      `significant_temporary, ${autoShutdown}: ${needed || "no"} ends end the supervisor`,
      Effect.gen(function* () {
        const { crash } = yield* Troupe
        const { diary, supervisor } = yield* staged({ a: {}, b: significant, c: significant }, { autoShutdown })
        const over = yield* Effect.forkChild(supervisor.exit, { startImmediately: true })
        for (const [index, id] of ["b", "c"].entries()) {
          yield* crash(id)
          assert.strictEqual(over.pollUnsafe() !== undefined, needed > 0 && index + 1 >= needed)
        }
        assert.strictEqual(turn(diary).includes("-a"), needed > 0)
      })
    )
  }

  test(
    "significant_transient: one that fails is started again, as long as the intensity allows",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const part = { restart: "transient", significant: true } as const
      const { supervisor } = yield* staged({ a: part }, { autoShutdown: "any_significant" })
      yield* crash("a")
      assert.deepStrictEqual(yield* states(supervisor), { a: "running" })
      yield* crash("a")
      assert.strictEqual((yield* Effect.flip(supervisor.exit)).id, "a")
    })
  )

  test(
    "significant_bystander: one that its supervisor takes down, for a sibling or a caller, does not count",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const options = { autoShutdown: "any_significant", strategy: "one_for_all" } as const
      const { supervisor } = yield* staged({ a: {}, b: significant, c: significant }, options)
      yield* supervisor.stopChild("b")
      yield* crash("a")
      assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: "stopped", c: "stopped" })
    })
  )

  test(
    "all_significant: one that a caller has stopped is not waited for",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const { supervisor } = yield* staged({ a: significant, b: significant }, { autoShutdown: "all_significant" })
      yield* supervisor.stopChild("a")
      assert.strictEqual((yield* supervisor.snapshot).state, "running")
      yield* crash("b")
      assert.deepStrictEqual(yield* Effect.exit(supervisor.exit), Exit.void)
    })
  )

  test(
    "significant_escalation: a nested supervisor that shut down has ended normally",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const options = { ...rules, name: "inner", autoShutdown: "any_significant" } as const
      const inner = (restart: "permanent" | "transient") =>
        Supervisor.child({ ...options, name: restart, restart, children: [cast(kind, `${restart} x`, significant)] })
      const children = [inner("permanent"), inner("transient")]
      const supervisor = yield* Supervisor.make({ ...rules, children })
      yield* crash("permanent x")
      yield* crash("transient x")
      yield* settle
      assert.deepStrictEqual(yield* states(supervisor), { permanent: "running", transient: "stopped" })
    })
  )

  test(
    "significant supervisor: one that shuts down for good takes its own supervisor along",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const options = { ...rules, autoShutdown: "any_significant" } as const
      const children = [cast(kind, "x", significant)]
      const inner = Supervisor.child({ ...options, ...significant, name: "inner", children })
      const supervisor = yield* Supervisor.make({ ...options, name: "outer", children: [inner] })
      const ended = yield* Effect.forkScoped(supervisor.exit, { startImmediately: true })
      yield* crash("x")
      assert.strictEqual(ended.pollUnsafe()?._tag, "Success")
    })
  )

  test(
    "check_startspec: a permanent child cannot be significant",
    Effect.gen(function* () {
      const { cast } = yield* Troupe
      const children = [cast(kind, "a", { significant: true })]
      const exit = yield* Effect.exit(Supervisor.make({ ...rules, autoShutdown: "any_significant", children }))
      assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
    })
  )

  test(
    "scale_start_stop_many_children: ten thousand start and stop together, the stack notwithstanding",
    Effect.gen(function* () {
      const { cast, diary } = yield* Troupe
      const children = Array.from({ length: 10_000 }, (_, nth) => cast(kind, `${nth}`))
      yield* Effect.scoped(Supervisor.make({ ...rules, strategy: "rest_for_one", children }))
      assert.strictEqual(diary.length, 20_000)
      assert.strictEqual(diary.at(-1), "-0")
    })
  )
})
