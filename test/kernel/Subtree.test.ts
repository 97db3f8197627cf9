import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Layer, Option, Scope } from "effect"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import * as Registry from "../../src/kernel/Registry.ts"
import * as Subtree from "../../src/kernel/Subtree.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { layer as stage, settle, Troupe, turn } from "./Troupe.ts"

const intensity = { restarts: 3, within: "1 minute" } as const

class Store extends Context.Service<Store, { readonly nth: number }>()("test/Store") {}
class Agents extends Context.Service<Agents, { readonly store: number; readonly nth: number }>()("test/Agents") {}
class House extends Context.Service<House, { readonly name: string }>()("test/House") {}

const test = <A, E>(name: string, body: Effect.Effect<A, E, Troupe | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(body, stage))

type End = Deferred.Deferred<void, Error>

/** Two Layers, of which the second needs the first, and a way to end each. */
const staged = Effect.gen(function* () {
  const { diary } = yield* Troupe
  const ends = { store: [] as Array<End>, agents: [] as Array<End> }
  const begin = (among: Array<End>) => {
    const end: End = Deferred.makeUnsafe()
    return { end, nth: among.push(end) }
  }
  const enter = (id: string) =>
    Effect.acquireRelease(
      Effect.sync(() => diary.push(`+${id}`)),
      () => Effect.sync(() => diary.push(`-${id}`))
    )
  const StoreLayer = Layer.effect(
    Store,
    Effect.gen(function* () {
      yield* enter("store")
      const { fork } = yield* Incarnation
      const { end, nth } = begin(ends.store)
      yield* fork(Deferred.await(end))
      return { nth }
    })
  )
  const AgentsLayer = Layer.effect(
    Agents,
    Effect.gen(function* () {
      yield* enter("agents")
      const { fork } = yield* Incarnation
      const { end, nth } = begin(ends.agents)
      yield* fork(Deferred.await(end), { mustNotEnd: "agents' loop" })
      return { nth, store: (yield* Store).nth }
    })
  )
  const subtree = Subtree.make("default", { intensity }).pipe(
    Subtree.child("store", StoreLayer),
    Subtree.child("agents", AgentsLayer, { shutdown: "1 second" })
  )
  const last = (among: Array<End>) => Effect.suspend(() => Effect.fromNullishOr(among.at(-1)))
  const crashStore = Effect.gen(function* () {
    yield* Deferred.fail(yield* last(ends.store), new Error("broke"))
    yield* settle
  })
  const endAgents = Effect.gen(function* () {
    yield* Deferred.succeed(yield* last(ends.agents), undefined)
    yield* settle
  })
  return { subtree, crashStore, endAgents }
})

