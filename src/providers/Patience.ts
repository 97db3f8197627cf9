/**
 * Gives up on a model that keeps its caller waiting.
 *
 * Wraps any provider. Bytes that say nothing (a stream that only pings, or announces parts that never come) do not make
 * a reply, and a reply that comes a word at a time must still come to its end: each is a fault with a sentence of its own.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Provider, ProviderPart } from "./Provider.ts"
import { ProviderError } from "./ProviderError.ts"
import { isContent } from "./Retry.ts"
import type { RetryBudget } from "./RetryBudget.ts"

/** How long a model is waited for. */
export interface Timeouts {
  /** Until the first byte of an answer, the connection included. */
  readonly firstByte: Duration.Duration
  /** Without any byte of an answer that has begun; a ping is a byte. */
  readonly idle: Duration.Duration
  /** Without any content, whatever else arrives. */
  readonly content: Duration.Duration
  /** For the whole of one call, with everything that is tried again. */
  readonly call: Duration.Duration
}

/** What is waited if nobody says otherwise: some 50,000 tokens are said in 15 minutes at 60 tokens a second. */
export const defaults: Timeouts = {
  firstByte: Duration.minutes(2),
  idle: Duration.minutes(1),
  content: Duration.minutes(3),
  call: Duration.minutes(15)
}

/**
 * The same provider, whose stream fails as `stream_stalled` once it has kept its reader waiting for so long without any
 * content. To be put below `withRetry`: what stalls before its first content may be asked again.
 */
export const withContentWithin = (provider: Provider["Service"], limit: Duration.Duration): Provider["Service"] => ({
  ...provider,
  stream: (request) => attentive(provider.name, provider.stream(request), limit)
})

/**
 * The same provider, whose stream fails as `timeout` unless it has ended so long after it began. To be put above
 * `withRetry`: no attempt and no wait between two goes beyond it, and nothing is asked again. Of those who share a budget
 * the first one's limit counts, from when it began.
 */
export const withCallWithin = (provider: Provider["Service"], limit: Duration.Duration): Provider["Service"] => ({
  ...provider,
  stream: (request) => capped(provider.name, provider.stream(request), limit, request.budget)
})

type Parts = Stream.Stream<ProviderPart, ProviderError>

/** Only waiting for the provider counts, not what the reader does with the parts. */
const attentive = (provider: string, stream: Parts, limit: Duration.Duration): Parts =>
  Stream.transformPull(stream, (pull) =>
    Effect.sync(() => {
      let waited = 0
      return Effect.gen(function* () {
        const since = yield* Clock.currentTimeMillis
        const parts = yield* Effect.timeoutOrElse(pull, {
          duration: Math.max(0, Duration.toMillis(limit) - waited),
          orElse: () => stalled(provider, limit)
        })
        waited = parts.some(isContent) ? 0 : waited + (yield* Clock.currentTimeMillis) - since
        return parts
      })
    })
  )

const capped = (provider: string, stream: Parts, limit: Duration.Duration, budget?: RetryBudget): Parts =>
  Stream.transformPull(stream, (pull) =>
    Effect.map(Clock.currentTimeMillis, (begun) => {
      const proposed = begun + Duration.toMillis(limit)
      const end = budget?.deadline(proposed) ?? proposed
      return Effect.flatMap(Clock.currentTimeMillis, (now) =>
        now >= end
          ? Effect.fail(overtime(provider, limit))
          : Effect.timeoutOrElse(pull, { duration: end - now, orElse: () => overtime(provider, limit) })
      )
    })
  )

const stalled = (provider: string, limit: Duration.Duration) =>
  new ProviderError({
    provider,
    reason: "stream_stalled",
    detail: `the model said nothing for ${Duration.format(limit)}, though its connection was open`
  })

const overtime = (provider: string, limit: Duration.Duration) =>
  new ProviderError({
    provider,
    reason: "timeout",
    detail: `the call was given up because it had not ended within ${Duration.format(limit)}`
  })
