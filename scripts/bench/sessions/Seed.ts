/** Logs of sessions as the service would have written them, written by its own store while no service runs. */
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { blank } from "../../../src/domain/Note.ts"
import { AgentId, SessionId, TurnId } from "../../../src/domain/Ids.ts"
import type { NewSessionEvent } from "../../../src/domain/SessionEvent.ts"
import { Incarnation } from "../../../src/kernel/Incarnation.ts"
import { SessionStore } from "../../../src/sessions/SessionStore.ts"
import * as SqlSessionStore from "../../../src/sessions/sql/SqlSessionStore.ts"

type Events = readonly [NewSessionEvent, ...ReadonlyArray<NewSessionEvent>]

/** How many appends wait together: a full batch of the store. */
const together = 512

const usage = {
  inputTokens: { uncached: 10, total: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 }
}

const said = "say: Hello, this is an answer."

/** A turn as far as the request to the model. */
const begun = (agent: AgentId, turn: TurnId, session: string): Events => [
  { type: "MessageAccepted", turn, agent, channel: `api:${session}`, text: said },
  { type: "TurnStarted", turn, agent, generation: 1, model: "anthropic/bench" },
  { type: "ModelCalled", turn, step: 1, model: "anthropic/bench" }
]

const answered = (turn: TurnId): ReadonlyArray<NewSessionEvent> => [
  {
    type: "ModelReplied",
    turn,
    step: 1,
    content: [{ type: "text", text: "Hello, this is an answer." }],
    finishReason: "stop",
    usage
  },
  { type: "TurnEnded", turn, outcome: "completed" }
]

/** What one turn of a seeded session comes to, in events. */
export const eventsPerTurn = 5

const compactEvery = 50

/** A turn of a long session: every so often one in which all but the last turns were compacted. */
const turnOfMany = (agent: AgentId, session: string, index: number, before: number): Events => {
  const turn = TurnId.make(`turn_${index}`)
  const [accepted, started, called] = begun(agent, turn, session)
  if (accepted === undefined || started === undefined || called === undefined)
    throw new Error("a turn has three events")
  if (index === 0 || index % compactEvery !== 0) return [accepted, started, called, ...answered(turn)]
  const through = before - 4 * eventsPerTurn
  const carried = { agent, waiting: [], allowed: [], pinned: [], settings: {} }
  const common = { turn, reason: "window", through } as const
  const sizes = { outputs: 0, before: 15_000, after: 2_000 }
  return [
    accepted,
    started,
    { type: "CompactionStarted", ...common },
    { type: "Compacted", ...common, ...sizes, method: "summarised", note: blank, carried },
    called,
    ...answered(turn)
  ]
}

/** Runs with the store of the tenant `default` below a data folder. */
const withStore = <A>(data: string, use: (store: SessionStore["Service"]) => Effect.Effect<A, unknown>): Promise<A> => {
  const store = SqlSessionStore.layerSqlite({ filename: join(data, "tenants/default/sessions.sqlite") })
  return Effect.runPromise(
    SessionStore.use(use).pipe(Effect.orDie, Effect.provide(Layer.provide(store, Incarnation.layerAlone)))
  )
}

/** As many sessions of one turn each, all at rest: `rest-0` and so on. */
export const atRest = (data: string, count: number): Promise<void> =>
  withStore(data, (store) =>
    Effect.forEach(
      Array.from({ length: count }).keys(),
      (index) => {
        const session = `rest-${index}`
        const turn = TurnId.make(`turn_${index}`)
        const [first, ...more] = begun(AgentId.make("claude"), turn, session)
        return store.append(SessionId.make(session), 0, [first, ...more, ...answered(turn)])
      },
      { concurrency: together, discard: true }
    )
  )

/** As many sessions in which the model was being asked when the service ended. */
export const unfinished = (data: string, prefix: string, count: number): Promise<void> =>
  withStore(data, (store) =>
    Effect.forEach(
      Array.from({ length: count }).keys(),
      (index) => {
        const session = `${prefix}-${index}`
        return store.append(SessionId.make(session), 0, begun(AgentId.make("claude"), TurnId.make("turn_0"), session))
      },
      { concurrency: together, discard: true }
    )
  )

/** One session of that many turns, compacted every now and then. */
export const long = (data: string, session: string, turns: number): Promise<void> =>
  withStore(
    data,
    Effect.fnUntraced(function* (store) {
      const agent = AgentId.make("brief")
      let seq = 0
      for (let index = 0; index < turns; index++) {
        const events = turnOfMany(agent, session, index, seq)
        seq += (yield* store.append(SessionId.make(session), seq, events)).length
      }
    })
  )
