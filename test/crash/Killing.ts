/**
 * Services that are killed one after the other in one place: each start first takes care of what the last kill left.
 *
 * A kill is proved: the victim says that it struck itself at the boundary, or was killed by its model there, and no
 * other end of a process is accepted.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert } from "@effect/vitest"
import { DateTime, Effect, Exit, Ref, Scope } from "effect"
import type { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { makePlace, type Place, type Program, type Service, type ServiceEnded, start } from "../support/Service.ts"
import type { Boundary } from "./Boundary.ts"
import * as Company from "./Company.ts"
import type { Point } from "./Matrix.ts"
import type { Model } from "./Model.ts"
import { order, struck } from "./Orders.ts"
import { at, person } from "./Person.ts"
import { type Struck, struckOne } from "./Scenarios.ts"
import { hasSurvived, story } from "./Survival.ts"
import * as World from "./World.ts"

const victim = fileURLToPath(new URL("Victim.ts", import.meta.url))
const compiled = fileURLToPath(new URL("../../node_modules/.cache/compile", import.meta.url))

/** Where services run one after the other; none runs while `running` is undefined. */
interface Hall {
  readonly model: Model
  readonly place: Place
  readonly orders: string
  readonly begin: Effect.Effect<Service, ServiceEnded>
  readonly scope: Scope.Closeable
  running: Service | undefined
  sessions: number
}

const build = Effect.fnUntraced(function* (scope: Scope.Closeable) {
  const { files, model } = yield* World.make()
  const place = yield* makePlace(files)
  const orders = join(place.config, "..", "orders")
  order(orders, undefined)
  const program: Program = { file: victim, env: { ORDERS: orders, NODE_COMPILE_CACHE: compiled } }
  const begin = Scope.provide(start(place, program), scope)
  const hall: Hall = { model, place, orders, begin, scope, running: undefined, sessions: 0 }
  return hall
})

export type Killing = Effect.Success<ReturnType<typeof make>>

/** Services to be killed with one session under way, or among others that are at other places. */
export const make = Effect.fnUntraced(function* (company: "alone" | "among others") {
  const current = yield* Ref.make<Hall | undefined>(undefined)
  const around = yield* Effect.scope

  const hall = Effect.gen(function* () {
    const present = yield* Ref.get(current)
    if (present !== undefined) return present
    const scope = yield* Scope.fork(around)
    const built = yield* Scope.provide(build(scope), scope)
    yield* Ref.set(current, built)
    return built
  })

  /** What did not survive is no place for the next. */
  const abandon = ({ scope }: Hall) => Effect.andThen(Ref.set(current, undefined), Scope.close(scope, Exit.void))

  return {
    /** Strikes at every boundary of the point, starts again, and checks what is left; tells the story. */
    survive: (point: Point) =>
      Effect.flatMap(hall, (hall) => Effect.onError(strikeAt(hall, point, company), () => abandon(hall)))
  }
})

const strikeAt = Effect.fnUntraced(function* (hall: Hall, point: Point, company: "alone" | "among others") {
  const { begin, orders, place } = hall
  const name = `s${++hall.sessions}`
  const one = struckOne(person(name), point.scenario)
  let service = hall.running ?? (yield* begin)
  hall.running = undefined
  const others = company === "alone" ? [] : yield* Company.begin(service, hall.model, name, folderOf(place))
  const deaths: Array<string> = []
  for (const boundary of point.boundaries) {
    const before = struck(orders)
    order(orders, boundary.kind === "reply" ? undefined : boundary)
    const booted = deaths.length === 0 ? Exit.succeed(service) : yield* Effect.exit(begin)
    if (Exit.isSuccess(booted)) {
      service = booted.value
      yield* killed(hall, service, one, boundary)
    }
    const strikes = boundary.kind === "reply" ? 0 : 1
    assert.strictEqual(struck(orders) - before, strikes, "the victim was struck where it was told to")
    deaths.push(DateTime.formatIso(yield* DateTime.now))
  }
  order(orders, undefined)
  yield* Effect.forEach(others, ({ who }) => hall.model.release(who.session))
  service = yield* begin
  const remains = yield* recovered(service, hall, one)
  yield* Effect.forEach(others, (other) => recovered(service, hall, other), { concurrency: "unbounded" })
  if (others.length === 0) wereStruckThere(point, deaths, remains.log)
  hall.running = service
  return story(until(deaths.at(-1), remains.log), remains)
})

const folderOf = ({ data }: Place) => join(data, "tenants/default")

/** Lets a session come to its end, and checks it. */
const recovered = Effect.fnUntraced(function* (service: Service, { model, place }: Hall, { scenario, who }: Struck) {
  const deeds = at(service, who, scenario.agent)
  yield* scenario.act(deeds, model)
  yield* scenario.holds?.(deeds) ?? Effect.void
  const remains = { log: yield* deeds.log, folder: folderOf(place) }
  hasSurvived(who, scenario, remains)
  return remains
})

/** What was in the log at this instant: a service that died then wrote nothing more, and the next one needs time to start. */
const until = (instant: string | undefined, log: ReadonlyArray<SessionEvent>) =>
  log.filter(({ at }) => instant !== undefined && at <= instant)

/** The commit at which it died is on disk if it died after it, and is not if it died before. */
const wereStruckThere = ({ boundaries }: Point, deaths: ReadonlyArray<string>, log: ReadonlyArray<SessionEvent>) => {
  for (const [index, boundary] of boundaries.entries()) {
    if (boundary.kind !== "commit" || !log.some(({ type }) => type === boundary.event)) continue
    const written = (instant: string | undefined) =>
      until(instant, log).filter(({ type }) => type === boundary.event).length
    const expected = boundary.when === "before" ? boundary.nth - 1 : boundary.nth
    assert.strictEqual(written(deaths[index]) - written(deaths[index - 1]), expected, `died at ${boundary.event}`)
  }
}

/** Drives the session until the service has been killed. */
const killed = Effect.fnUntraced(function* (
  { model }: Hall,
  service: Service,
  { scenario, who }: Struck,
  boundary: Boundary
) {
  // By then the service has read what the model has sent so far.
  const hasRead = Effect.promise(() => fetch(`${service.url}/health`))
  const strike = Effect.andThen(
    hasRead,
    Effect.sync(() => service.signal("SIGKILL"))
  )
  model.expect(who.session, boundary, strike)
  const act = Effect.andThen(scenario.act(at(service, who, scenario.agent), model), nothingStruck)
  const ending = yield* Effect.raceFirst(service.ended, act)
  assert.strictEqual(ending.signal, "SIGKILL", ending.errors)
})

/** All was said and done, and the service does not even end late: where it was to die was not passed. */
const nothingStruck = Effect.andThen(Effect.sleep("30 seconds"), Effect.die(new Error("nothing struck the service")))
