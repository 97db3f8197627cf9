import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ChildSpec } from "../../src/kernel/ChildSpec.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { layer, settle, Troupe } from "./Troupe.ts"

const ids = ["a", "b", "c", "d", "later", "x", "y"] as const

const Action = Schema.Struct({
  act: Schema.Literals(["crash", "die", "finish", "stop", "pause", "restart", "add", "wait"]),
  id: Schema.Literals(ids),
  /** Whether the next action begins before this one has run its course. */
  hurried: Schema.Boolean
})
type Action = typeof Action.Type

const Plan = Schema.Struct({
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"]),
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  parkExhausted: Schema.Boolean,
  backingOff: Schema.Boolean,
  actions: Schema.Array(Action)
})

/** Starts and releases that take a while, so that actions fall into them. */
const slow = Effect.repeat(Effect.yieldNow, { times: 3 })

const perform = Effect.fnUntraced(function* (supervisor: Supervisor.Supervisor, action: Action, spec: ChildSpec) {
  const troupe = yield* Troupe
  const steps: Record<Action["act"], Effect.Effect<unknown, unknown>> = {
    crash: troupe.crash(action.id),
    die: troupe.die(action.id, "odd"),
    finish: troupe.finish(action.id),
    stop: supervisor.stopChild(action.id),
    pause: supervisor.pauseChild(action.id),
    restart: supervisor.restartChild(action.id),
    add: supervisor.startChild(spec),
    wait: TestClock.adjust("20 seconds")
  }
  yield* Effect.forkScoped(steps[action.act], { startImmediately: true })
  if (!action.hurried) yield* settle
})

const play = Effect.fnUntraced(function* ({ actions, backingOff, ...rules }: typeof Plan.Type) {
  const troupe = yield* Troupe
  const part = (restart: typeof rules.restart) =>
    ({ restart, shutdown: "infinity", start: () => slow, release: () => slow }) as const
  const inner = Supervisor.child({
    name: "inner",
    strategy: rules.strategy,
    intensity: { restarts: 1, within: "30 seconds" },
    children: [troupe.child("x", part("permanent")), troupe.child("y", part("transient"))]
  })
  const scope = yield* Scope.make()
  const supervisor = yield* Scope.provide(
    Supervisor.make({
      name: "root",
      strategy: rules.strategy,
      parkExhausted: rules.parkExhausted,
      intensity: { restarts: 3, within: "30 seconds" },
      ...(backingOff && { backoff: { base: "1 second", cap: "10 seconds" } }),
      children: [
        troupe.child("a", part(rules.restart)),
        troupe.child("b", part(rules.restart)),
        inner,
        troupe.child("c", part("permanent"))
      ]
    }),
    scope
  )
  for (const action of actions) yield* perform(supervisor, action, troupe.child("later", part(rules.restart)))
  yield* Scope.close(scope, Exit.void)
  return troupe.diary
})

describe("Supervisor laws", () => {
  it.effect.prop(
    "whatever happens, no incarnation overlaps the release of the one before, and nothing is left at the end",
    [Plan],
    ([plan]) =>
      Effect.gen(function* () {
        const alive = new Set<string>()
        for (const entry of yield* Effect.scoped(play(plan))) {
          const id = entry.slice(1)
          if (entry.startsWith("+")) assert.isFalse(alive.has(id), `${id} overlaps`)
          if (entry.startsWith("+")) alive.add(id)
          else alive.delete(id)
        }
        assert.deepStrictEqual([...alive], [])
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop(
    "under rest_for_one a child starts only when all before it are up and none after it is left",
    [Plan.mapFields(({ strategy: _, ...rest }) => ({ ...rest, strategy: Schema.Literals(["rest_for_one"]) }))],
    ([plan]) =>
      Effect.gen(function* () {
        const order = ["a", "b", "c"]
        const alive = new Set<string>()
        const lasting = { ...plan, restart: "permanent" } as const
        for (const entry of yield* Effect.scoped(play(lasting))) {
          const id = entry.slice(1)
          if (!order.includes(id)) continue
          if (entry.startsWith("+")) assert.deepStrictEqual([...alive].sort(), order.slice(0, order.indexOf(id)))
          if (entry.startsWith("+")) alive.add(id)
          else alive.delete(id)
        }
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 100 } }
  )
})
