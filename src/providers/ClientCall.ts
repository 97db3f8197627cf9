/** One call of a vendor's official client. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { headersOf } from "./HttpFailure.ts"
import type { ProviderRequest } from "./Provider.ts"
import type { ProviderError } from "./ProviderError.ts"

/** What the head of an answer says; `now` in milliseconds. */
export type OnHead = (headers: Headers, now: number) => void

/** What is to be sent of a request, with all that its prompt refers to. */
export const wholeOf = (request: ProviderRequest): Effect.Effect<ProviderRequest> =>
  request.whole === undefined
    ? Effect.succeed(request)
    : Effect.map(request.whole, (prompt) => ({ ...request, prompt }))

/**
 * What the client promises, or what it throws in our words, as `explain` finds them. Interrupting it aborts the request.
 * `onHead` is told the headers of an answer that is no reply.
 */
export const calling = <A>(
  call: (signal: AbortSignal) => Promise<A>,
  explain: (now: number, thrown: unknown) => ProviderError,
  onHead?: OnHead
): Effect.Effect<A, ProviderError> =>
  Effect.catch(Effect.tryPromise({ try: call, catch: (thrown) => ({ thrown }) }), ({ thrown }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const headers = headersOf(thrown)
      if (headers !== undefined) onHead?.(headers, now)
      return explain(now, thrown)
    })
  )
