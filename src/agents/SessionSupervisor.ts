/**
 * Serves sessions while there is something to do: one transient child each, started by the bell.
 *
 * Strategy one_for_one, dynamic, with backoff. 100 restarts in a minute and 10 for every turn that may run at once,
 * then the tenant's supervisor decides: an agent that restarts takes all its turns with it. One session alone cannot
 * use that up, as a turn that keeps being cut off is given up by itself.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"
import type { SessionId } from "../domain/Ids.ts"
import type { ChildSpec } from "../kernel/ChildSpec.ts"
import { Drain } from "../kernel/Drain.ts"
import * as Supervisor from "../kernel/Supervisor.ts"
import { Tenant } from "../tenants/Tenant.ts"
import type { Agents } from "./Agents.ts"
import type { OpenSessions } from "./OpenSessions.ts"
import type { Session } from "./Session.ts"
import { servable, serve } from "./SessionFiber.ts"
import type { TurnRunner } from "./TurnRunner.ts"

/** A session waits for its tools to be gone, which `ToolRuns` gives 10 seconds. */
const longerThanAnyTool = Duration.seconds(15)

export interface SessionSupervisor {
  /** Takes on a session; false when somebody serves it or is about to. Synchronous: call it as the append commits. */
  claim(session: Session): boolean
  /** Starts a claimed session, or rings for whoever serves it. */
  wake(session: Session, claimed: boolean): Effect.Effect<void>
  /** Stops whoever serves the session, with all that runs in it, and waits until that is gone. */
  stop(id: SessionId): Effect.Effect<void>
  /** Whether a turn that begins now need not wait for others. */
  hasRoom(): boolean
  /** How many sessions are being served or stand in line for it; not those whose agent is away. */
  readonly active: () => number
  /** Waits until none is. */
  readonly quiet: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (sessions: OpenSessions) {
  const drain = yield* Drain
  const tenant = yield* Tenant
  const { concurrentTurns } = tenant.definition.config.limits
  const turns = yield* Semaphore.make(concurrentTurns)
  const quiet = yield* Latch.make(true)
  const serving = new Set<SessionId>()
  const placed = new Set<SessionId>()
  const supervisor = yield* Supervisor.make<Agents | TurnRunner>({
    name: "sessions",
    strategy: "one_for_one",
    intensity: { restarts: 100 + 10 * concurrentTurns, within: "1 minute" },
    backoff: { base: "50 millis", cap: "5 seconds" },
    watchdog: { patience: "1 minute", onHang: "restart" },
    children: []
  })

  const enter = (id: SessionId) => {
    serving.add(id)
    quiet.closeUnsafe()
  }
  const leave = (id: SessionId) => {
    placed.delete(id)
    if (serving.delete(id) && serving.size === 0) quiet.openUnsafe()
  }

  const start = Effect.fnUntraced(function* (id: SessionId) {
    const session = yield* sessions.borrow(id)
    yield* session.ready
    session.phase = "running"
    const served = Effect.suspend(() => {
      placed.add(id)
      return serve(session, drain.refusing)
    })
    const inLine = Effect.suspend(() => {
      enter(id)
      return Semaphore.withPermits(turns, 1)(served)
    })
    return Effect.andThen(servable(session), inLine).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          leave(id)
          settle(session, exit)
        })
      ),
      Effect.annotateLogs({ tenant: tenant.id, session: id, ...agentOf(session) })
    )
  })

  const child = (session: Session): ChildSpec<Agents | TurnRunner> => ({
    id: session.id,
    // One that waits for its agent or for a place does not hang.
    vitals: () => ({ waiting: placed.has(session.id) ? session.inbox.size : 0, done: session.state().seq }),
    kind: "worker",
    restart: "transient",
    shutdown: longerThanAnyTool,
    start: start(session.id)
  })

  /** A session that has just come to rest leaves its child behind for a moment; a paused one waits for an operator. */
  const begin = (session: Session): Effect.Effect<void> =>
    supervisor.startChild(child(session)).pipe(
      Effect.catchTag("ChildAlreadyRunning", ({ state }) => {
        if (session.phase === "running") return Effect.void
        if (state === "paused" || state === "backing off") {
          session.phase = state === "paused" ? "resting" : "crashed"
          return Effect.void
        }
        return Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => begin(session))
        )
      }),
      Effect.catchTag("ChildStartFailed", (error) => {
        session.phase = "resting"
        return Effect.logError("session could not be opened", error)
      })
    )

  return {
    claim: (session) => {
      if (session.phase === "claimed" || session.phase === "running") return false
      session.phase = "claimed"
      return true
    },
    wake: (session, claimed) => (claimed ? begin(session) : Effect.sync(() => session.inbox.put({ _tag: "Bell" }))),
    stop: (id) => Effect.ignore(supervisor.stopChild(id)),
    hasRoom: () => serving.size < concurrentTurns,
    active: () => serving.size,
    quiet: quiet.await
  } satisfies SessionSupervisor as SessionSupervisor
})

const agentOf = (session: Session) => {
  const { agent } = session.state()
  return agent === undefined ? {} : { agent }
}

/** A fiber that came to rest has said so; a failure is followed by another start, a stop from outside is not. */
const settle = (session: Session, exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isFailure(exit)) session.phase = Cause.hasInterruptsOnly(exit.cause) ? "resting" : "crashed"
}
