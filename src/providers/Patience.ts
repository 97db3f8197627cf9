/**
 * How long a model may keep its caller waiting.
 *
 * Bytes that say nothing (a stream that only pings, or announces parts that never come) do not make a reply, and a reply
 * that comes a word at a time must still come to its end: each is a fault with a sentence of its own. What happens while
 * an answer is read is seen to where it is read (`HttpAnswer.ts`).
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Provider, ProviderPart } from "./Provider.ts"
import { ProviderError } from "./ProviderError.ts"
import type { Deadline } from "./RetryBudget.ts"

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
 * The same provider, whose stream fails as `timeout` unless it has ended so long after it began. To be put above
 * `withRetry`: no attempt and no wait between two goes beyond it, and nothing is asked again. Of those who share a budget
 * the first one's limit counts, from when it began.
 *
 * Once it says something the provider itself keeps to the `deadline` it is given, and here it is only looked at between
 * two parts: a timer of its own for each of them would cost more than all else that is done with it.
 */
export const withCallWithin = (provider: Provider["Service"], limit: Duration.Duration): Provider["Service"] => ({
  ...provider,
  stream: (request) =>
    Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (now) => {
        const own: Deadline = { at: now + Duration.toMillis(limit), within: limit }
        const deadline = request.budget?.deadline(own) ?? own
        return capped(provider.name, provider.stream({ ...request, deadline }), deadline)
      })
    )
})

type Parts = Stream.Stream<ProviderPart, ProviderError>

const capped = (provider: string, stream: Parts, { at, within }: Deadline): Parts =>
  Stream.transformPull(stream, (pull) =>
    Effect.sync(() => {
      let begun = false
      const begin = Effect.sync(() => {
        begun = true
      })
      return Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (now >= at) return Effect.fail(overtime(provider, within))
        if (begun) return pull
        return Effect.tap(
          Effect.timeoutOrElse(pull, { duration: at - now, orElse: () => overtime(provider, within) }),
          begin
        )
      })
    })
  )

const overtime = (provider: string, limit: Duration.Duration) =>
  new ProviderError({
    provider,
    reason: "timeout",
    detail: `the call was given up because it had not ended within ${Duration.format(limit)}`
  })
