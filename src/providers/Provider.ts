/**
 * A service that answers model requests.
 *
 * A provider turns one request in the vocabulary of `effect/ai` into a stream of response parts that ends with
 * a `finish` part, or fails with a `ProviderError`. Interrupting the stream abandons the request at once.
 */
import * as Context from "effect/Context"
import type { Effect, Schema, Stream } from "effect"
import type { Prompt, Response, Tool } from "effect/ai"
import type { WaitingCall } from "./CallGate.ts"
import type { Price } from "./Pricing.ts"
import type { ProviderError, ProviderFault } from "./ProviderError.ts"
import type { LimitsTold } from "./RateLimitState.ts"
import type { Deadline, RetryBudget } from "./RetryBudget.ts"

/** One model call. Tools are described only: whoever reads the stream runs them. */
export interface ProviderRequest {
  /** The model's name as the provider knows it, without the provider's own name. */
  readonly model: string
  readonly prompt: Prompt.Prompt
  /**
   * The prompt with all that it only refers to, if it does: made when it is sent and let go of then, as files are large and
   * an answer, or the room for it, may take long.
   */
  readonly whole?: Effect.Effect<Prompt.Prompt>
  readonly tools: ReadonlyArray<Tool.Any>
  /** The most tokens the reply may have. */
  readonly maxTokens: number
  /** How hard the model should try, and whether it should think first; as the model does by itself if not given. */
  readonly effort?: Effort
  readonly thinking?: Thinking
  /** Tools that the provider runs itself, in its own words; one that is not of its kind leaves them out. */
  readonly providerTools?: ReadonlyArray<ProviderTool>
  /** The vendor's id of the reply before this request in the same conversation, to ask why its cache was of no use. */
  readonly previous?: string
  /** What the call may still cost in attempts, where it is shared with others that stand in for it. */
  readonly budget?: RetryBudget
  /** When the call is given up, whatever it has said by then. */
  readonly deadline?: Deadline
  /** Whose call it is: sessions that wait for the same limits take turns. Calls that belong to none are as one session. */
  readonly session?: string
  /** Told what the vendor says of its limits with the head of its answer, and when that was, in milliseconds. */
  readonly onLimits?: (told: LimitsTold, now: number) => void
}

/** The levels of `output_config.effort` of the Messages API; others take the nearest they have. */
export const efforts = ["low", "medium", "high", "xhigh", "max"] as const
export type Effort = (typeof efforts)[number]

/** `adaptive`: the model decides how much; `budget`: at most so many tokens, which count towards `maxTokens`. */
export type Thinking = "adaptive" | "off" | { readonly budget: number }

/** A tool as its provider describes it: `type`, `name` and what else that type takes. */
export type ProviderTool = Readonly<Record<string, Schema.Json>>

/** What a model takes and gives; what is not known is absent. */
export interface ModelLimits {
  /** In tokens, as is the next. */
  readonly maxInputTokens?: number
  readonly maxOutputTokens?: number
  /** The levels of effort it knows, and the ways it may be told to think; none if it does not let itself be told. */
  readonly efforts?: ReadonlyArray<Effort>
  readonly thinking?: ReadonlyArray<"adaptive" | "off" | "budget">
}

/** How one of a provider's keys gets along with a model. */
export interface CircuitHealth {
  /** Which key, without telling it: `key 1` is the provider's `apiKey`. */
  readonly key: string
  readonly model: string
  /** `open`: it is left alone; `half-open`: the next call, or one that is under way, decides. */
  readonly state: "closed" | "open" | "half-open"
  /** Until when it is left alone, in milliseconds since the epoch. */
  readonly until?: number
  /** The fault it was left alone for, unless it is well again. */
  readonly reason?: ProviderFault
}

/** A key that the vendor wants to be left alone with, whatever is asked of it. */
export interface PausedKey {
  /** As in `CircuitHealth`. */
  readonly key: string
  /** In milliseconds since the epoch. */
  readonly until: number
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
    /** What the model takes and gives, where the provider tells; asked for once and kept. Fails soon, if it does. */
    limitsOf?(model: string): Effect.Effect<ModelLimits, ProviderError>
    /** What its tokens cost; none if that is not known, which is not the same as nothing. */
    priceOf?(model: string): Price | undefined
    /** How often a call is tried by itself, the first time included; once if not given. */
    readonly attempts?: number
    /** Whether a reply that was cut off can be gone on with; if not, it is begun again. */
    readonly continues?: boolean
    /** The calls that wait for room under the limits of its key, the longest waiting first. Absent where none ever does. */
    readonly waiting?: Effect.Effect<ReadonlyArray<WaitingCall>>
    /** How its keys get along with the models they were asked for. Absent where nobody is ever left alone. */
    readonly health?: Effect.Effect<ReadonlyArray<CircuitHealth>>
    /** The keys that are at the vendor's limits now, as it said. Absent where that is not heeded. */
    readonly paused?: Effect.Effect<ReadonlyArray<PausedKey>>
  }
>()("fiberclaw/providers/Provider") {}