describe("Subtree", () => {
  test(
    "builds Layers in order, later ones with what earlier ones built",
    Effect.gen(function* () {
      const { diary } = yield* Troupe
      const { subtree } = yield* staged
      const scope = yield* Scope.make()
      const running = yield* Scope.provide(Subtree.start(subtree), scope)
      const services = yield* running.services
      assert.deepStrictEqual(Context.get(services, Agents), { nth: 1, store: 1 })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(turn(diary), ["+store", "+agents", "-agents", "-store"])
      const missing = yield* Effect.flip(running.services)
      assert.strictEqual(missing.message, "default is not complete: store, agents is down")
    })
  )

  test(
    "rebuilds later siblings with fresh services after a restart",
    Effect.gen(function* () {
      const { diary, logs } = yield* Troupe
      const { crashStore, subtree } = yield* staged
      const running = yield* Subtree.start(subtree)
      turn(diary)
      yield* crashStore
      assert.deepStrictEqual(turn(diary), ["-store", "-agents", "+store", "+agents"])
      assert.deepStrictEqual(Context.get(yield* running.services, Agents), { nth: 2, store: 2 })
      assert.deepStrictEqual(
        logs.map(({ annotations }) => annotations["child"]),
        ["default/store"]
      )
    })
  )

  test(
    "leaves earlier siblings alone",
    Effect.gen(function* () {
      const { diary, logs } = yield* Troupe
      const { endAgents, subtree } = yield* staged
      const running = yield* Subtree.start(subtree)
      turn(diary)
      yield* endAgents
      assert.deepStrictEqual(turn(diary), ["-agents", "+agents"])
      assert.deepStrictEqual(Context.get(yield* running.services, Agents), { nth: 2, store: 1 })
      assert.strictEqual(logs[0]?.annotations["reason"], "FiberEnded: agents' loop ended although its child lives on")
    })
  )

  test(
    "shares no instance between two subtrees, nor with the outside",
    Effect.gen(function* () {
      yield* Troupe
      let built = 0
      const Shared = Layer.effect(
        Store,
        Effect.sync(() => ({ nth: ++built }))
      )
      const Private = Layer.provide(
        Layer.effect(
          Agents,
          Effect.map(Store, ({ nth }) => ({ nth, store: nth }))
        ),
        Shared
      )
      const subtree = (name: string) =>
        Subtree.make(name, { intensity }).pipe(Subtree.child("a", Shared), Subtree.child("b", Private))
      const seen = yield* Effect.gen(function* () {
        const outside = (yield* Store).nth
        const one = yield* (yield* Subtree.start(subtree("one"))).services
        const two = yield* (yield* Subtree.start(subtree("two"))).services
        const inside = [one, two].flatMap((services) => [Context.get(services, Store), Context.get(services, Agents)])
        return [outside, ...inside.map(({ nth }) => nth)]
      }).pipe(Effect.provide(Shared))
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5])
    })
  )

  test(
    "keeps the services of the next incarnation when one left behind is released late",
    Effect.gen(function* () {
      yield* Troupe
      const gate = yield* Deferred.make<void>()
      const lives: Array<Incarnation["Service"]> = []
      const loop = Effect.onInterrupt(Effect.never, () => Deferred.await(gate))
      const Slow = Layer.effect(
        Store,
        Effect.map(Incarnation, (life) => ({ nth: lives.push(life) }))
      )
      const subtree = Subtree.make("default", { intensity }).pipe(Subtree.child("a", Slow, { shutdown: "brutal" }))
      const running = yield* Subtree.start(subtree)
      for (const { fork } of lives) yield* fork(loop)
      yield* running.restartChild("a")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.strictEqual(Context.get(yield* running.services, Store).nth, 2)
    })
  )

  test(
    "uses the ambient services",
    Effect.gen(function* () {
      yield* Troupe
      const needy = Layer.effect(
        Store,
        Effect.map(House, ({ name }) => ({ nth: name.length }))
      )
      const subtree = Subtree.make("default", { intensity }).pipe(Subtree.child("a", needy))
      const running = yield* Effect.provideService(Subtree.start(subtree), House, { name: "four" })
      assert.strictEqual(Context.get(yield* running.services, Store).nth, 4)
    })
  )

  test(
    "fails to start when a Layer does, and releases the others",
    Effect.gen(function* () {
      const { diary } = yield* Troupe
      const { subtree } = yield* staged
      const broken = Subtree.child("channels", Layer.effectDiscard(Effect.fail("no token")))(subtree)
      const error = yield* Effect.flip(Effect.scoped(Subtree.start(broken)))
      assert.strictEqual(error.message, 'Child "channels" of default failed to start: Error: no token')
      assert.deepStrictEqual(turn(diary), ["+store", "+agents", "-agents", "-store"])
    })
  )

  test(
    "fails to start when something forked fails while the Layer is still built",
    Effect.gen(function* () {
      yield* Troupe
      const stuck = Layer.effectDiscard(
        Effect.gen(function* () {
          const { fork } = yield* Incarnation
          yield* fork(Effect.andThen(Effect.yieldNow, Effect.fail("lost")))
          return yield* Effect.never
        })
      )
      const subtree = Subtree.make("default", { intensity }).pipe(Subtree.child("a", stuck))
      assert.include((yield* Effect.flip(Effect.scoped(Subtree.start(subtree)))).message, "lost")
    })
  )

  test(
    "is a child of a dynamic supervisor, under its own name, and may give up without it",
    Effect.gen(function* () {
      const { logs } = yield* Troupe
      const { crashStore, subtree } = yield* staged
      const registry = yield* Registry.make<Subtree.Running<Store | Agents>>()
      const tenants = yield* Supervisor.make({
        name: "tenants",
        strategy: "one_for_one",
        intensity: { restarts: 0, within: "1 minute" },
        parkExhausted: true
      })
      const onStart = (running: Subtree.Running<Store | Agents>) => Effect.orDie(registry.register("default", running))
      yield* tenants.startChild(Subtree.spec(subtree, { onStart }))
      assert.deepStrictEqual(yield* registry.names, ["default"])
      const { children } = yield* tenants.snapshot
      assert.deepInclude(children[0], { path: "tenants/default", kind: "supervisor", strategy: "rest_for_one" })
      const below = children[0]?.children.map(({ path }) => path)
      assert.deepStrictEqual(below, ["tenants/default/store", "tenants/default/agents"])
      yield* Effect.repeat(crashStore, { times: 3 })
      assert.strictEqual((yield* tenants.snapshot).children[0]?.state, "parked")
      assert.deepStrictEqual(yield* registry.names, [])
      const said = logs.slice(-3).map(({ message }) => message)
      assert.deepStrictEqual(said, ["child exited", "supervisor gave up", "child parked"])
      yield* tenants.restartChild("default")
      const running = Option.getOrThrow(yield* registry.find("default"))
      assert.deepStrictEqual(Context.get(yield* running.services, Agents), { nth: 5, store: 5 })
    })
  )

  test(
    "ends the Layer child it runs in when it gives up",
    Effect.gen(function* () {
      const { diary } = yield* Troupe
      const { crashStore, subtree } = yield* staged
      const seen: Array<number> = []
      const onStart = Effect.fnUntraced(function* (running: Subtree.Running<Store>) {
        seen.push(Context.get(yield* Effect.orDie(running.services), Store).nth)
      })
      const outer = Subtree.make("fiberclaw", { intensity }).pipe(
        Subtree.child("tenant", Subtree.layer(subtree, onStart)),
        Subtree.child("later", Layer.effectDiscard(Effect.sync(() => diary.push("later"))))
      )
      const running = yield* Subtree.start(outer)
      const below = (yield* running.snapshot).children[0]?.children.map(({ path }) => path)
      assert.deepStrictEqual(below, ["fiberclaw/tenant/default"])
      yield* Effect.repeat(crashStore, { times: 2 })
      turn(diary)
      yield* crashStore
      assert.deepStrictEqual(turn(diary), ["-store", "-agents", "+store", "+agents", "later"])
      assert.deepStrictEqual(seen, [1, 5])
    })
  )
})

