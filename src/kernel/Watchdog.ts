/**
 * Finds children that hang: work waits for them, and for a whole patience they have done none of it.
 *
 * It looks at what children say of themselves (`vitals`), so it sees what no failure tells: a wait that never ends, a
 * lock that is never given back. One that computes without end stops this watchdog too; see the event loop's.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Child } from "./Child.ts"
import type { Life } from "./Life.ts"
import { atOnce } from "./Turns.ts"
import { uptime } from "./Uptime.ts"

export interface WatchdogOptions {
  /**
   * How long a child may do nothing while work waits for it or is under way: longer than any piece of work takes. It is
   * found within one and a half times of that.
   */
  readonly patience: Duration.Input
  /** Whether it is only reported, in the log, or ended as if it had failed, too. */
  readonly onHang: "report" | "restart"
}

/** What a child was seen doing when something waited for it. */
interface Sight {
  readonly life: Life | undefined
  readonly done: number
  readonly since: number
  isTold: boolean
}

/**
 * Looks after the children without end; `restart` is told whom to end, how much waits for it and since how long, and
 * does not wait for that end, as others may hang meanwhile.
 */
export const watch = <R>(
  children: ReadonlyMap<string, Child<R>>,
  options: WatchdogOptions,
  restart: (child: Child<R>, waiting: number, millis: number) => void
): Effect.Effect<never> => {
  const patience = Duration.toMillis(options.patience)
  const sights = new WeakMap<Child<R>, Sight>()

  const look = Effect.fnUntraced(function* (child: Child<R>, now: number) {
    const vitals = child.state === "running" ? child.vitals : undefined
    const seen = sights.get(child)
    const waiting = vitals === undefined ? 0 : vitals.waiting + (vitals.busy === true ? 1 : 0)
    if (vitals === undefined || waiting === 0) return void sights.delete(child)
    if (seen === undefined || seen.life !== child.life || seen.done !== vitals.done) {
      sights.set(child, { life: child.life, done: vitals.done, since: now, isTold: false })
      return
    }
    const millis = now - seen.since
    if (seen.isTold || millis < patience) return
    seen.isTold = true
    yield* Effect.logError("child hangs").pipe(
      Effect.annotateLogs({ child: child.path, waiting, millis, decision: options.onHang })
    )
    if (options.onHang === "restart") restart(child, waiting, millis)
  })

  const round = Effect.gen(function* () {
    const now = uptime(yield* Clock.Clock)
    let looked = 0
    for (const child of children.values()) {
      if (child.spec.vitals !== undefined) yield* look(child, now)
      if (++looked % atOnce === 0) yield* Effect.yieldNow
    }
  })
  return Effect.forever(Effect.andThen(Effect.sleep(patience / 2), round))
}
