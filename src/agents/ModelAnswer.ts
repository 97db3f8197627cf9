/**
 * What comes of asking for an answer: who gave it, after whom, and what it cost; or that it broke off in the middle.
 *
 * Every model call of a tenant goes through here, whatever it is for.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Response from "effect/ai/Response"
import type { TurnId } from "../domain/Ids.ts"
import type { Detour, NewSessionEvent } from "../domain/SessionEvent.ts"
import { ask, type Failed, nameOf, type Question, type Target } from "../providers/ModelCall.ts"
import { estimate, meter } from "../providers/CallCost.ts"
import { costOf, mostOf } from "../providers/Pricing.ts"
import type { ProviderPart } from "../providers/Provider.ts"
import { isTransient, ProviderError } from "../providers/ProviderError.ts"
import type { Cost } from "../providers/RateLimitState.ts"
import { isContent } from "../providers/Retry.ts"
import type { Amount } from "../tenants/Budget.ts"
import { Spending, type SpendLimitReached } from "../tenants/Spending.ts"

/** A whole answer. `model` is who gave it, as `provider/model`; `cost` is in US dollars, if its price is known. */
export interface Whole {
  readonly _tag: "Whole"
  readonly model: string
  readonly detours: ReadonlyArray<Detour>
  readonly finish: Response.FinishPart
  readonly usage: typeof Response.Usage.Encoded
  /** The vendor's id of it. */
  readonly id?: string
  readonly cost?: number
}

/** An answer that began and broke off for a reason that may pass. */
export interface Cut {
  readonly _tag: "Cut"
  readonly error: ProviderError
  /** Whether who gave it can go on where it stopped. */
  readonly continues: boolean
  /** As `provider/model`; what it took is a guess. */
  readonly model: string
  readonly usage: typeof Response.Usage.Encoded
  readonly cost?: number
}

/**
 * Asks the first of `targets`, and the others if it has to be; `hear` is given the parts as they come. What the call may
 * take at most is set aside of the tenant's day before, and what it took is counted after it.
 */
export type Answer = (
  targets: Targets,
  question: Question,
  hear: (parts: ReadonlyArray<ProviderPart>) => void
) => Effect.Effect<Whole | Cut, ProviderError | SpendLimitReached>

type Targets = Arr.NonEmptyReadonlyArray<Target>

export const make: Effect.Effect<Answer, never, Spending> = Effect.map(
  Spending,
  (spending): Answer =>
    (targets, question, hear) =>
      Effect.suspend(() => {
        const course = begin(targets, question)
        return spending.spend(course.most, run(course, targets, question, hear), course.taken)
      })
)

type Counted = Pick<Cut, "usage" | "cost">

/** How a call goes on. */
interface Course {
  target: Target
  readonly detours: Array<Detour>
  begun: boolean
  id?: string
  finish?: Response.FinishPart
  readonly most: Amount
  readonly counted: () => Counted
  readonly taken: () => Amount
  readonly count: (parts: ReadonlyArray<ProviderPart>) => void
}

const begin = (targets: Targets, question: Question): Course => {
  const expected = estimate({ ...question, model: targets[0].model })
  const counter = meter(expected, false)
  const course: Course = {
    target: targets[0],
    detours: [],
    begun: false,
    most: mostBy(targets, expected),
    counted: () => countedBy(course.target, counter.used, course.finish),
    taken: () => ({
      tokens: counter.used.inputTokens + counter.used.outputTokens,
      ...costIn(course.counted())
    }),
    count: counter.hear
  }
  return course
}

const run = Effect.fnUntraced(function* (
  course: Course,
  targets: Targets,
  question: Question,
  hear: (parts: ReadonlyArray<ProviderPart>) => void
): Effect.fn.Return<Whole | Cut, ProviderError> {
  const onFailed = (failed: Failed, next: Target | undefined) => {
    if (next === undefined) return course.detours.length === 0 ? Effect.void : tellDeadEnd(question, failed)
    course.target = next
    course.detours.push({ model: nameOf(failed.target), reason: failed.error.reason, detail: failed.error.detail })
    return tellDetour(question, failed, next)
  }
  const listening = Stream.runForEachArray(ask(targets, question, onFailed), (parts) =>
    Effect.sync(() => {
      course.count(parts)
      for (const part of parts) follow(course, part)
      hear(parts)
    })
  )
  return yield* Effect.matchEffect(listening, {
    onSuccess: () => whole(course),
    onFailure: (error) => (course.begun && isTransient(error) ? Effect.succeed(cut(course, error)) : Effect.fail(error))
  })
})

