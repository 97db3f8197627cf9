import { assert, describe, it } from "@effect/vitest"
import type { Scope } from "effect"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Part } from "./Troupe.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { layer, settle, Troupe, turn } from "./Troupe.ts"

const intensity = { restarts: 5, within: "1 minute" } as const

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, layer))

const staged = Effect.fnUntraced(function* (
  strategy: "one_for_one" | "one_for_all" | "rest_for_one",
  parts: Readonly<Record<string, Part>> = {},
  options: Partial<Supervisor.SupervisorOptions> = {}
) {
  const { child, diary } = yield* Troupe
  const children = ["a", "b", "c"].map((id) => child(id, parts[id]))
  const supervisor = yield* Supervisor.make({ name: "root", strategy, intensity, children, ...options })
  turn(diary)
  return supervisor
})

const states = (supervisor: Supervisor.Supervisor) =>
  Effect.map(supervisor.snapshot, ({ children }) => children.map(({ state }) => state))

describe("one_for_one", () => {
  test(
    "restarts only the child that failed",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      yield* staged("one_for_one")
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-b", "+b"])
    })
  )

  test(
    "restarts a child while a sibling is slow to be released or to start",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const supervisor = yield* staged("one_for_one", {
        a: { release: () => Effect.never },
        b: { start: (nth) => (nth === 1 ? Effect.void : Effect.never) }
      })
      yield* Effect.forkScoped(supervisor.stopChild("a"))
      yield* crash("b")
      yield* crash("c")
      assert.deepStrictEqual(turn(diary), ["-b", "+b", "-c", "+c"])
      yield* TestClock.adjust("5 seconds")
    })
  )
})

describe("one_for_all", () => {
  test(
    "stops all others in reverse order, then starts all in order",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      yield* staged("one_for_all")
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-b", "-c", "-a", "+a", "+b", "+c"])
    })
  )

  test(
    "lets a temporary sibling go and brings back a transient one that had finished",
    Effect.gen(function* () {
      const { crash, diary, finish } = yield* Troupe
      const supervisor = yield* staged("one_for_all", { b: { restart: "transient" }, c: { restart: "temporary" } })
      yield* finish("b")
      turn(diary)
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["-a", "-c", "+a", "+b"])
      assert.deepStrictEqual(yield* states(supervisor), ["running", "running", "stopped"])
    })
  )

  test(
    "leaves alone what was paused",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const supervisor = yield* staged("one_for_all")
      yield* supervisor.pauseChild("b")
      turn(diary)
      yield* crash("c")
      assert.deepStrictEqual(turn(diary), ["-c", "-a", "+a", "+c"])
      assert.deepStrictEqual(yield* states(supervisor), ["running", "paused", "running"])
    })
  )

  test(
    "waits once before all of them when it backs off",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const backoff = { base: "2 seconds", cap: "1 minute" } as const
      const supervisor = yield* staged("one_for_all", {}, { backoff })
      yield* crash("c")
      assert.deepStrictEqual(turn(diary), ["-c", "-b", "-a"])
      assert.deepStrictEqual(yield* states(supervisor), ["backing off", "stopped", "stopped"])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(turn(diary), ["+a", "+b", "+c"])
    })
  )
})

describe("rest_for_one", () => {
  test(
    "stops the later ones in reverse order, then starts from the failed one on",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      yield* staged("rest_for_one")
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-b", "-c", "+b", "+c"])
    })
  )

  test(
    "waits for every release before it starts anything",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const supervisor = yield* staged("rest_for_one", { c: { release: () => Deferred.await(gate) } })
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["-a"])
      assert.deepStrictEqual(yield* states(supervisor), ["stopped", "running", "stopping"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-c", "-b", "+a", "+b", "+c"])
    })
  )

  test(
    "starts nothing while releases are under way, whatever ends meanwhile",
    Effect.gen(function* () {
      const { crash, diary, finish } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const release = (nth: number) => (nth === 1 ? Deferred.await(gate) : Effect.void)
      yield* staged("rest_for_one", { b: { restart: "transient" }, c: { release } })
      yield* crash("a")
      yield* finish("b")
      assert.deepStrictEqual(turn(diary), ["-a", "-b"])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-c", "+a", "+c"])
    })
  )

  test(
    "does not wait for a child that has finished",
    Effect.gen(function* () {
      const { crash, diary, finish } = yield* Troupe
      yield* staged("rest_for_one", { a: { restart: "transient" } })
      yield* finish("a")
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-a", "-b", "-c", "+b", "+c"])
    })
  )

  test(
    "gives up on a start under way when a child before it fails",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      yield* staged("rest_for_one", { c: { start: (nth) => (nth === 2 ? Effect.never : Effect.void) } })
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-b", "-c", "+b", "+c"])
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["-a", "-c", "-b", "+a", "+b", "+c"])
    })
  )

  test(
    "takes two failures at once for one restart of both",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const release = (nth: number) => (nth === 1 ? Deferred.await(gate) : Effect.void)
      const supervisor = yield* staged("rest_for_one", { c: { release } })
      yield* crash("b")
      yield* crash("a")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-b", "-a", "-c", "+a", "+b", "+c"])
      assert.deepStrictEqual(yield* states(supervisor), ["running", "running", "running"])
    })
  )

  test(
    "keeps the later ones down while one is paused, and brings them back with it",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const supervisor = yield* staged("rest_for_one")
      yield* supervisor.pauseChild("b")
      assert.deepStrictEqual(turn(diary), ["-c", "-b"])
      yield* crash("a")
      assert.deepStrictEqual(turn(diary), ["-a", "+a"])
      assert.deepStrictEqual(yield* states(supervisor), ["running", "paused", "stopped"])
      yield* supervisor.restartChild("b")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["+b", "+c"])
    })
  )

  test(
    "stops what depends on a child that is parked",
    Effect.gen(function* () {
      const { crash, diary } = yield* Troupe
      const rare = { restarts: 0, within: "1 minute" } as const
      const supervisor = yield* staged("rest_for_one", {}, { intensity: rare, parkExhausted: true })
      yield* crash("b")
      assert.deepStrictEqual(turn(diary), ["-b", "-c"])
      assert.deepStrictEqual(yield* states(supervisor), ["running", "parked", "stopped"])
    })
  )

  test(
    "restarts by hand as a failure would, without counting it",
    Effect.gen(function* () {
      const { diary } = yield* Troupe
      const supervisor = yield* staged("rest_for_one", {}, { intensity: { restarts: 0, within: "1 minute" } })
      yield* supervisor.restartChild("b")
      yield* settle
      assert.deepStrictEqual(turn(diary), ["-c", "-b", "+b", "+c"])
    })
  )

  test(
    "lets a later child start once those before it are up",
    Effect.gen(function* () {
      const { child, crash, diary } = yield* Troupe
      const gate = yield* Deferred.make<void>()
      const start = (nth: number) => (nth === 2 ? Deferred.await(gate) : Effect.void)
      const supervisor = yield* staged("rest_for_one", { c: { start } })
      yield* crash("c")
      turn(diary)
      const starting = yield* Effect.forkChild(supervisor.startChild(child("d")))
      yield* settle
      assert.deepStrictEqual(turn(diary), [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(starting)
      assert.deepStrictEqual(turn(diary), ["+d"])
    })
  )
})
