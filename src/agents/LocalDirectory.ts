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
import { Startup } from "../kernel/Startup.ts"
import { foldAll, type SessionState } from "../sessions/SessionLog.ts"
import { type DuplicateMessage, SessionStore, type StoreUnavailable } from "../sessions/SessionStore.ts"
import { Tenant } from "../tenants/Tenant.ts"
import { Agents, type AgentUnknown, type ServingAgent } from "./Agents.ts"
import { type Arrived, arrive, cancel } from "./Arrival.ts"
import { endWaiting } from "./Closing.ts"
import { brought, type Content } from "./Bringing.ts"
import { type Accepted, type Addressed, Directory, type Incoming } from "./Directory.ts"
import {
  type AgentMissing,
  Draining,
  type SessionCrowded,
  type SessionLimitReached,
  type SessionTaken,
  SessionUnknown
} from "./DirectoryError.ts"
import * as OpenSessions from "./OpenSessions.ts"
import type { Session, Step } from "./Session.ts"
import * as SessionCopies from "./SessionCopies.ts"
import * as SessionCount from "./SessionCount.ts"
import { firstStep } from "./SessionFiber.ts"
import * as SessionKeeping from "./SessionKeeping.ts"
import * as SessionSupervisor from "./SessionSupervisor.ts"
import * as SessionTelling from "./SessionTelling.ts"

/** How many sessions are opened at once after a start. */
const wakingAtOnce = 16

export const layer = Layer.effect(
  Directory,
  Effect.suspend(() => make())
)

type Refusal = SessionLimitReached | AgentUnknown | AgentMissing | SessionTaken | SessionCrowded

type Taken = SessionTelling.Decision<Result.Result<Arrived, Refusal>>

const make = Effect.fnUntraced(function* () {
  const store = yield* SessionStore
  const agents = yield* Agents
  const drain = yield* Drain
  const { limits } = (yield* Tenant).definition.config
  const sessions = yield* OpenSessions.make
  const supervisor = yield* SessionSupervisor.make(sessions)
  const telling = SessionTelling.make(supervisor)
  const count = SessionCount.make(yield* store.count, limits.sessions)
  const keeping = yield* SessionKeeping.make({ sessions, supervisor, telling, count })
  const copies = yield* SessionCopies.make(count)

  const agentFor = (session: Session, message: Addressed) => {
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

  /** What was accepted before is not refused when it is sent again. */
  const unlessRepeated = Effect.fnUntraced(function* ({ channel, externalId }: Addressed, refusal: Refusal) {
    const original = externalId === undefined ? Option.none() : yield* store.accepted(channel, externalId)
    return yield* Option.isSome(original) ? original.value : refusal
  })

  const take = Effect.fnUntraced(
    function* (message: Addressed & Content) {
      const fresh = TurnId.make(`turn_${randomUUID().replaceAll("-", "")}`)
      const place = count.place()
      const decide =
        (session: Session, agent: Option.Option<ServingAgent>) =>
        (state: SessionState, now: number): Taken => {
          const isNew = state.seq === 0
          if (!isNew) place.giveBack()
          const arrived: Result.Result<Arrived, Refusal> =
            isNew && !place.take() ? Result.fail(count.refusal()) : arrive(state, message, fresh, agents.definition)
          if (Result.isFailure(arrived)) {
            place.giveBack()
            return { events: [], value: arrived }
          }
          const { events } = arrived.success
          const handover = opening(session, state, events, agent, now)
          return { events: [...events, ...(handover?.plan.events ?? [])], value: arrived, handover }
        }
      const { seq, turn } = yield* sessions
        .visit(message.session, (session) =>
          Effect.flatMap(agentFor(session, message), (agent) =>
            place.during(telling.tell(session, decide(session, agent)))
          )
        )
        .pipe(
          Effect.flatMap(Effect.fromResult),
          Effect.catchIf(isRefusal, (refusal) => unlessRepeated(message, refusal))
        )
      return { session: message.session, turn, seq, repeated: false } satisfies Accepted as Accepted
    },
    Effect.catchTag("DuplicateMessage", (original) => Effect.succeed(repeated(original)))
  )

  const accept = Effect.fn("Directory.accept")(function* ({ files, preceding, text, ...addressed }: Incoming) {
    if (drain.refusing()) return yield* new Draining()
    const { bytes, content } = brought({ files, preceding, text })
    const taken = take({ ...addressed, ...content })
    return yield* bytes.length === 0 ? taken : Effect.scoped(Effect.andThen(store.keep(bytes), taken))
  })

  const cancelTurn = Effect.fn("Directory.cancel")(function* (id: SessionId, reason: string) {
    if (Option.isNone(yield* store.session(id))) return yield* new SessionUnknown({ session: id })
    return yield* sessions
      .visit(id, (session) => telling.tell(session, (state) => cancelled(state, reason)))
      .pipe(Effect.catchTag("DuplicateMessage", Effect.die))
  })

  const settle: Directory["Service"]["settle"] = Effect.fn("Directory.settle")(function* (
    id,
    approval,
    verdict,
    { by, reason }
  ) {
    return yield* sessions
      .visit(id, (session) =>
        telling.tell(session, ({ turn }) => {
          const open = turn?.calls.some((call) => call.approval === approval && call.status === "awaiting") ?? false
          if (turn === undefined || !open) return { events: [], value: false }
          const details = { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) }
          return { events: [{ type: "ApprovalSettled", turn: turn.id, approval, verdict, ...details }], value: true }
        })
      )
      .pipe(Effect.catchTag("DuplicateMessage", Effect.die))
  })

  /** A session that cannot be opened is said, and does not keep the others asleep. */
  const resume = (id: SessionId) =>
    sessions.visit(id, telling.wake).pipe(
      Effect.uninterruptible,
      Effect.catchTag("StoreUnavailable", (error) =>
        Effect.annotateLogs(Effect.logError("session could not be resumed", error), { session: id })
      )
    )

  const unfinished = yield* store.unfinished
  if (unfinished.length > 0)
    yield* Effect.logInfo("sessions resume").pipe(Effect.annotateLogs({ sessions: unfinished.length }))
  const resuming = Effect.forEach(unfinished, resume, { concurrency: wakingAtOnce, discard: true })
  const started = yield* Startup
  yield* Incarnation.use(({ fork }) => fork(Effect.andThen(started, resuming)))

  return Directory.of({
    ...keeping,
    ...copies,
    accept,
    cancel: cancelTurn,
    settle,
    active: Effect.sync(supervisor.active),
    quiet: supervisor.quiet
  })
})

const isRefusal = (error: Refusal | DuplicateMessage | StoreUnavailable): error is Refusal =>
  error._tag !== "DuplicateMessage" && error._tag !== "StoreUnavailable"

/** Nobody begins a turn that waits, so nobody has to end it either. */
const cancelled = (
  { turn, waiting: [next] }: SessionState,
  reason: string
): SessionTelling.Decision<Option.Option<TurnId>> => {
  if (turn !== undefined) {
    return { events: turn.cancelling === undefined ? [cancel(turn.id, reason)] : [], value: Option.some(turn.id) }
  }
  if (next === undefined) return { events: [], value: Option.none() }
  return { events: endWaiting(next.turn, reason), value: Option.some(next.turn) }
}

const repeated = ({ seq, session, turn }: DuplicateMessage): Accepted => ({ session, turn, seq, repeated: true })
