import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ChildSpec } from "../../src/kernel/ChildSpec.ts"
import type { ExitReport } from "../../src/kernel/ExitReport.ts"
import * as Registry from "../../src/kernel/Registry.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { Census } from "./Census.ts"
import { layer, settle, Troupe } from "./Troupe.ts"

const ids = ["a", "b", "c", "d", "later", "x", "y"] as const

const Action = Schema.Struct({
  act: Schema.Literals([
    "crash",
    "die",
    "finish",
    "stop",
    "pause",
    "restart",
    "resume",
    "kill",
    "delete",
    "add",
    "wait"
  ]),
  id: Schema.Literals(ids),
  /** Whether the next action begins before this one has run its course. */
  hurried: Schema.Boolean
})
type Action = typeof Action.Type

const Kind = Schema.Literals(["resident", "actor"])

const Plan = Schema.Struct({
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"]),
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  kinds: Schema.Struct({ a: Kind, b: Kind, c: Kind, later: Kind, x: Kind, y: Kind }),
  parkExhausted: Schema.Boolean,
  backingOff: Schema.Boolean,
  actions: Schema.Array(Action)
})

const within = 30_000

/** Starts and releases that take a while, so that actions fall into them. */
const slow = Effect.repeat(Effect.yieldNow, { times: 3 })

const perform = Effect.fnUntraced(function* (supervisor: Supervisor.Supervisor, action: Action, spec: ChildSpec) {
  const troupe = yield* Troupe
  const { act, id } = action
  const steps: Record<Action["act"], Effect.Effect<unknown, unknown>> = {
    crash: troupe.crash(id),
    die: troupe.die(id, "odd"),
    finish: troupe.finish(id),
    stop: supervisor.stopChild(id),
    pause: supervisor.pauseChild(id),
    restart: supervisor.restartChild(id),
    resume: supervisor.resumeChild(id),
    kill: supervisor.killChild(id),
    delete: supervisor.deleteChild(id),
    add: supervisor.startChild(spec),
    wait: TestClock.adjust("20 seconds")
  }
  yield* Effect.forkScoped(steps[act], { startImmediately: true })
  if (!action.hurried) yield* settle
})

/** Plays a plan to the end of the root's Scope. */
const play = Effect.fnUntraced(function* ({ actions, backingOff, kinds, ...rules }: typeof Plan.Type) {
  const troupe = yield* Troupe
  const registry = yield* Registry.make<string>()
  const clock = yield* Clock.Clock
  const census = new Census()
  const reports: Array<ExitReport & { readonly at: number }> = []
  const cast = (id: keyof typeof kinds, restart: typeof rules.restart) =>
    troupe.cast(kinds[id], id, {
      restart,
      shutdown: "infinity",
      start: () => Effect.andThen(slow, Effect.orDie(registry.register(id, id))),
      release: () => slow
    })
  const inner = Supervisor.child({
    name: "inner",
    strategy: rules.strategy,
    intensity: { restarts: 1, within },
    children: [cast("x", "permanent"), cast("y", "transient")]
  })
  const scope = yield* Scope.make()
  const supervisor = yield* Supervisor.make({
    name: "root",
    strategy: rules.strategy,
    parkExhausted: rules.parkExhausted,
    intensity: { restarts: 3, within },
    ...(backingOff && { backoff: { base: "1 second", cap: "10 seconds" } }),
    onExit: (report) => Effect.sync(() => void reports.push({ ...report, at: clock.currentTimeMillisUnsafe() })),
    children: [cast("a", rules.restart), cast("b", rules.restart), inner, cast("c", "permanent")]
  }).pipe(Scope.provide(scope), census.of)
  for (const action of actions) yield* perform(supervisor, action, cast("later", rules.restart))
  yield* Scope.close(scope, Exit.void)
  yield* settle
  return { diary: troupe.diary, fibers: census.alive, names: yield* registry.names, reports }
})

/** Follows a diary: who is alive when somebody starts. */
const follow = (diary: ReadonlyArray<string>, onStart: (id: string, alive: ReadonlySet<string>) => void) => {
  const alive = new Set<string>()
  for (const entry of diary) {
    const id = entry.slice(1)
    if (entry.startsWith("+")) onStart(id, alive)
    if (entry.startsWith("+")) alive.add(id)
    else alive.delete(id)
  }
  return alive
}

const only = <const A extends (typeof Plan.Type)["strategy"]>(strategy: A) =>
  Plan.mapFields((fields) => ({ ...fields, strategy: Schema.Literals([strategy]) }))

describe("Supervisor laws", () => {
  it.effect.prop(
    "whatever happens, no incarnation overlaps the release of the one before, and nothing is left at the end",
    [Plan],
    ([plan]) =>
      Effect.gen(function* () {
        const { diary, fibers, names } = yield* Effect.scoped(play(plan))
        const left = follow(diary, (id, alive) => assert.isFalse(alive.has(id), `${id} overlaps`))
        assert.deepStrictEqual({ left: [...left], names, fibers }, { left: [], names: [], fibers: 0 })
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop(
    "under rest_for_one a child starts only when all before it are up and none after it is left",
    [only("rest_for_one")],
    ([plan]) =>
      Effect.gen(function* () {
        const order = ["a", "b", "c"]
        const actions = plan.actions.filter(({ act, id }) => act !== "delete" || !order.includes(id))
        const { diary } = yield* Effect.scoped(play({ ...plan, actions, restart: "permanent" }))
        follow(diary, (id, alive) => {
          const others = [...alive].filter((other) => order.includes(other)).sort()
          if (order.includes(id)) assert.deepStrictEqual(others, order.slice(0, order.indexOf(id)))
        })
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 100 } }
  )

  it.effect.prop(
    "under one_for_all the first child starts only when nobody else is left",
    [only("one_for_all")],
    ([plan]) =>
      Effect.gen(function* () {
        const { diary } = yield* Effect.scoped(play({ ...plan, restart: "permanent" }))
        follow(diary, (id, alive) => assert.isTrue(id !== "a" || alive.size === 0, [...alive].join()))
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 100 } }
  )

  it.effect.prop(
    "never restarts more often than the intensity allows, each child for itself where one may be parked",
    [Plan],
    ([plan]) =>
      Effect.gen(function* () {
        // Many failures of few children; a restart by hand would make a child's own budget whole.
        const actions = plan.actions.map(({ act, hurried, id }) => ({
          act: act === "wait" || act === "kill" ? act : ("crash" as const),
          id: id === "b" || id === "c" ? id : ("a" as const),
          hurried
        }))
        const { reports } = yield* Effect.scoped(play({ ...plan, actions }))
        const restarts = reports.filter(({ decision }) => decision === "Restart")
        for (const last of restarts) {
          const same = restarts.filter(
            ({ at, id }) => at <= last.at && last.at - at <= within && (!plan.parkExhausted || id === last.id)
          )
          assert.isAtMost(same.length, 3)
        }
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 100 } }
  )
})
