/** What is said of calls that wait for room under the limits of a key: in the log while they do, in an error when in vain. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { inSpan } from "../telemetry/Spans.ts"
import type { NoRoom, Obstacle, WaitingCall } from "./CallGate.ts"
import { ProviderError } from "./ProviderError.ts"
import { roughly } from "./Roughly.ts"

/** Waits so that a person can see it. */
export const visibly =
  (provider: string) =>
  <A, E>({ reason, session }: WaitingCall, waiting: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.andThen(
      Effect.annotateLogs(Effect.logInfo("model call waits for room"), { provider, reason, session }),
      inSpan(waiting, "RateLimits.wait", { attributes: { provider, reason } })
    )

/** The call waited for as long as it may. */
export const noRoom = (provider: string, { call, room }: NoRoom, now: number): ProviderError => {
  const waited = Duration.millis(now - call.since)
  const retryAfter = Duration.millis(room.at - now)
  const then = `there would be room in ${roughly(retryAfter)}, if nobody else came first`
  const detail = `the call was given up after waiting ${roughly(waited)} ${waitedFor(room.obstacle ?? "queue")}; ${then}`
  return new ProviderError({ provider, reason: "rate_limited", detail, waited, retryAfter })
}

/** The call is not sent, as the provider asked to be left alone for yet so long. */
export const paused = (provider: string, retryAfter: Duration.Duration): ProviderError =>
  new ProviderError({
    provider,
    reason: "rate_limited",
    detail: `the provider asked to be left alone for another ${roughly(retryAfter)}`,
    skipped: true,
    retryAfter
  })

/** The call is not sent, as others can answer sooner than there would be room for it; `waited` is how long it has tried. */
export const crowded = (
  provider: string,
  obstacle: Obstacle,
  retryAfter: Duration.Duration,
  waited = Duration.zero
): ProviderError =>
  new ProviderError({
    provider,
    reason: "rate_limited",
    detail: `the call would have waited at least ${roughly(retryAfter)} ${waitedFor(obstacle)}`,
    skipped: true,
    waited,
    retryAfter
  })

const waitedFor = (obstacle: Obstacle): string => {
  switch (obstacle) {
    case "requests":
    case "inputTokens":
    case "outputTokens":
      return `for room under ${obstacle}PerMinute`
    case "pause":
      return "because the provider asked to be left alone"
    case "queue":
      return "for other calls to go first"
  }
}
