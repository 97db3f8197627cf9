/**
 * Asks again when asking again can help.
 *
 * Wraps any provider. One budget covers the whole call; the waits grow exponentially with jitter, or are what
 * the provider asked for, and never exceed the cap. Once any content of a reply has been handed on nothing is
 * repeated: a person never reads, and a tool never runs, the same thing twice.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Provider, ProviderPart } from "./Provider.ts"
import { isTransient, type ProviderError } from "./ProviderError.ts"

export interface RetryPolicy {
  /** How often the provider is asked at most, the first time included. */
  readonly attempts: number
  /** The wait before the second attempt; it doubles from then on. */
  readonly base: Duration.Duration
  /** The longest wait, whatever the provider asks for. */
  readonly cap: Duration.Duration
}

/** The same provider, made patient. */
export const withRetry = (provider: Provider["Service"], policy: RetryPolicy): Provider["Service"] => ({
  ...provider,
  stream: (request) => retrying(provider.stream(request), policy)
})

/** Runs the stream again after a transient error, as long as it has not handed on any content. */
export const retrying = <R>(
  stream: Stream.Stream<ProviderPart, ProviderError, R>,
  policy: RetryPolicy
): Stream.Stream<ProviderPart, ProviderError, R> =>
  Stream.suspend(() => {
    let spoken = false
    const speak = () => {
      spoken = true
    }
    return Stream.retry(
      heldUntilContent(stream, speak),
      schedule(policy, () => spoken)
    )
  })

/** Whether a part carries anything that must not be repeated, rather than only announcing it. */
export const isContent = (part: ProviderPart): boolean => {
  switch (part.type) {
    case "response-metadata":
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
      return false
    case "text-delta":
    case "reasoning-delta":
      return part.delta !== ""
    default:
      return true
  }
}

/** Announcements wait for the content they announce, so that a failed attempt leaves nothing behind. */
const heldUntilContent = <R>(stream: Stream.Stream<ProviderPart, ProviderError, R>, speak: () => void) =>
  Stream.mapAccumArray(
    stream,
    (): ReadonlyArray<ProviderPart> | undefined => [],
    (held, parts) => {
      if (held === undefined) return [undefined, parts]
      if (!parts.some(isContent)) return [[...held, ...parts], []]
      speak()
      return [undefined, [...held, ...parts]]
    }
  )

const schedule = (policy: RetryPolicy, spoken: () => boolean) =>
  Schedule.exponential(policy.base).pipe(
    Schedule.setInputType<ProviderError>(),
    Schedule.jittered,
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.min(input.retryAfter ?? duration, policy.cap))
    ),
    Schedule.while(({ attempt, input }) =>
      Effect.succeed(attempt < policy.attempts && isTransient(input) && !spoken())
    ),
    Schedule.tap(({ attempt, duration, input }) =>
      Effect.logWarning("model call retried").pipe(
        Effect.annotateLogs({
          provider: input.provider,
          attempt: attempt + 1,
          reason: input.reason,
          delay: Duration.format(duration)
        })
      )
    )
  )
