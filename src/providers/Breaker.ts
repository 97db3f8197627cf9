/**
 * Leaves a key alone with a model that keeps failing, for a while that grows.
 *
 * Each key and model has a circuit of its own. It opens after so many failures in a row that speak against the health of
 * who was asked; then one call is let through to see, and the circuit closes if that is answered. Nobody waits here: who
 * is not let through fails at once, with the fault that opened the circuit, and was not sent (`skipped`).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import type { Scope } from "effect"
import type { CircuitHealth, Provider, ProviderPart } from "./Provider.ts"
import { ProviderError, treatmentOf } from "./ProviderError.ts"
import { roughly } from "./Roughly.ts"
import { isContent } from "./Retry.ts"

export interface BreakerPolicy {
  /** So many failures in a row open a circuit. */
  readonly failures: number
  /** How long it is open at first; that doubles with each time that trying again was in vain. */
  readonly open: Duration.Duration
  /** The longest that it is open, whatever the provider asks for. */
  readonly cap: Duration.Duration
}

/** Whether a key may be asked for a model: as ever, by one call to see, or not, and why not. */
export type Standing = "well" | "on trial" | ProviderError

export interface Breaker {
  /** The same provider, by one of its keys. */
  guard(provider: Provider["Service"], key: string): Provider["Service"]
  standing(key: string, model: string): Effect.Effect<Standing>
  /** The circuits that were ever used, the last 1,000 of them. */
  readonly health: Effect.Effect<ReadonlyArray<CircuitHealth>>
}

export interface BreakerOptions {
  /** The provider's name in the tenant's file. */
  readonly provider: string
  readonly policy: BreakerPolicy
  /** Faults that open a circuit the first time. */
  readonly atOnce?: (error: ProviderError) => boolean
}

/** For how long a circuit is open the n-th time in a row, `asked` being what the provider asked for itself. */
export const openFor = (
  { cap, open }: BreakerPolicy,
  times: number,
  asked: Duration.Duration = Duration.zero
): Duration.Duration => Duration.min(Duration.max(Duration.times(open, 2 ** (times - 1)), asked), cap)

/** What a failed call says of who was asked: a fault of the request itself, or a limit that is reached, says nothing. */
export const outcomeOf = ({ reason }: ProviderError): "Failure" | "Ignored" =>
  treatmentOf(reason).unhealthy ? "Failure" : "Ignored"

interface Circuit {
  readonly id: string
  readonly key: string
  readonly model: string
  last?: ProviderError
}

/** A call that was let through; its outcome counts once. */
interface Permit {
  readonly circuit: Circuit
  readonly admission: CircuitBreaker.Admission
  recorded: boolean
}

/** The most circuits that are remembered: names of models come from outside. */
const mostCircuits = 1_000

export const make = Effect.fnUntraced(function* (
  options: BreakerOptions
): Effect.fn.Return<Breaker, never, Scope.Scope> {
  const services = yield* Layer.build(CircuitBreaker.layerStoreMemory())
  const context: Surroundings = { ...options, store: Context.get(services, CircuitBreaker.CircuitBreakerStore) }
  const circuits = new Map<string, Circuit>()
  const circuitOf = (key: string, model: string): Circuit => {
    const id = `${key} ${model}`
    const known = circuits.get(id)
    if (known !== undefined) return known
    const [oldest] = circuits.keys()
    if (circuits.size >= mostCircuits && oldest !== undefined) circuits.delete(oldest)
    const circuit: Circuit = { id, key, model }
    circuits.set(id, circuit)
    return circuit
  }
  const stateOf = (circuit: Circuit) => Effect.orDie(context.store.state(circuit.id))
  return {
    guard: (provider, key) => ({
      ...provider,
      stream: (request) => guarded(context, circuitOf(key, request.model), provider.stream(request))
    }),
    standing: (key, model) => {
      const circuit = circuitOf(key, model)
      return Effect.map(stateOf(circuit), (state) => standingOf(options.provider, circuit, state))
    },
    health: Effect.suspend(() =>
      Effect.forEach(Array.from(circuits.values()), (circuit) =>
        Effect.zipWith(stateOf(circuit), Clock.currentTimeMillis, (state, now) => healthOf(circuit, state, now))
      )
    )
  }
})

interface Surroundings extends BreakerOptions {
  readonly store: CircuitBreaker.CircuitBreakerStore["Service"]
}

