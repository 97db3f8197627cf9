/** How many durable appends a second the session store does for many sessions, beside SQLite with the same rows. */
import { join } from "node:path"
import { Duration, Effect, Layer, Logger } from "effect"
import { AgentId, SessionId, TurnId } from "../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../src/domain/SessionEvent.ts"
import { Incarnation } from "../../src/kernel/Incarnation.ts"
import { SessionStore } from "../../src/sessions/SessionStore.ts"
import * as SqlSessionStore from "../../src/sessions/sql/SqlSessionStore.ts"
import { atLeast, type Bench, type Figure, type Row } from "./Figure.ts"
import { record, replay } from "./Replay.ts"
import { inTurn } from "./Statistics.ts"

const sessions = 64
const turnsPerSession = 50
const rounds = 5

type Append = readonly [NewSessionEvent, ...ReadonlyArray<NewSessionEvent>]

const usage = {
  inputTokens: { uncached: 10, total: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 }
}

/** The three appends of a plain turn, as the service makes them. */
const turnOf = (id: string): ReadonlyArray<Append> => {
  const agent = AgentId.make("demo")
  const turn = TurnId.make(id)
  const content = [{ type: "text" as const, text: "Hello, this is an answer." }]
  return [
    [{ type: "MessageAccepted", turn, agent, channel: "bench", text: "say: Hello, this is an answer." }],
    [
      { type: "TurnStarted", turn, agent, generation: 1, model: "demo/demo" },
      { type: "ModelCalled", turn, step: 1, model: "demo/demo" }
    ],
    [
      { type: "ModelReplied", turn, step: 1, content, finishReason: "stop", usage },
      { type: "TurnEnded", turn, outcome: "completed" }
    ]
  ]
}

const perSession = Array.from({ length: turnsPerSession }, (_, index) => turnOf(`turn_${index}`)).flat()

const write = Effect.fnUntraced(function* (prefix: string, index: number) {
  const store = yield* SessionStore
  const session = SessionId.make(`${prefix}${index}`)
  let after = 0
  for (const events of perSession) after += (yield* store.append(session, after, events)).length
})

/** Appends a second, all sessions at once. */
const appending = (file: string, prefix: string) =>
  Effect.forEach(Array.from({ length: sessions }).keys(), (index) => write(prefix, index), {
    concurrency: "unbounded",
    discard: true
  }).pipe(
    Effect.timed,
    Effect.map(([elapsed]) => (sessions * perSession.length) / Duration.toSeconds(elapsed)),
    Effect.provide(Layer.provide(SqlSessionStore.layerSqlite({ filename: file }), Incarnation.layerAlone)),
    // Standard output is the table's alone: the store's writer ends with the store, which nobody has to be told.
    Effect.provide(Logger.layer([]))
  )

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const file = join(bench.folder, "sessions.sqlite")
  const all = sessions * perSession.length
  const subject = (round: number) => {
    bench.progress(`${all} appends, round ${round + 1} of ${rounds}`)
    return Effect.runPromise(appending(file, `round-${round}-`))
  }
  const baseline = async (round: number) =>
    all / replay(record(file, `round-${round}-`), join(bench.folder, `replay-${round}.sqlite`))
  await Effect.runPromise(appending(file, "warm-"))
  const pair = await inTurn(rounds, subject, baseline)
  const note = `durable appends/s from ${sessions} sessions`
  const goal = atLeast(pair.ratios.median, 0.7, " of SQLite")
  return [{ ...pair, name: "appends", unit: "/s", against: "SQLite, same rows and commits", goal, note }]
}

export const appends: Figure = { name: "appends", about: "durable appends a second from 64 sessions", run }
