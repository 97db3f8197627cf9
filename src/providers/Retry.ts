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
import { roughly } from "./Roughly.ts"

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
 * Runs the stream again after a transient error, as long as it has not handed on any content. What was not sent costs no
 * attempt. Where others can be asked instead, `shared` says so, and nobody is waited for who wants to be left alone for
 * long, or has kept the call waiting for long already.
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
    (): Array<ProviderPart> | undefined => [],
    (held, parts) => {
      if (held === undefined) return [undefined, parts]
      for (const part of parts) held.push(part)
      if (!parts.some(isContent)) return [held, []]
      speak()
      return [undefined, held]
    }
  )

/** What is not waited for where somebody else can be asked: an answer of another model is better than one much later. */
export const longWait = Duration.seconds(5)

/** The shortest wait for what was not sent: it costs no attempt, so that nothing else keeps it from asking all the time. */
const leastWait = Duration.seconds(1)

/** Who is left alone (`skipped`) is not asked before it is time, so that a wait cut short would be in vain. */
const isWorthIt = (error: ProviderError, { cap }: RetryPolicy, { hasOthers }: RetryBudget): boolean => {
  const wait = error.retryAfter ?? Duration.zero
  if (hasOthers && (Duration.isGreaterThan(wait, longWait) || isKnownToBeLong(error))) return false
  return isTransient(error) && !(error.skipped === true && Duration.isGreaterThan(wait, cap))
}

/** Who was silent for a limit of minutes, or is being tried out by another call that may be, has no time to name. */
const isKnownToBeLong = ({ reason, retryAfter, skipped }: ProviderError): boolean =>
  skipped === true ? retryAfter === undefined : reason === "timeout" || reason === "stream_stalled"

const waitAfter = ({ retryAfter, skipped }: ProviderError, grown: Duration.Duration, cap: Duration.Duration) => {
  const wait = Duration.min(retryAfter ?? grown, cap)
  return skipped === true && retryAfter === undefined ? Duration.max(wait, leastWait) : wait
}

const schedule = (policy: RetryPolicy, budget: RetryBudget, spoken: () => boolean) =>
  Schedule.exponential(policy.base).pipe(
    Schedule.setInputType<ProviderError>(),
    Schedule.jittered,
    Schedule.modifyDelay(({ duration, input }) => Effect.succeed(waitAfter(input, duration, policy.cap))),
    Schedule.while(({ input }) =>
      Effect.sync(() => !spoken() && isWorthIt(input, policy, budget) && (input.skipped === true || budget.spend()))
    ),
    Schedule.tap(({ attempt, duration, input }) =>
      Effect.logWarning("model call will be retried").pipe(
        Effect.annotateLogs({
          ...input.facts,
          attempt: attempt + 1,
          delay: roughly(duration)
        })
      )
    )
  )
