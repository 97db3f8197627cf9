/**
 * The sessions in memory: opened when somebody speaks to one, shared by all who do, and forgotten after a while of
 * rest. One that rests is an object in a list of deadlines; no fiber waits with it.
 *
 * Many may visit a session at once, or one alone: then all others wait at its door, but for whoever serves it.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Scope } from "effect"
import type { SessionId } from "../domain/Ids.ts"
import * as Deadlines from "../kernel/Deadlines.ts"
import type { SessionStore, StoreUnavailable } from "../sessions/SessionStore.ts"
import type { Signals } from "../telemetry/Signals.ts"
import { open, type Session } from "./Session.ts"

/** How long a session nobody speaks to stays in memory, in milliseconds. */
const rest = 60_000

interface Entry {
  readonly session: Session
  borrowers: number
  visitors: number
  forgotten: Deadlines.Deadline | undefined
  /** Closed while somebody has the session alone; whoever waits at it looks for the session anew. */
  door: Latch.Latch | undefined
  /** Whoever comes next is to find another. */
  isStale: boolean
  /** Opened when the last visitor has gone; made by whoever wants to be alone. */
  empty: Latch.Latch | undefined
}

export interface OpenSessions {
  /** The session, which stays in memory as long as the Scope and a while longer. Its log may not have been read yet. */
  borrow(id: SessionId): Effect.Effect<Session, never, Scope.Scope>
  /** Does something with a session whose log has been read, while others may. */
  visit<A, E, R>(
    id: SessionId,
    use: (session: Session) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | StoreUnavailable, R>
  /**
   * Does something with a session when every visitor has gone and before the next one comes. After `forget`, which is for
   * when nobody serves it any more, the next one finds what its log says then.
   */
  alone<A, E, R>(
    id: SessionId,
    use: (session: Session, forget: () => void) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | StoreUnavailable, R>
}

/** None yet; all are forgotten when the Scope closes. */
export const make = Effect.gen(function* () {
  const deadlines = yield* Deadlines.make
  const services = yield* Effect.context<SessionStore | Signals>()
  const entries = new Map<SessionId, Entry>()

  const take = Effect.fnUntraced(function* (id: SessionId) {
    const opened = entries.get(id)?.session ?? (yield* open(id))
    // Somebody else may have opened it meanwhile: there is one object for each session.
    const entry: Entry = entries.get(id) ?? {
      session: opened,
      borrowers: 0,
      visitors: 0,
      forgotten: undefined,
      door: undefined,
      isStale: false,
      empty: undefined
    }
    entries.set(id, entry)
    entry.borrowers++
    if (entry.forgotten !== undefined) deadlines.remove(entry.forgotten)
    entry.forgotten = undefined
    return entry
  }, Effect.provideContext(services))

  const forget = (id: SessionId, entry: Entry): void => {
    if (entries.get(id) === entry) entries.delete(id)
  }

  const giveBack = (id: SessionId, entry: Entry): void => {
    if (--entry.borrowers > 0 || entries.get(id) !== entry) return
    // What has no log yet may get one from elsewhere: as a fork, or from a file.
    if (entry.session.state().seq === 0) return forget(id, entry)
    entry.forgotten = deadlines.add(rest, () => forget(id, entry))
  }

  const leave = (id: SessionId, entry: Entry): void => {
    if (--entry.visitors === 0) entry.empty?.openUnsafe()
    giveBack(id, entry)
  }

  /** At a closed door there is no way in: whoever waited there looks for the session that is there now. */
  const enter = (id: SessionId, pass: (entry: Entry) => void): Effect.Effect<Entry> =>
    Effect.flatMap(take(id), (entry) => {
      const { door } = entry
      if (door === undefined) {
        pass(entry)
        return Effect.succeed(entry)
      }
      giveBack(id, entry)
      return Effect.andThen(Effect.interruptible(door.await), enter(id, pass))
    })

  const join = (entry: Entry): void => {
    entry.visitors++
  }

  const shut = (entry: Entry): void => {
    entry.door = Latch.makeUnsafe(false)
  }

  /** Nobody comes in meanwhile. */
  const emptied = (entry: Entry): Effect.Effect<void> => {
    if (entry.visitors === 0) return Effect.void
    entry.empty = Latch.makeUnsafe(false)
    return entry.empty.await
  }

  const reopen = (id: SessionId, entry: Entry): void => {
    if (entry.isStale) forget(id, entry)
    giveBack(id, entry)
    entry.door?.openUnsafe()
    entry.door = undefined
  }

  return {
    borrow: (id) =>
      Effect.acquireRelease(take(id), (entry) => Effect.sync(() => giveBack(id, entry))).pipe(
        Effect.map(({ session }) => session)
      ),
    visit: (id, use) =>
      Effect.acquireUseRelease(
        enter(id, join),
        ({ session }) => Effect.andThen(session.ready, use(session)),
        (entry) => Effect.sync(() => leave(id, entry))
      ),
    alone: (id, use) =>
      Effect.acquireUseRelease(
        enter(id, shut),
        (entry) =>
          Effect.andThen(
            Effect.andThen(emptied(entry), entry.session.ready),
            use(entry.session, () => {
              entry.isStale = true
            })
          ),
        (entry) => Effect.sync(() => reopen(id, entry))
      )
  } satisfies OpenSessions as OpenSessions
})
