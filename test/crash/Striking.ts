/**
 * The same points, struck inside a process that goes on: an agent, a session's fiber or the store with its writer dies
 * there and is started anew by its supervisor.
 *
 * One service with several tenants, each struck at one point at a time and then left to the others' turn, so that few
 * points wait for the backoff of an earlier one.
 */
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { Tolerance } from "../../src/kernel/Supervisor.ts"
import * as RunningApp from "../support/RunningApp.ts"
import { type Boundary, striker } from "./Boundary.ts"
import type { Point, Way } from "./Matrix.ts"
import { at, type Person, person } from "./Person.ts"
import { type Scenario, scenarioOf } from "./Scenarios.ts"
import { hasSurvived } from "./Survival.ts"
import { tools } from "./Tools.ts"
import { type Watcher, watchers } from "./Trap.ts"
import * as World from "./World.ts"

/** What dies. */
export type Part = Exclude<Way, "alone" | "among others">

const pathOf = (part: Part, { session, tenant }: Person, { agent }: Scenario): string => {
  const node = { agent: `agents/${agent}`, session: `sessions/${session}`, store: "store" }
  return `fiberclaw/tenants/${tenant}/${node[part]}`
}

/** The agents that come with a running app, without the tool that is none here. */
const idle = Object.fromEntries(
  Object.entries(RunningApp.minimal).map(([name, text]) => [name, text.replace(/^tools:.*$/m, "")])
)

export type Striking = Effect.Success<ReturnType<typeof make>>

/** How many points a tenant serves one after the other: backoffs grow with each, and a tenant costs a database. */
const pointsOfTenant = 10

/** A service to be struck at so many points. */
export const make = Effect.fnUntraced(function* (points: number) {
  const tenants = Array.from({ length: Math.ceil(points / pointsOfTenant) }, (_, index) => `t${index + 1}`)
  const { files, model } = yield* World.make(tenants)
  const starting = RunningApp.start({ files: { ...idle, ...files }, tools })
  const app = yield* Effect.provideService(starting, Tolerance, 1000)
  const service = { url: app.url, token: app.admin }
  const free = yield* Queue.unbounded<string>()
  yield* Queue.offerAll(free, tenants)
  let sessions = 0

  /** Strikes the part at every boundary of the point, and checks what is left; tells whether it was up there. */
  const survive = (point: Point, part: Part) =>
    Effect.acquireUseRelease(
      Queue.take(free),
      (tenant) => strikeAt(point, part, person(`${tenant}-s${++sessions}`, tenant)),
      (tenant) => Queue.offer(free, tenant)
    )

  const strikeAt = Effect.fnUntraced(function* (point: Point, part: Part, who: Person) {
    const { tenant } = who
    const scenario = scenarioOf(point.scenario)
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const dying: Array<Fiber.Fiber<unknown, unknown>> = []
    let struck = 0
    let killed = 0

    const strike = Effect.suspend(() => {
      struck++
      watch(point.boundaries[struck])
      const control = app.root.locate(pathOf(part, who, scenario))
      if (control?.node().state === "running") killed++
      return control?.kill ?? Effect.void
    })
    const watch = (boundary: Boundary | undefined) => {
      if (boundary === undefined) return
      model.expect(
        who.session,
        boundary,
        Effect.sync(() => dying.push(run(strike)))
      )
      const watcher = striker(boundary, () => {
        watchers.delete(mine)
        dying.push(run(strike))
      })
      const mine: Watcher = (passing) => passing.tenant === tenant && watcher(passing)
      watchers.add(mine)
    }
    watch(point.boundaries[0])
    const deeds = at(service, who, scenario.agent)
    yield* scenario.act(deeds, model)
    // What was at rest did not die, so that nothing recovers and nothing strikes it while it does.
    if (killed === struck) assert.strictEqual(struck, point.boundaries.length, "it was struck where it was to be")
    yield* Effect.forEach(dying, Fiber.await)
    yield* scenario.holds?.(deeds) ?? Effect.void
    hasSurvived(who, scenario, { log: yield* deeds.log, folder: join(app.data, "tenants", tenant) })
    return killed === point.boundaries.length
  })

  return { survive }
})
