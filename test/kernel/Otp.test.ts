/** What Erlang/OTP's supervisor_SUITE says of restarts, case by case, of both kinds of children. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Restart, Strategy } from "../../src/kernel/Restart.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import type { NodeState } from "../../src/kernel/Tree.ts"
import { type Kind, layer, type Part, settle, Troupe, turn } from "./Troupe.ts"

const intensity = { restarts: 1, within: "10 seconds" } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

const states = <R>(supervisor: Supervisor.Supervisor<R>) =>
  Effect.map(supervisor.snapshot, ({ children }) =>
    Object.fromEntries(children.map(({ path, state }) => [path.slice("root/".length), state]))
  )

/** Whether the supervisor has given up by now. */
const gaveUp = <R>(supervisor: Supervisor.Supervisor<R>) =>
  Effect.map(supervisor.snapshot, ({ state }) => state === "stopped")

const kinds: ReadonlyArray<Kind> = ["resident", "actor"]

describe.each(kinds)("as in OTP, with children of kind %s:", (kind) => {
  const staged = Effect.fnUntraced(function* (
    strategy: Strategy,
    parts: Readonly<Record<string, Part>> = {},
    more: Partial<Supervisor.SupervisorOptions> = {}
  ) {
    const { cast, diary } = yield* Troupe
    const children = ["a", "b", "c"].map((id) => cast(kind, id, parts[id]))
    const supervisor = yield* Supervisor.make({ name: "root", strategy, intensity, children, ...more })
    turn(diary)
    return supervisor
  })

  const abnormal: ReadonlyArray<readonly [Restart, NodeState]> = [
    ["permanent", "running"],
    ["transient", "running"],
    ["temporary", "stopped"]
  ]
  for (const [restart, state] of abnormal) {
    test(
      `${restart}_abnormal: a child that fails is then ${state}`,
      Effect.gen(function* () {
        const { crash } = yield* Troupe
        const supervisor = yield* staged("one_for_one", { b: { restart } })
        yield* crash("b")
        assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: state, c: "running" })
      })
    )
  }

  const strategies: ReadonlyArray<readonly [Strategy, ReadonlyArray<string>]> = [
    ["one_for_one", ["-b", "+b"]],
    ["one_for_all", ["-b", "-c", "-a", "+a", "+b", "+c"]],
    ["rest_for_one", ["-b", "-c", "+b", "+c"]]
  ]
  for (const [strategy, story] of strategies) {
    test(
      `${strategy}: a child that fails takes its followers along, the youngest first, and the oldest starts first`,
      Effect.gen(function* () {
        const { crash, diary } = yield* Troupe
        yield* staged(strategy)
        yield* crash("b")
        assert.deepStrictEqual(turn(diary), story)
      })
    )

    test(
      `${strategy}_escalation: one restart too many stops all, the youngest first, and the supervisor fails`,
      Effect.gen(function* () {
        const { crash, diary } = yield* Troupe
        const supervisor = yield* staged(strategy)
        yield* crash("b")
        turn(diary)
        yield* crash("b")
        const error = yield* Effect.flip(supervisor.exit)
        assert.deepStrictEqual([error.supervisor, error.id, turn(diary)], ["root", "b", ["-b", "-c", "-a"]])
      })
    )

    test(
      `${strategy}: the restart of many counts once`,
      Effect.gen(function* () {
        const { crash } = yield* Troupe
        const supervisor = yield* staged(strategy, {}, { intensity: { restarts: 2, within: "10 seconds" } })
        yield* crash("a")
        yield* crash("a")
        assert.isFalse(yield* gaveUp(supervisor))
        yield* crash("a")
        assert.isTrue(yield* gaveUp(supervisor))
      })
    )
  }

  test(
    "one_for_all_other_child_fails_restart: a sibling that does not come back costs another restart",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const start = (nth: number) => (nth === 2 ? Effect.fail("not yet") : Effect.void)
      const supervisor = yield* staged("one_for_all", { b: { start } }, { intensity: { restarts: 2, within: 10_000 } })
      yield* crash("c")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-c", "-b", "-a", "+a", "+b", "-b", "-a", "+a", "+b", "+c"])
      yield* crash("a")
      assert.isTrue(yield* gaveUp(supervisor))
    })
  )

  test(
    "rest_for_one_other_child_fails_restart: it starts from the one that failed to come back",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const start = (nth: number) => (nth === 2 ? Effect.fail("not yet") : Effect.void)
      yield* staged("rest_for_one", { b: { start } }, { intensity: { restarts: 2, within: 10_000 } })
      yield* crash("a")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-a", "-c", "-b", "+a", "+b", "-b", "+b", "+c"])
    })
  )

  test(
    "temporary_bystander: a temporary sibling is taken down and not started again; unlike in OTP it stays listed",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const supervisor = yield* staged("one_for_all", { a: { restart: "temporary" } })
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-b", "-c", "-a", "+b", "+c"])
      assert.deepStrictEqual(yield* states(supervisor), { a: "stopped", b: "running", c: "running" })
    })
  )

  test(
    "temporary_bystander: one that was added later is forgotten then",
    Effect.gen(function* () {
      const { cast, crash } = yield* Troupe
      const supervisor = yield* staged("rest_for_one")
      yield* supervisor.startChild(cast(kind, "d", { restart: "temporary" }))
      yield* crash("b")
      assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: "running", c: "running" })
    })
  )

  test(
    "multiple_restarts: a child that cannot start again uses up the intensity",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const start = (nth: number) => (nth === 1 ? Effect.void : Effect.fail("broken"))
      const supervisor = yield* staged("one_for_one", { b: { start } }, { intensity: { restarts: 3, within: 10_000 } })
      yield* crash("b")
      assert.isTrue(yield* gaveUp(supervisor))
      assert.strictEqual(turn(diary).filter((entry) => entry === "+b").length, 3)
    })
  )

  test(
    "intensity: the oldest restart counts until exactly the period is over, to the millisecond and not the second",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const supervisor = yield* staged("one_for_one")
      yield* crash("a")
      yield* TestClock.adjust(10_001)
      yield* crash("b")
      assert.isFalse(yield* gaveUp(supervisor))
      yield* TestClock.adjust(10_000)
      yield* crash("c")
      assert.isTrue(yield* gaveUp(supervisor))
    })
  )

  test(
    "intensity 0: the first failure is too many",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const supervisor = yield* staged("one_for_one", {}, { intensity: { restarts: 0, within: "1 second" } })
      yield* crash("a")
      assert.isTrue(yield* gaveUp(supervisor))
    })
  )

  test(
    "tree: failures escalate from level to level until one can bear them, and at last to the root",
    Effect.gen(function* () {
      const { cast, crash, diary } = yield* Troupe
      const none = { strategy: "one_for_one", intensity: { restarts: 0, within: "10 seconds" } } as const
      const low = Supervisor.child({ ...none, name: "low", children: [cast(kind, "x"), cast(kind, "y")] })
      const middle = Supervisor.child({ ...none, name: "middle", children: [low, cast(kind, "m")] })
      const root = { name: "root", strategy: "one_for_all", intensity, children: [middle, cast(kind, "r")] } as const
      const supervisor = yield* Supervisor.make(root)
      turn(diary)
      yield* crash("x")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-x", "-y", "-m", "-r", "+x", "+y", "+m", "+r"])
      yield* crash("y")
      const error = yield* Effect.flip(supervisor.exit)
      assert.match(error.message, /^root gave up: child "middle" .* root\/middle gave up: child "low"/)
      assert.deepStrictEqual(turn(diary), ["-y", "-x", "-m", "-r"])
    })
  )

  test(
    "unlike in OTP, a supervisor that gave up has failed, so that a transient one is started again",
    Effect.gen(function* () {
      const { cast, crash, diary } = yield* Troupe
      const options = { name: "inner", strategy: "one_for_one", intensity: { restarts: 0, within: 1000 } } as const
      const inner = Supervisor.child({ ...options, restart: "transient", children: [cast(kind, "x")] })
      yield* Supervisor.make({ name: "root", strategy: "one_for_one", intensity, children: [inner] })
      yield* crash("x")
      assert.deepStrictEqual(turn(diary), ["+x", "-x", "+x"])
    })
  )

  test(
    "beyond OTP, a supervisor may count per child and park the one that is too much",
    Effect.gen(function* () {
      const { crash } = yield* Troupe
      const supervisor = yield* staged("one_for_one", {}, { parkExhausted: true })
      for (const id of ["a", "b", "c", "a"]) yield* crash(id)
      assert.deepStrictEqual(yield* states(supervisor), { a: "parked", b: "running", c: "running" })
      yield* supervisor.resumeChild("a")
      assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: "running", c: "running" })
    })
  )
})

/** An actor has no end of its own: at rest it costs nothing. */
describe("as in OTP, with resident children only:", () => {
  const normal: ReadonlyArray<readonly [Restart, NodeState]> = [
    ["permanent", "running"],
    ["transient", "stopped"],
    ["temporary", "stopped"]
  ]
  for (const [restart, state] of normal) {
    test(
      `${restart}_normal: a child that ends is then ${state}`,
      Effect.gen(function* () {
        const { child, finish } = yield* Troupe
        const children = [child("a"), child("b", { restart })]
        const supervisor = yield* Supervisor.make({ name: "root", strategy: "one_for_one", intensity, children })
        yield* finish("b")
        assert.deepStrictEqual(yield* states(supervisor), { a: "running", b: state })
      })
    )
  }

  test(
    "a normal end of a permanent child counts as a restart",
    Effect.gen(function* () {
      const { child, finish } = yield* Troupe
      const children = [child("a")]
      const supervisor = yield* Supervisor.make({ name: "root", strategy: "one_for_one", intensity, children })
      yield* finish("a")
      yield* finish("a")
      assert.isTrue(yield* gaveUp(supervisor))
    })
  )
})
