/**
 * The sessions in memory: opened when somebody speaks to one, shared by all who do, and forgotten after a while of
 * rest. One that rests is an object in a list of deadlines; no fiber waits with it.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect"
import type { SessionId } from "../domain/Ids.ts"
import * as Deadlines from "../kernel/Deadlines.ts"
import type { SessionStore } from "../sessions/SessionStore.ts"
import type { Signals } from "../telemetry/Signals.ts"
import { open, type Session } from "./Session.ts"

/** How long a session nobody speaks to stays in memory, in milliseconds. */
const rest = 60_000

interface Entry {
  readonly session: Session
  borrowers: number
  forgotten: Deadlines.Deadline | undefined
}

export interface OpenSessions {
  /** The session, which stays in memory as long as the Scope and a while longer. Its log may not have been read yet. */
  borrow(id: SessionId): Effect.Effect<Session, never, Scope.Scope>
}

/** None yet; all are forgotten when the Scope closes. */
export const make = Effect.gen(function* () {
  const deadlines = yield* Deadlines.make
  const services = yield* Effect.context<SessionStore | Signals>()
  const entries = new Map<SessionId, Entry>()

  const take = Effect.fnUntraced(function* (id: SessionId) {
    const opened = entries.get(id)?.session ?? (yield* open(id))
    // Somebody else may have opened it meanwhile: there is one object for each session.
    const entry: Entry = entries.get(id) ?? { session: opened, borrowers: 0, forgotten: undefined }
    entries.set(id, entry)
    entry.borrowers++
    if (entry.forgotten !== undefined) deadlines.remove(entry.forgotten)
    entry.forgotten = undefined
    return entry
  }, Effect.provideContext(services))

  const giveBack = (id: SessionId, entry: Entry): void => {
    if (--entry.borrowers > 0) return
    entry.forgotten = deadlines.add(rest, () => entries.delete(id))
  }

  return {
    borrow: (id) =>
      Effect.acquireRelease(take(id), (entry) => Effect.sync(() => giveBack(id, entry))).pipe(
        Effect.map(({ session }) => session)
      )
  } satisfies OpenSessions as OpenSessions
})
