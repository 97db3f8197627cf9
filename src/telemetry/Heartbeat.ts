/**
 * Measures how late the event loop is, twenty times a second, and has a thread of its own find out who holds it.
 *
 * Nothing is added to what runs: no operation, no fiber and no task is timed. The price is a timer here, one there,
 * and the memory of a thread.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Culprit, type Hold, mostSeen } from "./Hold.ts"
import * as LoopWatcher from "./LoopWatcher.ts"

/** Milliseconds between two beats: what is seen of a hold is too short by no more than that. */
const interval = 50

/** Milliseconds without a beat after which somebody is asked: one beat is missing, and the stretch goes on. */
const patience = 2 * interval

/** The watching thread is gone; delays are still measured, and no longer named. */
export class WatcherGone extends Schema.TaggedError<WatcherGone>()("WatcherGone", { cause: Schema.Defect() }) {
  override get message() {
    return "the thread that watches the event loop is gone"
  }
}

export interface Heart {
  /** The name of the question that is answered with who runs, see `Watching`. */
  readonly question: string
  readonly cell: BigInt64Array<SharedArrayBuffer>
  readonly stop: () => void
}

/** Beats until it is stopped; tells with every beat how late it was, and who was seen meanwhile. */
export const start = (told: (hold: Hold) => void, witness: () => Culprit): Heart => {
  const cell = new BigInt64Array(new SharedArrayBuffer(8))
  const question = `fiberclaw/telemetry/Heartbeat/${crypto.randomUUID()}`
  const seen: Array<Culprit> = []
  let last = process.hrtime.bigint()
  const beat = () => {
    const now = process.hrtime.bigint()
    const late = Number(now - last) / 1e6 - interval
    last = now
    Atomics.store(cell, 0, now)
    told({ millis: Math.max(0, late), culprit: mostSeen(seen.splice(0)) })
  }
  // A question that is answered after the stretch is over would name somebody else.
  const answer = (asked: bigint) => void (asked === last && seen.push(witness()))
  Atomics.store(cell, 0, last)
  Object.defineProperty(globalThis, Symbol.for(question), { value: answer, configurable: true })
  const timer = setInterval(beat, interval).unref()
  const stop = () => {
    clearInterval(timer)
    Reflect.deleteProperty(globalThis, Symbol.for(question))
  }
  return { question, cell, stop }
}

/** Runs the watching thread until it is interrupted; `online` runs once it watches. */
export const watch = ({ cell, question }: Heart, online: () => void) =>
  Effect.callback<never, WatcherGone>((resume) => {
    const worker = LoopWatcher.start({ heart: cell, patience, question })
    worker.once("message", online)
    worker.once("error", (cause) => resume(Effect.fail(new WatcherGone({ cause }))))
    worker.unref()
    return Effect.promise(() => worker.terminate())
  })
