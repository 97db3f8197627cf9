/**
 * Watching a session from before something is said in it, so that its answer is seen from the first word on.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SessionId } from "../domain/Ids.ts"
import { follow } from "../sessions/Feed.ts"
import { Signals } from "../telemetry/Signals.ts"

/** Watches until the Scope closes; what it returns follows the log behind a sequence number, once. */
export const watch = Effect.fnUntraced(function* (session: SessionId) {
  const signals = yield* Signals
  const queue = yield* signals.watch(session)
  const early = Signals.of({ ...signals, watch: () => Effect.succeed(queue) })
  return (after: number) => Stream.provideService(follow(session, after), Signals, early)
})
