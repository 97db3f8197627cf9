import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/kernel/Actor.ts"
import * as Supervisor from "../../src/kernel/Supervisor.ts"
import { Census } from "./Census.ts"
import { layer, settle, Troupe } from "./Troupe.ts"

const ids = ["a", "b", "later"] as const
type Id = (typeof ids)[number]

/** What becomes of a message that is worked on. */
const How = Schema.Literals(["at once", "in steps", "in a while", "never", "fails", "dies"])

const Step = Schema.Struct({
  act: Schema.Literals([
    "tell",
    "ask",
    "interrupt",
    "stop",
    "pause",
    "resume",
    "restart",
    "kill",
    "delete",
    "add",
    "wait"
  ]),
  id: Schema.Literals(ids),
  how: How,
  whenDown: Schema.Literals(["wait", "fail"]),
  /** Whether the next step is taken before this one has run its course. */
  hurried: Schema.Boolean
})

const Plan = Schema.Struct({
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"]),
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  capacity: Schema.Literals([1, 2, 5]),
  whenFull: Schema.Literals(["suspend", "refuse"]),
  parkExhausted: Schema.Boolean,
  backingOff: Schema.Boolean,
  steps: Schema.Array(Step)
})

interface Message {
  readonly number: number
  readonly how: typeof How.Type
}

type Listener = Actor.Actor<Message, number, "no">

const work = ({ how, number }: Message): Effect.Effect<number, "no"> => {
  switch (how) {
    case "at once":
      return Effect.succeed(number)
    case "in steps":
      return Effect.as(Effect.repeat(Effect.yieldNow, { times: 3 }), number)
    case "in a while":
      return Effect.as(Effect.sleep("1 second"), number)
    case "never":
      return Effect.never
    case "fails":
      return Effect.fail("no")
    case "dies":
      return Effect.die("odd")
  }
}

const play = Effect.fnUntraced(function* ({ backingOff, capacity, steps, whenFull, ...rules }: typeof Plan.Type) {
  const begun: Array<number> = []
  const accepted: Array<number> = []
  const asks: Array<Fiber.Fiber<unknown, unknown>> = []
  const everyone: Array<Listener> = []
  const census = new Census()
  const kind = Actor.define<Message, number, "no", never>({
    restart: rules.restart,
    mailbox: { capacity, whenFull },
    start: ({ scope }) =>
      Effect.as(Scope.addFinalizer(scope, Effect.yieldNow), (message) => {
        begun.push(message.number)
        return work(message)
      })
  })
  const made = (id: Id) => {
    const actor = kind(id)
    everyone.push(actor)
    return actor
  }
  const actors: Record<Id, Listener> = { a: made("a"), b: made("b"), later: made("later") }
  const scope = yield* Scope.make()
  const supervisor = yield* Supervisor.make({
    ...rules,
    name: "root",
    intensity: { restarts: 5, within: "10 seconds" },
    ...(backingOff && { backoff: { base: "1 second", cap: "10 seconds" } }),
    children: [actors.a, actors.b]
  }).pipe(Scope.provide(scope), census.of)

  const send = ({ act, how, id, whenDown }: typeof Step.Type, number: number) =>
    Effect.gen(function* () {
      const sent =
        act === "tell"
          ? Effect.tap(actors[id].tell({ number, how }), () => Effect.sync(() => accepted.push(number)))
          : Effect.map(actors[id].ask({ number, how }, { whenDown }), (answer) => assert.strictEqual(answer, number))
      const fiber = yield* Effect.forkScoped(Effect.ignore(sent), { startImmediately: true })
      if (act === "ask") asks.push(fiber)
    })
  const calls = {
    interrupt: () => Effect.forEach(asks.slice(-1), Fiber.interrupt),
    stop: supervisor.stopChild,
    pause: supervisor.pauseChild,
    resume: supervisor.resumeChild,
    restart: supervisor.restartChild,
    kill: supervisor.killChild,
    delete: supervisor.deleteChild,
    add: () => {
      actors.later = made("later")
      return supervisor.startChild(actors.later)
    },
    wait: () => TestClock.adjust("3 seconds")
  }
  for (const [number, step] of steps.entries()) {
    if (step.act === "tell" || step.act === "ask") yield* send(step, number)
    else yield* Effect.forkScoped(calls[step.act](step.id), { startImmediately: true })
    if (!step.hurried) yield* settle
  }
  yield* TestClock.adjust("20 seconds")
  const open = asks.filter((ask) => ask.pollUnsafe() === undefined).length
  yield* Scope.close(scope, Exit.void)
  yield* settle
  const leftovers = everyone.filter(
    ({ life, post, waiting }) => waiting > 0 || life !== undefined || post !== undefined
  )
  return { accepted, begun, fibers: census.alive, leftovers, open }
})

/** How many messages the log says were dropped. */
const dropped = Effect.map(Troupe, ({ logs }) =>
  logs.reduce((sum, { annotations, message }) => {
    return message === "messages dropped" ? sum + Number(annotations["messages"]) : sum
  }, 0)
)

describe("Actor laws", () => {
  it.effect.prop(
    "whatever happens, a message that came in is worked on once, or counted as dropped when its actor is gone",
    [Plan],
    ([plan]) =>
      Effect.gen(function* () {
        const { accepted, begun } = yield* Effect.scoped(play(plan))
        assert.strictEqual(new Set(begun).size, begun.length)
        const tells = new Set(begun)
        const lost = accepted.filter((number) => !tells.has(number))
        assert.strictEqual(lost.length, yield* dropped)
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 300 } }
  )

  it.effect("a message that had to wait for room is counted when it is dropped, like any other", () =>
    Effect.gen(function* () {
      const tell = { act: "tell", id: "b", whenDown: "wait", hurried: true } as const
      const { accepted, begun } = yield* Effect.scoped(
        play({
          strategy: "one_for_one",
          restart: "temporary",
          capacity: 1,
          whenFull: "suspend",
          parkExhausted: false,
          backingOff: false,
          steps: [
            { ...tell, how: "fails" },
            { ...tell, how: "at once" }
          ]
        })
      )
      assert.deepStrictEqual([accepted, begun, yield* dropped], [[0, 1], [0], 1])
    }).pipe(Effect.provide(layer))
  )

  it.effect.prop(
    "every ask ends in its time, and nothing is left when the supervisor's Scope closes",
    [Plan],
    ([plan]) =>
      Effect.gen(function* () {
        const { fibers, leftovers, open } = yield* Effect.scoped(play(plan))
        assert.deepStrictEqual({ fibers, leftovers, open }, { fibers: 0, leftovers: [], open: 0 })
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop(
    "one actor's messages are begun in the order they came in",
    [Plan],
    ([plan]) =>
      Effect.gen(function* () {
        const steps = plan.steps.map((step) => ({ ...step, id: "a" as const }))
        const { begun } = yield* Effect.scoped(play({ ...plan, steps }))
        assert.deepStrictEqual(
          begun,
          begun.toSorted((one, other) => one - other)
        )
      }).pipe(Effect.provide(layer)),
    { arbitrary: { runs: 300 } }
  )
})
