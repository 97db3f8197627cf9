/**
 * A service that answers model requests.
 *
 * A provider turns one request in the vocabulary of `effect/ai` into a stream of response parts that ends with
 * a `finish` part, or fails with a `ProviderError`. Interrupting the stream abandons the request at once.
 */
import * as Context from "effect/Context"
import type { Effect, Stream } from "effect"
import type { Prompt, Response, Tool } from "effect/ai"
import type { WaitingCall } from "./CallGate.ts"
import type { ProviderError } from "./ProviderError.ts"
import type { LimitsTold } from "./RateLimitState.ts"

/** One model call. Tools are described only: whoever reads the stream runs them. */
export interface ProviderRequest {
  /** The model's name as the provider knows it, without the provider's own name. */
  readonly model: string
  readonly prompt: Prompt.Prompt
  readonly tools: ReadonlyArray<Tool.Any>
  /** The most tokens the reply may have. */
  readonly maxTokens: number
  /** Whose call it is: sessions that wait for the same limits take turns. Calls that belong to none are as one session. */
  readonly session?: string
  /** Told what the vendor says of its limits with the head of its answer, and when that was, in milliseconds. */
  readonly onLimits?: (told: LimitsTold, now: number) => void
}

/** What a provider streams: no tool is known to it, so parameters are what the model wrote. */
export type ProviderPart = Response.StreamPart<Record<string, Tool.Any>, "deferred">

export class Provider extends Context.Service<
  Provider,
  {
    /** The name it has in the tenant's file. */
    readonly name: string
    /** Models it is known to have; others may exist. */
    readonly models: ReadonlyArray<string>
    /** Asks the model. Nothing is sent before the stream is pulled. */
    stream(request: ProviderRequest): Stream.Stream<ProviderPart, ProviderError>
    /**
     * How many tokens the model would take in with this request, tools and instructions included; `maxTokens` does not
     * count. Absent where the provider cannot tell. Ends soon, one way or the other: it is a question of seconds.
     */
    count?(request: ProviderRequest): Effect.Effect<number, ProviderError>
    /** The calls that wait for room under the limits of its key, the longest waiting first. Absent where none ever does. */
    readonly waiting?: Effect.Effect<ReadonlyArray<WaitingCall>>
  }
>()("fiberclaw/providers/Provider") {}
