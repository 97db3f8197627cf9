/**
 * Watching a session from before something is said in it, so that its answer is seen from the first word on.
 *
 * Of a reply that was already under way only the whole is shown, once it is there: where live text that begins in
 * the middle belongs cannot be told.
 */
import { Effect, Option, Stream } from "effect"
import type { SessionId } from "../domain/Ids.ts"
import { follow } from "../sessions/Feed.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { Signals } from "../telemetry/Signals.ts"

/** Watches until the Scope closes; what it returns follows the log behind a sequence number, once. */
export const watch = Effect.fnUntraced(function* (session: SessionId) {
  const signals = yield* Signals
  const queue = yield* signals.watch(session)
  const early = Signals.of({ ...signals, watch: () => Effect.succeed(queue) })
  const found = yield* SessionStore.use((store) => store.session(session))
  const joined = Option.match(found, { onNone: () => 0, onSome: ({ seq }) => seq })
  return (after: number) =>
    follow(session, after).pipe(
      Stream.filter((event) => event.type !== "TextDelta" || event.called > joined),
      Stream.provideService(Signals, early)
    )
})
