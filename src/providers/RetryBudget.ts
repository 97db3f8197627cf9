/**
 * What one model call may cost in attempts and in time, whoever of several is asked.
 *
 * One budget is shared by every attempt at every key, model and provider of a call. For each that is still to come one
 * attempt is kept, so that the first cannot use up what the last would need.
 */
import type { Duration } from "effect"

export interface RetryBudget {
  /** Takes one attempt, the first included; false if whoever is at it now has none left. */
  spend(): boolean
  /** Whether somebody else is still to be asked if this one fails. */
  readonly hasOthers: boolean
  /** The next one's turn. */
  advance(): void
  /** When the call is given up: what was said first holds for all that come later. */
  deadline(proposed: Deadline): Deadline
  /** Whether that moment is over. */
  isOver(now: number): boolean
}

/** When a call is given up, in milliseconds since the epoch, and how long it may have taken by then. */
export interface Deadline {
  readonly at: number
  readonly within: Duration.Duration
}

/** `attempts` in all, but at least one for each of `targets`. */
export const make = (attempts: number, targets = 1): RetryBudget => {
  let left = Math.max(attempts, targets)
  let others = targets - 1
  let end: Deadline | undefined
  return {
    spend: () => {
      if (left <= others) return false
      left -= 1
      return true
    },
    get hasOthers() {
      return others > 0
    },
    advance: () => {
      others = Math.max(0, others - 1)
    },
    deadline: (proposed) => {
      end ??= proposed
      return end
    },
    isOver: (now) => end !== undefined && now >= end.at
  }
}
