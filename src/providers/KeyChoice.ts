/** Which of several keys a call goes to, and what is said if none can take it: pure. */
import * as Duration from "effect/Duration"
import { isTransient, type ProviderError, type ProviderFault } from "./ProviderError.ts"

/** A key that may be asked. */
export interface Candidate {
  /** Whether it failed lately, so that the call would be a trial. */
  readonly onTrial: boolean
  /** Whether the session's last call went to it. */
  readonly isHome: boolean
  /** The how-manieth call of all was the last that it took. */
  readonly used: number
}

/** In the order in which they are to be asked: the well ones first, then the session's own, then the least recently used. */
export const preferred = <C extends Candidate>(candidates: ReadonlyArray<C>): ReadonlyArray<C> =>
  candidates.toSorted(
    (one, other) =>
      Number(one.onTrial) - Number(other.onTrial) || Number(other.isHome) - Number(one.isHome) || one.used - other.used
  )

/** Whether another key of the same provider may well be answered at once, because the fault is this one's. */
export const isOfKey = (reason: ProviderFault): boolean => {
  switch (reason) {
    case "rate_limited":
    case "authentication":
    case "billing":
    case "permission":
    case "spend_limit":
    // Accounts differ in the models they have.
    case "not_found":
      return true
    case "invalid_request":
    case "too_large":
    case "context_overflow":
    case "refused":
    case "overloaded":
    case "timeout":
    case "connection":
    case "stream_cut":
    case "stream_stalled":
    case "invalid_response":
    case "unavailable":
    case "unknown":
      return false
  }
}

/** Of two keys' errors the one to tell: the one that passes, and the sooner; else the later. */
export const moreHopeful = (one: ProviderError, other: ProviderError): ProviderError => {
  if (isTransient(one) !== isTransient(other)) return isTransient(one) ? one : other
  return isTransient(one) && Duration.isLessThan(waitOf(one), waitOf(other)) ? one : other
}

const waitOf = ({ retryAfter }: ProviderError): Duration.Duration => retryAfter ?? Duration.zero