/** One call to see is decided by its first content: nobody else is kept waiting for the rest of it. */
const guarded = (context: Surroundings, circuit: Circuit, parts: Parts): Parts =>
  Stream.unwrap(
    Effect.map(enter(context, circuit), (permit) => {
      const succeed = record(context, permit, "Success")
      const heard = permit.admission.probe
        ? Stream.mapArrayEffect(parts, (some) =>
            some.some(isContent) ? Effect.as(succeed, some) : Effect.succeed(some)
          )
        : parts
      return heard.pipe(
        Stream.onEnd(succeed),
        Stream.tapError((error) => record(context, permit, outcomeOf(error), error))
      )
    })
  )

type Parts = Stream.Stream<ProviderPart, ProviderError>

/** What ends without an outcome, as one that nobody wants any longer, leaves the circuit as it was. */
const enter = (context: Surroundings, circuit: Circuit) =>
  Effect.acquireRelease(
    context.store.admit(circuit.id).pipe(
      Effect.tap(({ transition }) => logged(context.provider, circuit, transition)),
      Effect.map((admission): Permit => ({ circuit, admission, recorded: false }))
    ),
    (permit) => record(context, permit, "Ignored")
  ).pipe(Effect.catch(({ reason }) => refused(context.provider, circuit, reason)))

const record = Effect.fnUntraced(function* (
  { atOnce, policy, provider, store }: Surroundings,
  permit: Permit,
  outcome: "Success" | "Failure" | "Ignored",
  error?: ProviderError
) {
  if (permit.recorded) return
  permit.recorded = true
  const { admission, circuit } = permit
  if (error !== undefined && outcome === "Failure") circuit.last = error
  const failures = error !== undefined && atOnce?.(error) === true ? 1 : policy.failures
  const recorded = store.record({
    key: circuit.id,
    generation: admission.generation,
    outcome,
    tripPolicy: CircuitBreaker.consecutive(failures),
    openFor: openFor(policy, admission.consecutiveOpenings + 1, error?.retryAfter)
  })
  yield* logged(provider, circuit, yield* Effect.orDie(recorded))
})

const isOver = (wait: Duration.Duration): boolean => Duration.isLessThanOrEqualTo(wait, Duration.zero)

const standingOf = (provider: string, circuit: Circuit, state: CircuitBreaker.State): Standing => {
  switch (state._tag) {
    case "Closed":
      return "well"
    case "Open":
      return isOver(state.retryAfter) ? "on trial" : skipped(provider, circuit, state.retryAfter)
    case "HalfOpen":
      return state.probing ? skipped(provider, circuit) : "on trial"
  }
}

const healthOf = (circuit: Circuit, state: CircuitBreaker.State, now: number): CircuitHealth => {
  const { key, last, model } = circuit
  if (state._tag === "Closed") return { key, model, state: "closed" }
  const reason = last && { reason: last.reason }
  return state._tag === "HalfOpen" || isOver(state.retryAfter)
    ? { key, model, state: "half-open", ...reason }
    : { key, model, state: "open", until: now + Duration.toMillis(state.retryAfter), ...reason }
}

const refused = (provider: string, circuit: Circuit, reason: CircuitBreaker.CircuitBreakerErrorReason) => {
  switch (reason._tag) {
    case "CircuitOpen":
      return Effect.fail(skipped(provider, circuit, reason.retryAfter))
    case "CircuitHalfOpen":
      return Effect.fail(skipped(provider, circuit))
    case "CircuitBreakerStoreError":
      return Effect.die(reason)
  }
}

/** The fault that opened the circuit, told again. `wait`: how long it is open yet; if not given, another call is under way to see. */
const skipped = (provider: string, { key, last, model }: Circuit, wait?: Duration.Duration): ProviderError => {
  const then = wait === undefined ? "is being tried again by another call" : `is not asked again for ${roughly(wait)}`
  const detail = `${last?.detail ?? "it failed too often"} (${key} ${then} with ${model})`
  return new ProviderError({
    provider,
    reason: last?.reason ?? "unavailable",
    detail,
    skipped: true,
    ...(last?.status !== undefined && { status: last.status }),
    ...(last?.requestId !== undefined && { requestId: last.requestId }),
    ...(last?.code !== undefined && { code: last.code }),
    ...(wait !== undefined && { retryAfter: wait })
  })
}

const logged = (provider: string, { key, last, model }: Circuit, transition: CircuitBreaker.Transition | undefined) => {
  if (transition === undefined) return Effect.void
  const where = { provider, key, model }
  switch (transition.to) {
    case "Open":
      return Effect.annotateLogs(Effect.logWarning("model left alone after failures"), {
        ...where,
        reason: last?.reason ?? "unknown",
        delay: roughly(transition.retryAfter)
      })
    case "HalfOpen":
      return Effect.annotateLogs(Effect.logInfo("model asked again to see whether it is well"), where)
    case "Closed":
      return Effect.annotateLogs(Effect.logInfo("model is well again"), where)
  }
}
