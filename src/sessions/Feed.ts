/**
 * A session's log as a stream: first what is on disk behind a sequence number, then what is appended from now on, each
 * event exactly once and in order, with the text the model is streaming in between. It ends only when its tenant does,
 * or is started anew.
 *
 * A watcher that lags behind the live bus loses text, never events: a gap is filled from the store.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Scope } from "effect"
import type { SessionId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"
import { type Signal, Signals, type TextDelta } from "../telemetry/Signals.ts"
import { SessionStore, type StoreUnavailable } from "./SessionStore.ts"

const pageSize = 500

/** Where a watcher is: what it has been given, and whether the store has more than the bus will tell. */
interface Position {
  seen: number
  replied: number
  behind: boolean
}

/** Follows the log behind a sequence number; `fresh` when nothing was there behind it as the watch began. */
export type From = (after: number, fresh: boolean) => Stream.Stream<SessionEvent | TextDelta, StoreUnavailable>

/** Watches until the Scope closes, from before something is said: what it returns misses nothing since, once. */
export const watch = Effect.fnUntraced(function* (
  session: SessionId
): Effect.fn.Return<From, never, SessionStore | Signals | Scope.Scope> {
  const store = yield* SessionStore
  const queue = yield* Signals.use((signals) => signals.watch(session))
  return (after, fresh) => {
    const position: Position = { seen: after, replied: 0, behind: !fresh }
    const page = Effect.map(
      Effect.suspend(() => store.read(session, { after: position.seen, limit: pageSize })),
      (events) => {
        position.behind = events.length === pageSize
        return events.map((event) => pass(position, event))
      }
    )
    const live = Effect.map(Queue.takeAll(queue), (signals) => hear(position, signals))
    const pull = Effect.gen(function* () {
      for (;;) {
        const found = yield* position.behind ? page : live
        if (Arr.isReadonlyArrayNonEmpty(found)) return found
      }
    })
    return Stream.fromPull(Effect.succeed(pull))
  }
})

/** Events behind `after` and live text, for as long as the stream is read. */
export const follow = (
  session: SessionId,
  after: number
): Stream.Stream<SessionEvent | TextDelta, StoreUnavailable, SessionStore | Signals> =>
  Stream.unwrap(Effect.map(watch(session), (from) => from(after, false)))

const pass = (position: Position, event: SessionEvent): SessionEvent => {
  position.seen = event.seq
  if (event.type === "ModelReplied" || event.type === "TurnEnded") position.replied = event.seq
  return event
}

/** What of these signals is new and in its place; after a gap the rest is left to the store, which has it too. */
const hear = (position: Position, signals: ReadonlyArray<Signal>): ReadonlyArray<SessionEvent | TextDelta> => {
  const heard: Array<SessionEvent | TextDelta> = []
  for (const signal of signals) {
    if (signal.type === "Text") {
      if (!position.behind && signal.delta.called >= position.replied) heard.push(signal.delta)
    } else if (signal.event.seq === position.seen + 1) heard.push(pass(position, signal.event))
    else if (signal.event.seq > position.seen) position.behind = true
  }
  return heard
}
