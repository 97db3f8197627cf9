/**
 * One model call, whoever answers it: the model that was asked for or, where that cannot, those that stand in for it.
 *
 * They are asked in order, each as often as its provider's retries allow and all within one budget. Nobody else is asked
 * because of a fault that is the request's own, nor once any content has been handed on. Who is known to be unwell fails
 * at once (`Breaker.ts`), so that calls stay with the one that stands in until the first has recovered.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import * as Stream from "effect/Stream"
import type * as Arr from "effect/Array"
import { within } from "./ModelLimits.ts"
import type { ModelLimits, Provider, ProviderPart, ProviderRequest } from "./Provider.ts"
import { ProviderError, treatmentOf } from "./ProviderError.ts"
import * as RetryBudget from "./RetryBudget.ts"

/** Who may answer: a provider, and what it calls the model. */
export interface Target {
  readonly provider: Provider["Service"]
  readonly model: string
  /** What is known of what the model takes and gives. */
  readonly limits?: ModelLimits
}

/** As `provider/model`. */
export const nameOf = ({ model, provider }: Target): string => `${provider.name}/${model}`

/** Who could not answer, and why. */
export interface Failed {
  readonly target: Target
  readonly error: ProviderError
}

/** Told of each one who could not, if there are several, and who is asked next; nobody if this ends it. */
export type OnFailed = (failed: Failed, next: Target | undefined) => Effect.Effect<void>

/** What is asked of whoever answers. */
export type Question = Omit<ProviderRequest, "model" | "budget">

/** The first answer there is. If nobody answers, the error is the first one's, and says what became of the others. */
export const ask = (
  targets: Arr.NonEmptyReadonlyArray<Target>,
  question: Question,
  onFailed: OnFailed
): Stream.Stream<ProviderPart, ProviderError> =>
  Stream.suspend(() => {
    const [first, ...others] = targets
    const budget = RetryBudget.make(first.provider.attempts ?? 1, targets.length)
    const put = ({ limits, model, provider }: Target) => provider.stream(within({ ...question, model, budget }, limits))
    return others.length === 0 ? put(first) : inTurn(targets, budget, put, onFailed)
  })

class Asked extends Context.Service<Asked, Target>()("fiberclaw/providers/ModelCall/Asked") {}

const inTurn = (
  targets: Arr.NonEmptyReadonlyArray<Target>,
  budget: RetryBudget.RetryBudget,
  put: (target: Target) => Stream.Stream<ProviderPart, ProviderError>,
  onFailed: OnFailed
) => {
  const [first, ...others] = targets
  const failures: Array<Failed> = []
  let final: ProviderError | undefined
  let spoken = false
  const hear = (parts: Arr.NonEmptyReadonlyArray<ProviderPart>) => {
    spoken = true
    return parts
  }
  /** What nobody else should be asked for ends the plan: as an empty answer, and the error behind it. */
  const judged = Effect.fnUntraced(function* (target: Target, error: ProviderError) {
    const over = spoken || budget.isOver(yield* Clock.currentTimeMillis) || !treatmentOf(error.reason).elsewhere
    const next = targets[failures.push({ target, error })]
    yield* onFailed({ target, error }, over ? undefined : next)
    budget.advance()
    if (!over) return Stream.fail(error)
    final = error
    return Stream.empty
  })
  const attempt = Stream.unwrap(
    Effect.map(Asked, (target) =>
      put(target).pipe(
        Stream.mapArray(hear),
        Stream.catch((error) => Stream.unwrap(judged(target, error)))
      )
    )
  )
  const step = (target: Target) => ({ provide: Context.make(Asked, target) })
  return attempt.pipe(
    Stream.withExecutionPlan(ExecutionPlan.make(step(first), ...others.map(step)), {
      preventFallbackOnPartialStream: true
    }),
    Stream.concat(Stream.suspend(() => (final === undefined ? Stream.empty : Stream.fail(final)))),
    Stream.mapError((error) => (spoken ? error : together(error, failures)))
  )
}

/** The first one's, and what the others said; a conversation that is too long for one of them can be made shorter. */
const together = (last: ProviderError, [first, ...others]: ReadonlyArray<Failed>): ProviderError => {
  if (first === undefined || others.length === 0 || last.reason === "context_overflow") return last
  const instead = others.map(({ error, target }) => `${nameOf(target)}: ${error.detail}`)
  return new ProviderError({ ...first.error, detail: `${first.error.detail}; nor could ${instead.join("; ")}` })
}