const follow = (course: Course, part: ProviderPart): void => {
  if (part.type === "response-metadata" && part.id !== undefined) course.id = part.id
  if (part.type === "finish") course.finish = part
  course.begun ||= isContent(part)
}

const cut = ({ counted, target }: Course, error: ProviderError): Whole | Cut => ({
  _tag: "Cut",
  error,
  continues: target.provider.continues === true,
  model: nameOf(target),
  ...counted()
})

const whole = (course: Course): Effect.Effect<Whole | Cut, ProviderError> => {
  const { begun, detours, finish, id, target } = course
  if (finish === undefined) {
    const error = unfinished(target)
    return begun ? Effect.succeed(cut(course, error)) : Effect.fail(error)
  }
  const usage = encodeUsage(finish.usage)
  const cost = costBy(target, usage, finish)
  return Effect.succeed({
    _tag: "Whole",
    model: nameOf(target),
    detours,
    finish,
    usage,
    ...(cost === undefined ? {} : { cost }),
    ...(id === undefined ? {} : { id })
  })
}

/** A limit of the tenant's own day ends the turn: the reason says which, and when it begins anew. */
export const overspent = (turn: TurnId, { message }: SpendLimitReached): NewSessionEvent => ({
  type: "TurnEnded",
  turn,
  outcome: "failed",
  failure: { type: "spend_limit", message }
})

/** A stream without a finish was cut, whatever it said before. */
const unfinished = ({ provider }: Target) =>
  new ProviderError({
    provider: provider.name,
    reason: "stream_cut",
    detail: "the model's reply ended before it was finished"
  })

const tellDetour = (question: Question, failed: Failed, next: Target) =>
  Effect.annotateLogs(Effect.logWarning("model call falls back"), { ...factsOf(question, failed), to: nameOf(next) })

/** The turn fails with what the first one said; what is wrong with the last must be seen as well. */
const tellDeadEnd = (question: Question, failed: Failed) =>
  Effect.annotateLogs(Effect.logWarning("no model is left to fall back to"), factsOf(question, failed))

const factsOf = ({ session }: Question, { error, target }: Failed) => ({
  ...error.facts,
  advice: error.advice,
  from: nameOf(target),
  ...(session === undefined ? {} : { session })
})

const encodeUsage = Schema.encodeSync(Response.Usage)

/** What providers say of the end of a reply that is priced by itself. */
const decodePriced = Schema.decodeUnknownOption(
  Schema.Struct({ usage: Schema.Struct({ cacheWriteHour: Schema.optionalKey(Schema.Int) }) })
)

const costBy = (
  { model, provider }: Target,
  usage: Whole["usage"],
  finish?: Response.FinishPart
): number | undefined => {
  const price = provider.priceOf?.(model)
  if (price === undefined) return undefined
  const [priced] = Arr.getSomes(Object.values(finish?.metadata ?? {}).map((vendor) => decodePriced(vendor)))
  return costOf(price, { usage, ...priced?.usage })
}

/** As the provider counted it, or else as we do. */
const countedBy = (target: Target, { inputTokens, outputTokens }: Cost, finish?: Response.FinishPart): Counted => {
  const told = finish === undefined ? undefined : encodeUsage(finish.usage)
  const usage = {
    inputTokens: { ...told?.inputTokens, total: inputTokens },
    outputTokens: { ...told?.outputTokens, total: outputTokens }
  }
  const cost = costBy(target, usage, finish)
  return { usage, ...(cost === undefined ? {} : { cost }) }
}

const costIn = ({ cost }: Counted) => (cost === undefined ? {} : { cost })

/** Whoever answers: what the dearest of them may take, as far as prices are known. */
const mostBy = (targets: Targets, { inputTokens, outputTokens }: Cost): Amount => {
  const costs = targets.flatMap(({ model, provider }) => {
    const price = provider.priceOf?.(model)
    return price === undefined ? [] : [mostOf(price, { input: inputTokens, output: outputTokens })]
  })
  return { tokens: inputTokens + outputTokens, ...(costs.length === 0 ? {} : { cost: Math.max(...costs) }) }
}
