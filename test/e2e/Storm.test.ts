/**
 * The whole service in a storm: a random child of a tenant's tree is killed every 20 ms for 30 seconds, now and then
 * one of the parts that everything rests on, while 50 sessions talk and use a tool. Real time, real sockets, real
 * files; the supervisors' budgets are raised, as nobody means to survive this by them.
 */
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random, Schedule, Schema, Stream } from "effect"
import { SessionEvent } from "../../src/domain/SessionEvent.ts"
import { Tolerance } from "../../src/kernel/Supervisor.ts"
import type { NodeSnapshot } from "../../src/kernel/Tree.ts"
import { type Accepted, agentYaml, minimal, RunningApp } from "../support/RunningApp.ts"

const talkers = 50
const tenant = "fiberclaw/tenants/default"

const files = {
  ...minimal,
  "tenants/default/tenant.yaml":
    "name: Stormy\nlimits: { concurrentTurns: 16, tokensPerDay: 1000000000000 }\nproviders:\n  demo: { kind: scripted }\n",
  "tenants/default/agents/main.yaml": `${agentYaml}approvals: { dangerous: allow }\n`
}

const storm = RunningApp.layerWith({ files }).pipe(Layer.provide(Layer.succeed(Tolerance, 100_000)))

/** Everything below a node that is up, with whether others rest on it. */
const standing = ({ children, path, state }: NodeSnapshot): ReadonlyArray<{ path: string; isPart: boolean }> => [
  ...(state === "running" ? [{ path, isPart: children.length > 0 || path.split("/").length === 4 }] : []),
  ...children.flatMap(standing)
]

const find = (node: NodeSnapshot, path: string): NodeSnapshot | undefined =>
  node.path === path ? node : node.children.map((child) => find(child, path)).find((found) => found !== undefined)

/** Kills one child, and one that others rest on in one case of a hundred: each takes the whole tenant down. */
const strike = Effect.fnUntraced(function* (kills: Map<string, number>) {
  const { root } = yield* RunningApp
  const top = find(yield* root.snapshot, tenant)
  if (top === undefined) return
  const isHeavy = (yield* Random.nextIntBetween(0, 100)) === 0
  const victims = standing(top).filter(({ isPart }) => isPart === isHeavy)
  const victim = victims[yield* Random.nextIntBetween(0, Math.max(1, victims.length))]
  if (victim === undefined) return
  const control = root.locate(victim.path)
  if (control === undefined) return
  const kind = victim.path
    .split("/")
    .slice(3, isHeavy ? 4 : -1)
    .join("/")
  kills.set(kind, (kills.get(kind) ?? 0) + 1)
  yield* Effect.forkScoped(Effect.ignore(control.kill))
})

const persistently = Schedule.spaced("20 millis")

const decodeEvents = Schema.decodeUnknownSync(Schema.Struct({ events: Schema.Array(SessionEvent) }))
const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(SessionEvent))

/** Says something until it is accepted, as a client would: the same id each time. */
const say = Effect.fnUntraced(function* (session: string, text: string, externalId: string) {
  const { call } = yield* RunningApp
  const path = `/api/v1/tenants/default/sessions/${session}/messages`
  const send = call("POST", path, { body: { agent: "main", text, externalId } }).pipe(
    Effect.flatMap((answer) => (answer.status === 202 ? Effect.succeed(answer.json as Accepted) : Effect.fail(answer)))
  )
  return yield* Effect.retry(send, { schedule: persistently, while: ({ status }) => status === 503 })
})

/** Follows the log until the turn has ended, again whenever the stream breaks off. */
const ended = Effect.fnUntraced(function* (session: string, { seq, turn }: Accepted) {
  const { open } = yield* RunningApp
  const headers = { accept: "text/event-stream" }
  const follow = Effect.scoped(
    Effect.gen(function* () {
      const { entries } = yield* open("GET", `/api/v1/tenants/default/sessions/${session}/events?after=${seq}`, {
        headers
      })
      const ends = entries.pipe(
        Stream.filter(({ id }) => id !== undefined),
        Stream.map(({ data = "" }) => decodeEvent(data)),
        Stream.filter((event) => event.type === "TurnEnded" && event.turn === turn)
      )
      return yield* Stream.runHead(ends)
    })
  )
  return yield* Effect.retry(Effect.flatMap(Effect.sandbox(follow), Effect.fromOption), { schedule: persistently })
})

/** One person: says something, waits for the end of the turn, and goes on while the storm lasts. */
const talk = Effect.fnUntraced(function* (session: string, ledger: string, over: () => boolean) {
  let said = 0
  while (!over()) {
    const id = `${session}-${++said}`
    const text = said % 3 === 0 ? `run: echo ${id} >> ${ledger}` : `this is ${id}`
    yield* ended(session, yield* say(session, text, id))
  }
  return said
})

const logOf = Effect.fnUntraced(function* (session: string) {
  const { call } = yield* RunningApp
  const { json } = yield* call("GET", `/api/v1/tenants/default/sessions/${session}/events`)
  return decodeEvents(json).events
})

const checkLog = (session: string, said: number, log: ReadonlyArray<SessionEvent>) => {
  assert.deepStrictEqual(
    log.map(({ seq }) => seq),
    log.map((_, index) => index + 1),
    `${session} has gaps`
  )
  const accepted = log.filter((event) => event.type === "MessageAccepted")
  assert.strictEqual(accepted.length, said, `${session} has lost or doubled a message`)
  for (const { externalId, turn } of accepted) {
    const own = log.filter((event) => "turn" in event && event.turn === turn)
    const ends = own.filter((event) => event.type === "TurnEnded")
    assert.deepStrictEqual(
      ends.map(({ failure, outcome }) => ({ outcome, failure })),
      [{ outcome: "completed", failure: undefined }],
      `${externalId} was not answered exactly once`
    )
    const steps = own.flatMap((event) => (event.type === "ModelReplied" ? [event.step] : []))
    assert.deepStrictEqual(steps, [...new Set(steps)], `a step of ${externalId} was answered twice`)
  }
}

describe("a storm of kills", () => {
  it.live(
    "costs no message, and no message its answer, and no tool runs twice",
    () =>
      Effect.gen(function* () {
        const { data } = yield* RunningApp
        const ledger = `${data}/ledger`
        const kills = new Map<string, number>()
        let over = false
        const sessions = Array.from({ length: talkers }, (_, index) => `talker-${index}`)
        const striking = Effect.repeat(strike(kills), Schedule.spaced("20 millis")).pipe(
          Effect.timeoutOption("30 seconds"),
          Effect.andThen(Effect.sync(() => (over = true)))
        )
        const [said] = yield* Effect.all(
          [Effect.forEach(sessions, (id) => talk(id, ledger, () => over), { concurrency: "unbounded" }), striking],
          { concurrency: "unbounded" }
        )
        for (const [index, session] of sessions.entries()) checkLog(session, said[index] ?? 0, yield* logOf(session))
        const lines = existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []
        assert.deepStrictEqual(lines, [...new Set(lines)], "a tool has run twice")
        const total = [...kills.values()].reduce((sum, count) => sum + count, 0)
        assert.isAbove(total, 100)
        yield* Effect.logInfo("storm").pipe(
          Effect.annotateLogs({
            messages: said.reduce((sum, n) => sum + n, 0),
            kills: Object.fromEntries(kills),
            tools: lines.length
          })
        )
      }).pipe(Effect.scoped, Effect.provide(storm)),
    180_000
  )
})
