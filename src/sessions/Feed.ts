/**
 * A session's log as a stream that never ends: first what is on disk behind a sequence number, then what is
 * appended from now on, each event exactly once and in order, with the text the model is streaming in between.
 *
 * A watcher that lags behind the live bus loses text, never events: a gap is filled from the store.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SessionId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import { type Signal, Signals, type TextDelta } from "../telemetry/Signals.ts"
import { SessionStore, type StoreUnavailable } from "./SessionStore.ts"

const pageSize = 500

/** Every event of the session behind `after`, read page by page. */
export const history = (
  session: SessionId,
  after: number
): Stream.Stream<SessionEvent, StoreUnavailable, SessionStore> =>
  Stream.paginate(after, (cursor) =>
    SessionStore.use((store) => store.read(session, { after: cursor, limit: pageSize })).pipe(
      Effect.map((events) => {
        const last = events.length < pageSize ? undefined : events.at(-1)
        return [events, Option.map(Option.fromUndefinedOr(last), (event) => event.seq)] as const
      })
    )
  )

/** Events behind `after` and live text, for as long as the stream is read. */
export const follow = (
  session: SessionId,
  after: number
): Stream.Stream<SessionEvent | TextDelta, StoreUnavailable, SessionStore | Signals> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Signals.use((signals) => signals.watch(session))
      const position = { seen: after, replied: 0 }
      const pass = (event: SessionEvent) => {
        position.seen = event.seq
        if (event.type === "ModelReplied" || event.type === "TurnEnded") position.replied = event.seq
        return event
      }
      const live = (signal: Signal): Stream.Stream<SessionEvent | TextDelta, StoreUnavailable, SessionStore> => {
        if (signal.type === "Text") {
          return signal.delta.called < position.replied ? Stream.empty : Stream.succeed(signal.delta)
        }
        if (signal.event.seq <= position.seen) return Stream.empty
        return signal.event.seq === position.seen + 1
          ? Stream.succeed(pass(signal.event))
          : Stream.map(history(session, position.seen), pass)
      }
      return Stream.concat(Stream.map(history(session, after), pass), Stream.flatMap(Stream.fromQueue(queue), live))
    })
  )
