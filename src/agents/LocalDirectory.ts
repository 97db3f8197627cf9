/**
 * Sessions of one node: each is opened from its log when it is spoken to, served while there is something to do,
 * and closed after a while of rest.
 *
 * What was accepted is never left lying: from the append to the waking nothing can be interrupted, and a start
 * wakes every session with an unfinished turn.
 */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { SessionId } from "../domain/Ids.ts"
import { TurnId } from "../domain/Ids.ts"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import { Drain } from "../kernel/Drain.ts"
import { Incarnation } from "../kernel/Incarnation.ts"
import { foldAll, type SessionState } from "../sessions/SessionLog.ts"
import { type AppendConflict, type DuplicateMessage, SessionStore, StoreUnavailable } from "../sessions/SessionStore.ts"
import { Tenant } from "../tenants/Tenant.ts"
import { Agents, type AgentUnknown, type ServingAgent } from "./Agents.ts"
import { type Arrived, arrive, cancel } from "./Arrival.ts"
import {
  type Accepted,
  type AgentMissing,
  Directory,
  Draining,
  type Incoming,
  SessionLimitReached,
  type SessionTaken,
  SessionUnknown
} from "./Directory.ts"
import * as OpenSessions from "./OpenSessions.ts"
import type { Session, Step } from "./Session.ts"
import { firstStep } from "./SessionFiber.ts"
import * as SessionSupervisor from "./SessionSupervisor.ts"

/** How many sessions are opened at once after a start. */
const wakingAtOnce = 16

export const layer = Layer.effect(
  Directory,
  Effect.suspend(() => make())
)

type Refusal = SessionLimitReached | AgentUnknown | AgentMissing | SessionTaken

interface Decision<A> {
  readonly events: ReadonlyArray<NewSessionEvent>
  readonly value: A
  /** The part of `events` that whoever serves the session is to begin with. */
  readonly handover?: Step | undefined
}

type Taken = Decision<Result.Result<Arrived, Refusal>>

