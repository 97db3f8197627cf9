/**
 * The live bus of one tenant: what happens now, for whoever happens to watch.
 *
 * Signals are lossy by design: a watcher that does not keep up loses the oldest ones, and nobody who publishes
 * ever waits. What must not be lost is in the session's log.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type { Cause, Scope } from "effect"
import { type SessionId, TurnId } from "../domain/Ids.ts"
import type { SessionEvent } from "../domain/SessionEvent.ts"

/** Text as the model streams it, before the whole reply is in the log. */
export const TextDelta = Schema.Struct({
  type: Schema.tag("TextDelta"),
  turn: TurnId,
  step: Schema.Int,
  /** The sequence number of the `ModelCalled` it belongs to. */
  called: Schema.Int,
  /** Where it begins in the text of that reply, in UTF-16 code units. Whoever missed some of it can tell. */
  offset: Schema.Int,
  text: Schema.String
})
export type TextDelta = typeof TextDelta.Type

export type Signal =
  | { readonly type: "Appended"; readonly session: SessionId; readonly event: SessionEvent }
  | { readonly type: "Text"; readonly session: SessionId; readonly delta: TextDelta }

/** How many signals a slow watcher may lag behind before it loses the oldest. */
const capacity = 4096

export class Signals extends Context.Service<
  Signals,
  {
    /** Tells everybody who watches the session. Never waits. */
    publish(signal: Signal): void
    /** Every signal of one session from now on, until the Scope closes or the bus ends. */
    watch(session: SessionId): Effect.Effect<Queue.Dequeue<Signal, Cause.Done>, never, Scope.Scope>
  }
>()("fiberclaw/telemetry/Signals") {
  /** Ends what watches it when its Scope closes: whoever watches on looks for the next bus. */
  static readonly layer = Layer.effect(
    Signals,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => make()),
        ({ end }) => end
      ),
      ({ service }) => service
    )
  )
}

type Watcher = Queue.Queue<Signal, Cause.Done>

const make = () => {
  const watchers = new Map<SessionId, Set<Watcher>>()
  let hasEnded = false

  const join = (id: SessionId, queue: Watcher) => {
    if (hasEnded) Queue.endUnsafe(queue)
    watchers.set(id, (watchers.get(id) ?? new Set()).add(queue))
    return queue
  }
  const leave = (id: SessionId, queue: Watcher) => {
    const others = watchers.get(id)
    others?.delete(queue)
    if (others?.size === 0) watchers.delete(id)
  }

  const end = Effect.sync(() => {
    hasEnded = true
    for (const queue of Array.from(watchers.values()).flatMap((queues) => [...queues])) Queue.endUnsafe(queue)
  })

  const service = Signals.of({
    publish: (signal) => {
      for (const queue of watchers.get(signal.session) ?? []) Queue.offerUnsafe(queue, signal)
    },
    watch: (id) =>
      Effect.acquireRelease(
        Effect.map(Queue.sliding<Signal, Cause.Done>(capacity), (queue) => join(id, queue)),
        (queue) =>
          Effect.andThen(
            Queue.shutdown(queue),
            Effect.sync(() => leave(id, queue))
          )
      )
  })
  return { service, end }
}
