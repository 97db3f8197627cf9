/**
 * Keeps the calls of one key within what the key allows: requests, input and output tokens by the minute.
 *
 * Wraps any provider. A call waits until there is room for what it may cost, in fair turn between sessions, and gives
 * back what it did not use, however it ends. It goes below `withRetry`, as every attempt costs
 * (`Composition.ts`).
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Scope } from "effect"
import { estimate, type Meter, meter } from "./CallCost.ts"
import * as Gate from "./CallGate.ts"
import type { Provider, ProviderPart, ProviderRequest } from "./Provider.ts"
import type { ProviderError } from "./ProviderError.ts"
import type * as State from "./RateLimitState.ts"
import { noRoom, paused, visibly } from "./Waiting.ts"

export interface RateLimits {
  /** The same provider, held to these limits; all that are share them. */
  limit(provider: Provider["Service"]): Provider["Service"]
  /** What a call that came now would find. */
  roomFor(request: ProviderRequest): Effect.Effect<Gate.Room>
  /**
   * Waits for room and sets it aside; closing the Scope gives back what was not used. `provider` is who is named in an
   * error, `wait` may put something around the waiting.
   */
  enter(provider: string, request: ProviderRequest, wait?: Wait): Effect.Effect<Pass, ProviderError, Scope.Scope>
  /** What the provider says to a call that was let through, counted. */
  through(
    pass: Pass,
    provider: Provider["Service"],
    request: ProviderRequest
  ): Stream.Stream<ProviderPart, ProviderError>
  /** The longest that a call waits. */
  readonly patience: Duration.Duration
  /** The calls that wait for room now, the longest waiting first. */
  readonly waiting: Effect.Effect<ReadonlyArray<Gate.WaitingCall>>
  /** Until when the vendor wants to be left alone, in milliseconds since the epoch; long ago if it does not. */
  readonly pausedUntil: number
}

export interface RateLimitsOptions {
  /** What is absent is not limited, but even so a key that is told to wait waits. */
  readonly limits: State.Limits
  /** Models that have limits to themselves; all others share `limits`. */
  readonly perModel?: Readonly<Record<string, State.Limits>>
  /** The longest that a call waits for room, and that the whole key is left alone because the vendor asked for it. */
  readonly patience: Duration.Duration
  /** Whether what the vendor reads from its prompt cache does not count as input. */
  readonly cacheIsFree: boolean
}

/** Puts something around the waiting for room. */
export type Wait = <A, E>(call: Gate.WaitingCall, waiting: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** A call that was let through. */
export interface Pass {
  readonly gate: Gate.CallGate
  readonly ticket: Gate.Ticket
  readonly meter: Meter
  sent: boolean
}

const nothing: State.Cost = { requests: 0, inputTokens: 0, outputTokens: 0 }

export const make = Effect.fnUntraced(function* (
  options: RateLimitsOptions
): Effect.fn.Return<RateLimits, never, Scope.Scope> {
  const shared = yield* Gate.make(options.limits, options.patience)
  const own = new Map<string, Gate.CallGate>()
  for (const [model, limits] of Object.entries(options.perModel ?? {})) {
    own.set(model, yield* Gate.make(limits, options.patience))
  }
  const gateOf = ({ model }: ProviderRequest) => own.get(model) ?? shared

  const enter: RateLimits["enter"] = (provider, request, wait = visibly(provider)) =>
    admitted(gateOf(request), options, provider, request, wait)
  const through: RateLimits["through"] = (pass, provider, request) => counted(pass, options, provider, request)
  const waiting = Effect.sync(() => [shared, ...own.values()].flatMap((gate) => gate.waiting).sort(bySince))

  const rateLimits: RateLimits = {
    enter,
    through,
    patience: options.patience,
    waiting,
    get pausedUntil() {
      return Math.max(...[shared, ...own.values()].map((gate) => gate.pausedUntil))
    },
    roomFor: (request) => Effect.map(Clock.currentTimeMillis, (now) => gateOf(request).roomFor(estimate(request), now)),
    limit: (provider) => {
      const { count } = provider
      return {
        ...provider,
        waiting,
        stream: (request) =>
          Stream.unwrap(Effect.map(enter(provider.name, request), (pass) => through(pass, provider, request))),
        ...(count && {
          count: (request: ProviderRequest) => Effect.andThen(unpaused(gateOf(request), provider.name), count(request))
        })
      }
    }
  }
  return rateLimits
})

const bySince = (one: Gate.WaitingCall, other: Gate.WaitingCall): number => one.since - other.since

/** Fails while the vendor wants to be left alone. */
const unpaused = (gate: Gate.CallGate, provider: string) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    gate.pausedUntil <= now ? Effect.void : paused(provider, Duration.millis(gate.pausedUntil - now))
  )

/** Waits for room; what is set aside then is settled when the Scope closes at the latest. */
const admitted = (
  gate: Gate.CallGate,
  options: RateLimitsOptions,
  provider: string,
  request: ProviderRequest,
  wait: Wait
) =>
  Effect.uninterruptibleMask((restore) => {
    const cost = estimate(request)
    const entering = gate.enter(request.session ?? "", cost, (call, waiting) => restore(wait(call, waiting)))
    return entering.pipe(
      Effect.catch((none) => Effect.flatMap(Clock.currentTimeMillis, (now) => noRoom(provider, none, now))),
      Effect.flatMap((ticket) => {
        const pass: Pass = { gate, ticket, meter: meter(cost, options.cacheIsFree), sent: false }
        return Effect.as(
          Effect.addFinalizer(() => Effect.map(Clock.currentTimeMillis, (now) => settle(pass, now))),
          pass
        )
      })
    )
  })

const settle = ({ gate, meter, sent, ticket }: Pass, now: number): void =>
  gate.settle(ticket, sent ? meter.used : nothing, now)

const counted = (
  pass: Pass,
  options: RateLimitsOptions,
  provider: Provider["Service"],
  request: ProviderRequest
): Stream.Stream<ProviderPart, ProviderError> => {
  const onLimits = (told: State.LimitsTold, now: number) => {
    request.onLimits?.(told, now)
    pass.gate.hear(pass.ticket, told, now)
  }
  return Stream.suspend(() => {
    pass.sent = true
    return provider.stream({ ...request, onLimits })
  }).pipe(
    Stream.mapArray((parts) => {
      pass.meter.hear(parts)
      return parts
    }),
    Stream.tapError((error) => failed(pass, options, error))
  )
}

/** An attempt that failed gives back at once what it did not use; the vendor's wish to be left alone concerns the whole key. */
const failed = (pass: Pass, options: RateLimitsOptions, error: ProviderError) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    if (error.reason === "rate_limited" && error.retryAfter !== undefined) {
      pass.gate.pause(now + Duration.toMillis(Duration.min(error.retryAfter, options.patience)))
    }
    if (error.skipped === true) pass.sent = false
    settle(pass, now)
  })
