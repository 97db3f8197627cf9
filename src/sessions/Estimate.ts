/**
 * How many tokens the next request will be, and how many there may be: pure.
 *
 * What the provider said of the last request counts, and what came since is reckoned at the rate that follows from it.
 */
import type { SessionState } from "./SessionState.ts"

/** What there is room for. */
export interface Limits {
  /** Tokens the model takes in. */
  readonly window: number
  /** The share of the window at which the session is compacted. */
  readonly compactAt: number
  /** How many turns before the running one are left alone. */
  readonly keepTurns: number
  /** Tokens of a reply. */
  readonly maxTokens: number
  /** Characters that go along with every request: instructions and tools. */
  readonly overhead: number
  /** Whether the provider can be asked how many tokens a request has. */
  readonly counts: boolean
}

/** Tokens: the most likely number, and between which numbers the true one lies. */
export interface Estimate {
  readonly tokens: number
  readonly low: number
  readonly high: number
  /** Tokens for a character of the whole request. */
  readonly rate: number
}

/** English prose has 4 to 5 characters to a token, code and JSON 3, other scripts down to 1. */
const usual = 1 / 3.5

/** A measure below this rate is none: no tokenizer takes 20 characters at once in the long run. */
const least = 0.05
const most = 1.5

/** How far a guess may be off, either way. */
const doubt = 2

/** Tokens at which something has to be left out: the agreed share, or where there is no room for the reply. */
export const limitOf = ({ compactAt, maxTokens, window }: Limits): number =>
  Math.min(window * compactAt, Math.max(window - maxTokens, window / 4))

/** What the next request comes to. After an overflow it is at least the window, whatever was measured. */
export const estimate = (
  { history, measure, turn }: Pick<SessionState, "history" | "measure" | "turn">,
  { overhead, window }: Limits
): Estimate => {
  const size = Math.max(1, overhead + history.size)
  const isKnown = measure !== undefined && measure.tokens >= least * (overhead + measure.size)
  const rate = isKnown ? Math.min(most, measure.tokens / Math.max(1, overhead + measure.size)) : usual
  const known = isKnown ? measure.tokens : 0
  const guessed = (isKnown ? history.size - measure.size : size) * rate
  if (turn?.overflowing === true) {
    const tokens = Math.max(known + guessed, window)
    return { tokens, low: tokens, high: tokens, rate: tokens / size }
  }
  const tokens = Math.max(0, known + guessed)
  return { tokens, low: known + guessed / doubt, high: known + guessed * doubt, rate: tokens / size }
}
