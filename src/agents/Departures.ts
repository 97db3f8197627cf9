/** Who wants to know when a session is removed. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Scope } from "effect"
import type { SessionId } from "../domain/Ids.ts"

export interface Departures {
  /** Succeeds, with the number of its last event, when the session departs after this; watches until the Scope closes. */
  watch(session: SessionId): Effect.Effect<Effect.Effect<number>, never, Scope.Scope>
  /** Tells everybody who watches. */
  tell(session: SessionId, seq: number): void
}

export const make = (): Departures => {
  const watchers = new Map<SessionId, Set<Deferred.Deferred<number>>>()

  const leave = (session: SessionId, told: Deferred.Deferred<number>): void => {
    const others = watchers.get(session)
    others?.delete(told)
    if (others?.size === 0) watchers.delete(session)
  }

  const join = (session: SessionId) =>
    Effect.sync(() => {
      const told = Deferred.makeUnsafe<number>()
      watchers.set(session, (watchers.get(session) ?? new Set()).add(told))
      return told
    })

  return {
    watch: (session) =>
      Effect.acquireRelease(join(session), (told) => Effect.sync(() => leave(session, told))).pipe(
        Effect.map((told) => Deferred.await(told))
      ),
    tell: (session, seq) => {
      for (const told of watchers.get(session) ?? []) Deferred.doneUnsafe(told, Effect.succeed(seq))
    }
  }
}
