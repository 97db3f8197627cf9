/**
 * Keeps the calls of one key within what the key allows: requests, input and output tokens by the minute.
 *
 * Wraps any provider. A call waits until there is room for what it may cost, in fair turn between sessions, and gives
 * back what it did not use, however it ends. It goes below `withRetry`, as every attempt costs, and above
 * `withContentWithin`, as waiting for room is not the model's silence (`Composition.ts`).
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Scope } from "effect"
import { inSpan } from "../telemetry/Spans.ts"
import { estimate, type Meter, meter } from "./CallCost.ts"
import * as Gate from "./CallGate.ts"
import type { Provider, ProviderPart, ProviderRequest } from "./Provider.ts"
import { ProviderError } from "./ProviderError.ts"
import type * as State from "./RateLimitState.ts"

export interface RateLimits {
  /** The same provider, held to these limits; all that are share them. */
  limit(provider: Provider["Service"]): Provider["Service"]
  /** The calls that wait for room now, the longest waiting first. */
  readonly waiting: Effect.Effect<ReadonlyArray<Gate.WaitingCall>>
}

export interface RateLimitsOptions {
  /** What is absent is not limited, but even so a key that is told to wait waits. */
  readonly limits: State.Limits
  /** The longest that a call waits for room, and that the whole key is left alone because the vendor asked for it. */
  readonly patience: Duration.Duration
  /** Whether what the vendor reads from its prompt cache does not count as input. */
  readonly cacheIsFree: boolean
}

export const make = Effect.fnUntraced(function* (
  options: RateLimitsOptions
): Effect.fn.Return<RateLimits, never, Scope.Scope> {
  const gate = yield* Gate.make(options.limits, options.patience)
  const waiting = Effect.sync(() => gate.waiting)
  return {
    waiting,
    limit: (provider) => ({ ...provider, waiting, stream: (request) => limited(gate, options, provider, request) })
  }
})

/** A call that was let through. */
interface Call {
  readonly ticket: Gate.Ticket
  readonly meter: Meter
}

const limited = (
  gate: Gate.CallGate,
  options: RateLimitsOptions,
  provider: Provider["Service"],
  request: ProviderRequest
): Stream.Stream<ProviderPart, ProviderError> =>
  Stream.unwrap(
    Effect.map(enter(gate, options, provider.name, request), (call) => {
      const onLimits = (told: State.LimitsTold, now: number) => {
        request.onLimits?.(told, now)
        gate.hear(call.ticket, told, now)
      }
      return provider.stream({ ...request, onLimits }).pipe(
        Stream.mapArray((parts) => {
          call.meter.hear(parts)
          return parts
        }),
        Stream.tapError((error) => failed(gate, options, call, error))
      )
    })
  )

/** Waits for room; what is set aside then is settled when the Scope closes at the latest. */
const enter = (gate: Gate.CallGate, options: RateLimitsOptions, provider: string, request: ProviderRequest) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const cost = estimate(request)
      const entering = gate.enter(request.session ?? "", cost, (call, waiting) =>
        restore(visibly(provider, call, waiting))
      )
      const ticket = yield* Effect.catch(entering, (none) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => noRoom(provider, none, now))
      )
      const call: Call = { ticket, meter: meter(cost, options.cacheIsFree) }
      yield* Effect.addFinalizer(() => settle(gate, call))
      return call
    })
  )

const settle = (gate: Gate.CallGate, { meter, ticket }: Call) =>
  Effect.map(Clock.currentTimeMillis, (now) => gate.settle(ticket, meter.used, now))

/** An attempt that failed gives back at once what it did not use; the vendor's wish to be left alone concerns the whole key. */
const failed = (gate: Gate.CallGate, options: RateLimitsOptions, call: Call, error: ProviderError) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    if (error.reason === "rate_limited" && error.retryAfter !== undefined) {
      gate.pause(now + Duration.toMillis(Duration.min(error.retryAfter, options.patience)))
    }
    gate.settle(call.ticket, call.meter.used, now)
  })

const visibly = (
  provider: string,
  { reason, session }: Gate.WaitingCall,
  waiting: Effect.Effect<Gate.Ticket, Gate.NoRoom>
) =>
  Effect.andThen(
    Effect.annotateLogs(Effect.logInfo("model call waits for room"), { provider, reason, session }),
    inSpan(waiting, "RateLimits.wait", { attributes: { provider, reason } })
  )

const noRoom = (provider: string, { call, room }: Gate.NoRoom, now: number) => {
  const waited = Duration.millis(now - call.since)
  const retryAfter = Duration.millis(room.at - now)
  const then = `there would be room in ${Duration.format(retryAfter)}, if nobody else came first`
  const detail = `the call was given up after waiting ${Duration.format(waited)} ${waitedFor(room.obstacle ?? "queue")}; ${then}`
  return new ProviderError({ provider, reason: "rate_limited", detail, waited, retryAfter })
}

const waitedFor = (obstacle: State.Obstacle | "queue"): string => {
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
