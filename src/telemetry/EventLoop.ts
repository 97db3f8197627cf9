/**
 * How long the event loop keeps everybody waiting, and because of whom. JavaScript does not preempt: while one piece
 * of code computes, no fiber of any tenant gets on.
 *
 * A hold of 100 ms and more is logged with the span, the fiber and the function that ran, at most once a second.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { Duration } from "effect"
import { Incarnation } from "../kernel/Incarnation.ts"
import * as Heartbeat from "./Heartbeat.ts"
import * as Hold from "./Hold.ts"
import { witness } from "./Witness.ts"

/** What a person notices is longer than this (Nielsen, "Response Times: The 3 Important Limits", 1993). */
const noticed = 100

const window: Duration.Input = "10 seconds"

const betweenLogs: Duration.Input = "1 second"

/** The share of a window that the loop is busy with more than an occasional message. */
const inUse = 0.02

export interface EventLoopOptions {
  /**
   * Whether holds are named from the start, or once there is something to watch: when the loop was busy for 2 % of a
   * window, or was held. That takes a thread, and a thread takes 16 MB. The first window is the service's own start,
   * and what is held then is not told.
   */
  readonly naming: "always" | "when in use"
  /** Tells who runs; asked in the middle of a hold. */
  readonly witness: () => Hold.Culprit
}

export class EventLoop extends Context.Service<
  EventLoop,
  {
    /** The longest hold of the last full window of 10 seconds and the one that runs. */
    readonly longest: () => Hold.Hold
    /** Waits until holds are named as well as measured. */
    readonly naming: Effect.Effect<void>
  }
>()("fiberclaw/telemetry/EventLoop") {
  static readonly layerWith = (options: EventLoopOptions) => Layer.effect(EventLoop, make(options))

  static readonly layer = Layer.suspend(() => EventLoop.layerWith({ naming: "when in use", witness }))
}

const make = Effect.fnUntraced(function* (options: EventLoopOptions) {
  const worthTelling = yield* Queue.unbounded<Hold.Hold>()
  const naming = yield* Latch.make(false)
  const wanted = yield* Latch.make(options.naming === "always")
  let windows = 0
  let used = performance.eventLoopUtilization()
  let before = Hold.none
  let current = Hold.none
  const isStart = () => windows === 0 && options.naming === "when in use"
  const want = (isWanted: boolean) => isWanted && !isStart() && wanted.openUnsafe()
  const take = (hold: Hold.Hold) => {
    current = Hold.longer(current, hold)
    if (hold.millis < noticed || isStart()) return
    want(true)
    Queue.offerUnsafe(worthTelling, hold)
  }
  const turnOver = Effect.sync(() => {
    const now = performance.eventLoopUtilization()
    want(performance.eventLoopUtilization(now, used).utilization > inUse)
    used = now
    windows++
    before = current
    current = Hold.none
  })
  const heart = yield* Effect.acquireRelease(
    Effect.sync(() => Heartbeat.start(take, options.witness)),
    ({ stop }) => Effect.sync(stop)
  )
  const watched = Heartbeat.watch(heart, () => naming.openUnsafe()).pipe(
    Effect.catch((gone) => Effect.logWarning("event loop is no longer watched", gone))
  )
  const { fork } = yield* Incarnation
  yield* fork(Effect.andThen(wanted.await, watched))
  yield* fork(Effect.forever(Effect.andThen(Effect.sleep(window), turnOver)))
  yield* fork(Effect.forever(Effect.andThen(tell(worthTelling), Effect.sleep(betweenLogs))))
  return EventLoop.of({ longest: () => Hold.longer(before, current), naming: naming.await })
})

/** Tells the longest of what has happened since it was last told. */
const tell = Effect.fnUntraced(function* (holds: Queue.Queue<Hold.Hold>) {
  const [first, ...others] = yield* Queue.takeAll(holds)
  const told = others.reduce(Hold.longer, first)
  yield* Effect.annotateLogs(Effect.logWarning("event loop held"), Hold.annotations(told, others.length))
})