const make = Effect.fnUntraced(function* () {
  const store = yield* SessionStore
  const agents = yield* Agents
  const drain = yield* Drain
  const { limits } = (yield* Tenant).definition.config
  const sessions = yield* OpenSessions.make
  const supervisor = yield* SessionSupervisor.make(sessions)
  let count = yield* store.count

  const spokenTo = <A, E, R>(id: SessionId, use: (session: Session) => Effect.Effect<A, E, R>) =>
    Effect.scoped(Effect.flatMap(sessions.borrow(id), (session) => Effect.andThen(session.ready, use(session))))

  const wake = (session: Session) =>
    Effect.suspend(() => {
      const claimed = supervisor.claim(session)
      if (claimed) session.handover = undefined
      return supervisor.wake(session, claimed)
    })

  /** Decides, appends and wakes as one step that is never left half done. */
  const tell = <A>(session: Session, decide: (state: SessionState, now: number) => Decision<A>) => {
    let claimed = false
    return session
      .transact((state, now) => {
        const { events, handover, value } = decide(state, now)
        const committed = () => {
          claimed = supervisor.claim(session)
          if (claimed) session.handover = handover
        }
        return events.length === 0 ? { events, value } : { events, value, committed }
      })
      .pipe(
        Effect.tap(({ appended }) => (appended.length === 0 ? Effect.void : supervisor.wake(session, claimed))),
        Effect.map(({ value }) => value),
        // It may have been written all the same: whoever serves the session reads the log and finds out.
        Effect.tapErrorTag("StoreUnavailable", () => wake(session)),
        Effect.catchTag("AppendConflict", contended),
        Effect.uninterruptible
      )
  }

  const agentFor = (session: Session, message: Incoming) => {
    const id = message.agent ?? session.state().agent
    return id === undefined ? Effect.succeedNone : agents.current(id)
  }

  /** A turn that can begin at once is announced with its message: one commit instead of two. */
  const opening = (
    session: Session,
    state: SessionState,
    arrival: ReadonlyArray<NewSessionEvent>,
    agent: Option.Option<ServingAgent>,
    now: number
  ): Step | undefined => {
    const atRest = session.phase === "resting" && state.turn === undefined && state.waiting.length === 0
    if (!atRest || Option.isNone(agent) || drain.refusing() || !supervisor.hasRoom()) return undefined
    return firstStep(session, foldAll(state, arrival), agent.value, now)
  }

  const accept = Effect.fn("Directory.accept")(
    function* (message: Incoming) {
      if (drain.refusing()) return yield* new Draining()
      const fresh = TurnId.make(`turn_${randomUUID().replaceAll("-", "")}`)
      let counted = 0
      const take =
        (session: Session, agent: Option.Option<ServingAgent>) =>
        (state: SessionState, now: number): Taken => {
          const isNew = state.seq === 0 && counted === 0
          const arrived: Result.Result<Arrived, Refusal> =
            isNew && count >= limits.sessions
              ? Result.fail(new SessionLimitReached({ limit: limits.sessions }))
              : arrive(state, message, fresh, agents.definition)
          if (Result.isFailure(arrived)) return { events: [], value: arrived }
          const { events } = arrived.success
          // Counted before it is on disk, so that messages which arrive together do not exceed the limit.
          if (isNew) count += ++counted
          const handover = opening(session, state, events, agent, now)
          return { events: [...events, ...(handover?.plan.events ?? [])], value: arrived, handover }
        }
      const told = yield* spokenTo(message.session, (session) =>
        Effect.flatMap(agentFor(session, message), (agent) => tell(session, take(session, agent)))
      ).pipe(Effect.onError(() => Effect.sync(() => (count -= counted))))
      const { seq, turn } = yield* Effect.fromResult(told)
      return { session: message.session, turn, seq, repeated: false } satisfies Accepted as Accepted
    },
    Effect.catchTag("DuplicateMessage", (original) => Effect.succeed(repeated(original)))
  )

  const cancelTurn = Effect.fn("Directory.cancel")(function* (id: SessionId, reason: string) {
    if (Option.isNone(yield* store.session(id))) return yield* new SessionUnknown({ session: id })
    return yield* spokenTo(id, (session) =>
      tell(session, ({ turn }) => ({
        events: turn === undefined || turn.cancelling !== undefined ? [] : [cancel(turn.id, reason)],
        value: Option.map(Option.fromUndefinedOr(turn), ({ id }) => id)
      }))
    ).pipe(Effect.catchTag("DuplicateMessage", Effect.die))
  })

  const settle: Directory["Service"]["settle"] = Effect.fn("Directory.settle")(function* (
    id,
    approval,
    verdict,
    { by, reason }
  ) {
    return yield* spokenTo(id, (session) =>
      tell(session, ({ turn }) => {
        const open = turn?.calls.some((call) => call.approval === approval && call.status === "awaiting") ?? false
        if (turn === undefined || !open) return { events: [], value: false }
        const details = { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) }
        return { events: [{ type: "ApprovalSettled", turn: turn.id, approval, verdict, ...details }], value: true }
      })
    ).pipe(Effect.catchTag("DuplicateMessage", Effect.die))
  })

  /** A session that cannot be opened is said, and does not keep the others asleep. */
  const resume = (id: SessionId) =>
    spokenTo(id, wake).pipe(
      Effect.uninterruptible,
      Effect.catchTag("StoreUnavailable", (error) =>
        Effect.annotateLogs(Effect.logError("session could not be resumed", error), { session: id })
      )
    )

  const unfinished = yield* store.unfinished
  if (unfinished.length > 0)
    yield* Effect.logInfo("sessions resume").pipe(Effect.annotateLogs({ sessions: unfinished.length }))
  yield* Incarnation.use(({ fork }) =>
    fork(Effect.forEach(unfinished, resume, { concurrency: wakingAtOnce, discard: true }))
  )

  return Directory.of({
    accept,
    cancel: cancelTurn,
    settle,
    active: Effect.sync(supervisor.active),
    quiet: supervisor.quiet
  })
})

const contended = ({ session }: AppendConflict) =>
  new StoreUnavailable({ reason: `session ${session} is being written to by somebody else; send it again` })

const repeated = ({ seq, session, turn }: DuplicateMessage): Accepted => ({ session, turn, seq, repeated: true })
