import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Latch, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/kernel/Actor.ts"
import { fromLayer, type ResidentSpec } from "../../src/kernel/ChildSpec.ts"
import { shutdownFrom, type Vitals } from "../../src/kernel/ChildOptions.ts"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import type { WatchdogOptions } from "../../src/kernel/Watchdog.ts"
import { leaping } from "./LeapingClock.ts"
import { layer, settle, Troupe } from "./Troupe.ts"

const rules = { name: "root", strategy: "one_for_one", intensity: { restarts: 3, within: "1 hour" } } as const

const watched = (onHang: WatchdogOptions["onHang"]): { readonly watchdog: WatchdogOptions } => ({
  watchdog: { patience: "10 seconds", onHang }
})

/** A child that says of itself what the test says of it. */
const saying = (vitals: () => Vitals | undefined): ResidentSpec => ({
  id: "a",
  kind: "worker",
  restart: "permanent",
  shutdown: shutdownFrom("5 seconds"),
  vitals,
  start: Effect.succeed(Effect.never)
})

const restarts = (supervisor: Supervisor.Supervisor) =>
  Effect.map(supervisor.snapshot, ({ children }) => children[0]?.restarts)

const hangs = Effect.map(Troupe, ({ logs }) => logs.filter(({ message }) => message === "child hangs"))

describe("a watchdog", () => {
  it.effect("restarts an actor that is stuck in a message while others wait", () =>
    Effect.gen(function* () {
      const stuck = yield* Latch.make(false)
      const handled: Array<string> = []
      const actor = Actor.define({
        start: () =>
          Effect.succeed((message: string) =>
            message === "stuck" ? stuck.await : Effect.sync(() => void handled.push(message))
          )
      })("a")
      const supervisor = yield* Supervisor.make({ ...rules, ...watched("restart"), children: [actor] })
      yield* actor.tell("stuck")
      yield* actor.tell("behind it")
      yield* settle
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(handled, [])
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.deepStrictEqual(handled, ["behind it"])
      assert.strictEqual(yield* restarts(supervisor), 1)
      const [hang] = yield* hangs
      assert.deepInclude(hang?.annotations, { child: "root/a", waiting: 2, decision: "restart" })
      const [{ lastExit } = {}] = (yield* supervisor.snapshot).children
      assert.match(lastExit?.reason ?? "", /^ChildHung: root\/a made no progress for \d+ ms while 2 waited$/)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("restarts an actor that is stuck in its only message, and tells whoever asked", () =>
    Effect.gen(function* () {
      const actor = Actor.define({ start: () => Effect.succeed((_: string) => Effect.never) })("a")
      const supervisor = yield* Supervisor.make({ ...rules, ...watched("restart"), children: [actor] })
      const asked = yield* Effect.forkScoped(Effect.flip(actor.ask("stuck", { timeout: "infinity" })), {
        startImmediately: true
      })
      yield* TestClock.adjust("20 seconds")
      yield* settle
      assert.strictEqual(yield* restarts(supervisor), 1)
      assert.match((yield* Fiber.join(asked)).message, /ChildHung/)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("leaves alone one that works off what waits, however slowly", () =>
    Effect.gen(function* () {
      let done = 0
      const supervisor = yield* Supervisor.make({
        ...rules,
        ...watched("restart"),
        children: [saying(() => ({ waiting: 5, done: done++ }))]
      })
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* restarts(supervisor), 0)
      assert.lengthOf(yield* hangs, 0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("leaves alone one for which nothing waits", () =>
    Effect.gen(function* () {
      const supervisor = yield* Supervisor.make({
        ...rules,
        ...watched("restart"),
        children: [saying(() => ({ waiting: 0, done: 0 }))]
      })
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* restarts(supervisor), 0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("only says so, once, where it is to report", () =>
    Effect.gen(function* () {
      const supervisor = yield* Supervisor.make({
        ...rules,
        ...watched("report"),
        children: [saying(() => ({ waiting: 2, done: 7 }))]
      })
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* restarts(supervisor), 0)
      assert.lengthOf(yield* hangs, 1)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("counts its restarts like any other, so that what hangs for ever is given up", () =>
    Effect.gen(function* () {
      const supervisor = yield* Supervisor.make({
        ...rules,
        ...watched("restart"),
        children: [saying(() => ({ waiting: 1, done: 0 }))]
      })
      const exit = yield* Effect.forkScoped(Effect.flip(supervisor.exit), { startImmediately: true })
      yield* TestClock.adjust("5 minutes")
      yield* settle
      assert.strictEqual(exit.pollUnsafe()?._tag, "Success")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("leaves behind one that cannot be interrupted, when its shutdown is over", () =>
    Effect.gen(function* () {
      const lives: Array<number> = []
      const never = yield* Deferred.make<void>()
      const deaf: ResidentSpec = {
        ...saying(() => ({ waiting: 1, done: lives.length > 1 ? lives.push(0) : 0 })),
        start: Effect.sync(() => {
          lives.push(1)
          return lives.length === 1 ? Effect.uninterruptible(Deferred.await(never)) : Effect.never
        })
      }
      const supervisor = yield* Supervisor.make({ ...rules, ...watched("restart"), children: [deaf] })
      yield* TestClock.adjust("30 seconds")
      yield* settle
      assert.strictEqual(yield* restarts(supervisor), 1)
      yield* Deferred.succeed(never, undefined)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("finds one that hangs while another is still being released, as long as that may take", () =>
    Effect.gen(function* () {
      const never = yield* Deferred.make<void>()
      const hung = { ...saying(() => ({ waiting: 1, done: 0 })), shutdown: "infinity" } as const
      const deaf: ResidentSpec = { ...hung, start: Effect.succeed(Effect.uninterruptible(Deferred.await(never))) }
      yield* Supervisor.make({ ...rules, ...watched("restart"), children: [deaf, { ...hung, id: "b" }] })
      yield* TestClock.adjust("15 seconds")
      yield* settle
      assert.deepStrictEqual(
        (yield* hangs).map(({ annotations }) => annotations["child"]),
        ["root/a", "root/b"]
      )
      yield* Deferred.succeed(never, undefined)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("is not misled by a clock that is set", () =>
    Effect.gen(function* () {
      const actor = saying(() => ({ waiting: 1, done: 0 }))
      yield* Supervisor.make({ ...rules, ...watched("report"), children: [actor] }).pipe(
        Effect.provideService(Clock.Clock, yield* leaping)
      )
      yield* TestClock.adjust("14 seconds")
      assert.lengthOf(yield* hangs, 0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("knows of a Layer what that says through its incarnation, as the tree does", () =>
    Effect.gen(function* () {
      const child = fromLayer({
        id: "writer",
        layer: Layer.effectDiscard(Incarnation.use(({ reportVitals }) => reportVitals(() => ({ waiting: 3, done: 1 }))))
      })
      const supervisor = yield* Supervisor.make({ ...rules, ...watched("report"), children: [child] })
      const [{ mailbox } = {}] = (yield* supervisor.snapshot).children
      assert.strictEqual(mailbox, 3)
      yield* TestClock.adjust("1 minute")
      const [hang] = yield* hangs
      assert.deepInclude(hang?.annotations, { child: "root/writer", waiting: 3 })
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
