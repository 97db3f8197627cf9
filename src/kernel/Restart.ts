/**
 * What a supervisor does when a child ends: OTP's rules as pure functions of data.
 *
 * `decide` answers for one exit, `affected` says which siblings a restart takes along, `delay` how long it waits.
 * Times are milliseconds. Intensity counts restarts inside a sliding window, as in Elixir's DynamicSupervisor:
 * `restarts` are allowed within `within`, the next one is too many.
 */

/** Which siblings follow when one child is restarted: none, all, or those started after it. */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one"

/** `permanent` is always restarted, `transient` when it failed, `temporary` never. */
export type Restart = "permanent" | "transient" | "temporary"

/** How an incarnation ended; `stopped` means that its own supervisor ended it. */
export type Ending = "normal" | "failed" | "stopped"

/**
 * What is wanted of a child: that it is `up`, or that it stays down because it `finished` by its own rules or because
 * it was `stopped`, `paused` or `parked`.
 */
export type Intent = "up" | "finished" | "stopped" | "paused" | "parked"

/** Whether the supervisor stops itself when significant children have ended for good: any of them, or the last. */
export type AutoShutdown = "never" | "any_significant" | "all_significant"

/** At most `restarts` restarts within any `within` milliseconds. */
export interface Intensity {
  readonly restarts: number
  readonly within: number
}

/** Waits between restarts, in milliseconds: `base`, doubled each time, never above `cap`. */
export interface Backoff {
  readonly base: number
  readonly cap: number
}

/** Everything the decision depends on. */
export interface Situation {
  readonly strategy: Strategy
  readonly restart: Restart
  readonly ending: Ending
  /** Whether the child was added after its supervisor had started. */
  readonly dynamic: boolean
  readonly parkExhausted: boolean
  readonly intensity: Intensity
  /** The time of the restart that was `intensity.restarts` restarts ago on this budget; undefined with fewer. */
  readonly earliest: number | undefined
  readonly now: number
  readonly autoShutdown: AutoShutdown
  readonly significant: boolean
  /** Whether a significant sibling has not ended yet. */
  readonly significantLeft: boolean
}

export type Decision =
  /** Start again, with `which` siblings. */
  | { readonly _tag: "Restart"; readonly which: Which }
  /** Forget the child. */
  | { readonly _tag: "Remove" }
  /** Leave it stopped and listed. */
  | { readonly _tag: "KeepStopped" }
  /** Its own budget is used up: leave it listed as parked; siblings live on. */
  | { readonly _tag: "Park" }
  /** The supervisor's budget is used up: it stops all children and fails. */
  | { readonly _tag: "GiveUp" }
  /** The supervisor's work is done with the child's: it stops all children and ends. */
  | { readonly _tag: "ShutDown" }

export type Which = "one" | "all" | "rest"

/** Whom each strategy takes along. */
export const followers: Record<Strategy, Which> = { one_for_one: "one", one_for_all: "all", rest_for_one: "rest" }

/** The decision for one exit. */
export const decide = (situation: Situation): Decision => {
  const { dynamic, parkExhausted, strategy } = situation
  if (returns(situation)) {
    if (!isSpent(situation)) return { _tag: "Restart", which: followers[strategy] }
    return parkExhausted ? { _tag: "Park" } : { _tag: "GiveUp" }
  }
  if (shutsDown(situation)) return { _tag: "ShutDown" }
  return dynamic ? { _tag: "Remove" } : { _tag: "KeepStopped" }
}

const returns = ({ ending, restart }: Situation): boolean => {
  if (ending === "stopped" || restart === "temporary") return false
  return restart === "permanent" || ending === "failed"
}

const isSpent = ({ earliest, intensity, now }: Situation): boolean =>
  intensity.restarts === 0 || (earliest !== undefined && now - earliest <= intensity.within)

/** A child that its supervisor stopped does not count: its work was not done. */
const shutsDown = ({ autoShutdown, ending, significant, significantLeft }: Situation): boolean => {
  if (!significant || ending === "stopped" || autoShutdown === "never") return false
  return autoShutdown === "any_significant" || !significantLeft
}

/** The children that a restart of `child` stops and starts again, itself included, in start order. */
export const affected = <A>(which: Which, children: ReadonlyArray<A>, child: A): ReadonlyArray<A> => {
  if (which === "one") return [child]
  return which === "all" ? children : children.slice(children.indexOf(child))
}

/**
 * What is wanted of a child whose sibling takes it along: a temporary child ends with that, one that had finished
 * starts again with the others, one that was taken down on purpose stays down.
 */
export const intentAfter = (intent: Intent, restart: Restart): Intent => {
  if (restart === "temporary") return intent === "up" ? "finished" : intent
  return intent === "finished" ? "up" : intent
}

/**
 * Milliseconds to wait before the `attempt`-th restart in a row (from 1): half to all of the exponential step, by
 * `random` in [0, 1), so that children which failed together do not return together.
 */
export const delay = (backoff: Backoff, attempt: number, random: number): number => {
  const step = Math.min(backoff.cap, backoff.base * 2 ** (attempt - 1))
  return step * (0.5 + random / 2)
}
