/**
 * How long the event loop keeps everybody waiting. JavaScript does not preempt: while one piece of code computes,
 * no fiber of any tenant gets on.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

export class EventLoop extends Context.Service<
  EventLoop,
  {
    /** The longest delay of the last full window of 10 seconds, in milliseconds. */
    readonly delay: () => number
  }
>()("fiberclaw/telemetry/EventLoop") {
  static readonly layer = Layer.effect(
    EventLoop,
    Effect.gen(function* () {
      const histogram = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const monitor = monitorEventLoopDelay({ resolution: 50 })
          monitor.enable()
          return monitor
        }),
        (monitor) => Effect.sync(() => monitor.disable())
      )
      let delay = 0
      const turnOver = Effect.sync(() => {
        delay = histogram.max / 1e6
        histogram.reset()
      })
      yield* Effect.forkScoped(Effect.repeat(turnOver, Schedule.spaced("10 seconds")))
      return EventLoop.of({ delay: () => delay })
    })
  )
}
