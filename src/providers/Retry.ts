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
import { make as makeBudget, type RetryBudget } from "./RetryBudget.ts"

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
  attempts: policy.attempts,
  stream: (request) => retrying(provider.stream(request), policy, request.budget)
})

/**
 * Runs the stream again after a transient error, as long as it has not handed on any content. Where others can be asked
 * instead, `shared` says so, and nobody is waited for who wants to be left alone for long.
 */
export const retrying = <R>(
  stream: Stream.Stream<ProviderPart, ProviderError, R>,
  policy: RetryPolicy,
  shared?: RetryBudget
): Stream.Stream<ProviderPart, ProviderError, R> =>
  Stream.suspend(() => {
    const budget = shared ?? makeBudget(policy.attempts)
    budget.spend()
    let spoken = false
    const speak = () => {
      spoken = true
    }
    return Stream.retry(
      heldUntilContent(stream, speak),
      schedule(policy, budget, () => spoken)
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
export const heldUntilContent = <R>(stream: Stream.Stream<ProviderPart, ProviderError, R>, speak: () => void) =>
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

/** What is not waited for where somebody else can be asked: an answer of another model is better than one much later. */
export const longWait = Duration.seconds(5)

/** Who is left alone (`skipped`) is not asked before it is time, so that a wait cut short would be in vain. */
const isWorthIt = (error: ProviderError, { cap }: RetryPolicy, { hasOthers }: RetryBudget): boolean => {
  const wait = error.retryAfter ?? Duration.zero
  if (hasOthers && Duration.isGreaterThan(wait, longWait)) return false
  return isTransient(error) && !(error.skipped === true && Duration.isGreaterThan(wait, cap))
}

const schedule = (policy: RetryPolicy, budget: RetryBudget, spoken: () => boolean) =>
  Schedule.exponential(policy.base).pipe(
    Schedule.setInputType<ProviderError>(),
    Schedule.jittered,
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.min(input.retryAfter ?? duration, policy.cap))
    ),
    Schedule.while(({ input }) => Effect.sync(() => !spoken() && isWorthIt(input, policy, budget) && budget.spend())),
    Schedule.tap(({ attempt, duration, input }) =>
      Effect.logWarning("model call retried").pipe(
        Effect.annotateLogs({
          ...input.facts,
          attempt: attempt + 1,
          delay: Duration.format(duration)
        })
      )
    )
  )