describe("Incarnation", () => {
  const hosted = (body: Effect.Effect<void, never, Incarnation>) =>
    Subtree.start(Subtree.make("default", { intensity }).pipe(Subtree.child("a", Layer.effectDiscard(body))))

  const failures = Effect.map(Troupe, ({ logs }) => logs.map(({ annotations }) => annotations["reason"]))

  test(
    "ends the child when a forked fiber dies",
    Effect.gen(function* () {
      const dying = Effect.andThen(Effect.yieldNow, Effect.die("odd"))
      yield* hosted(Effect.asVoid(Effect.flatMap(Incarnation, ({ fork }) => fork(dying))))
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* failures, ["Error: odd"])
    })
  )

  test(
    "lets a forked fiber end, or be interrupted by whoever holds it",
    Effect.gen(function* () {
      yield* hosted(
        Effect.gen(function* () {
          const { fork } = yield* Incarnation
          yield* fork(Effect.void)
          const fiber = yield* fork(Effect.never)
          fiber.interruptUnsafe()
        })
      )
      yield* settle
      assert.deepStrictEqual(yield* failures, [])
    })
  )

  test(
    "starts a fiber at once and stops it with the child",
    Effect.gen(function* () {
      const { diary } = yield* Troupe
      const running = yield* hosted(
        Effect.gen(function* () {
          const { fork } = yield* Incarnation
          const loop = Effect.ensuring(
            Effect.never,
            Effect.sync(() => diary.push("stopped"))
          )
          yield* fork(
            Effect.andThen(
              Effect.sync(() => diary.push("started")),
              loop
            ),
            { mustNotEnd: "loop" }
          )
          diary.push("built")
        })
      )
      yield* running.stopChild("a")
      assert.deepStrictEqual(turn(diary), ["started", "built", "stopped"])
      assert.deepStrictEqual(yield* failures, [])
    })
  )

  test(
    "ends the child on demand",
    Effect.gen(function* () {
      const self = yield* Deferred.make<Incarnation["Service"]>()
      yield* hosted(Effect.flatMap(Incarnation, (incarnation) => Effect.asVoid(Deferred.succeed(self, incarnation))))
      yield* (yield* Deferred.await(self)).fail(Cause.fail(new Error("enough")))
      yield* settle
      assert.deepStrictEqual(yield* failures, ["Error: enough"])
    })
  )
})
