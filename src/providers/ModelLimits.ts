/**
 * What a model takes and gives, as its provider tells: asked for once, and heeded.
 *
 * A provider that cannot be reached, or takes too long, is left alone for a while; one that knows nothing of the model has
 * no limits to tell. Nothing is known of a model beforehand.
 */
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Effort, efforts, type ModelLimits, type ProviderRequest, type Thinking } from "./Provider.ts"
import { ProviderError } from "./ProviderError.ts"

/** How long one question may take. */
const patience = Duration.seconds(5)

/** How long nobody asks again after a question that came to nothing. */
const pause = Duration.minutes(5)

/** The most answers that are kept; names of models come from outside. */
const capacity = 256

/**
 * `ask`, once for each key and never twice at a time: what is answered is kept for good, a failure for five minutes. Fails
 * with `timeout` after five seconds; what the vendor does not know (`not_found`) is `unknown`.
 */
export const remembered = <A>(
  provider: string,
  unknown: A,
  ask: (key: string) => Effect.Effect<A, ProviderError>
): Effect.Effect<(key: string) => Effect.Effect<A, ProviderError>> => {
  const lookup = (key: string) =>
    ask(key).pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(tooSlow(provider)) }),
      Effect.catchIf(
        ({ reason }) => reason === "not_found",
        () => Effect.succeed(unknown)
      ),
      Effect.tapError(({ detail, reason }) =>
        Effect.annotateLogs(Effect.logInfo("limits of models are not known"), { provider, reason, detail })
      )
    )
  const timeToLive = (exit: Exit.Exit<A, ProviderError>) => (Exit.isSuccess(exit) ? Duration.infinity : pause)
  return Effect.map(Cache.makeWith(lookup, { capacity, timeToLive }), (cache) => (key) => Cache.get(cache, key))
}

const tooSlow = (provider: string) =>
  new ProviderError({
    provider,
    reason: "timeout",
    detail: `the limits of its models were not told within ${Duration.format(patience)}`
  })

const decodeTokens = Schema.decodeUnknownOption(Schema.Int.check(Schema.isGreaterThan(0)))

/** The smallest of these that is a number of tokens; vendors have several names, and may leave any of them out. */
export const leastOf = (...told: ReadonlyArray<unknown>): number | undefined => {
  const numbers = told.flatMap((value) => Option.toArray(decodeTokens(value)))
  return numbers.length === 0 ? undefined : Math.min(...numbers)
}

/** Limits of which any may be unknown. */
export const of = (maxInputTokens: number | undefined, maxOutputTokens: number | undefined): ModelLimits => ({
  ...(maxInputTokens === undefined ? undefined : { maxInputTokens }),
  ...(maxOutputTokens === undefined ? undefined : { maxOutputTokens })
})

/** The most tokens a reply may have: as wanted, but no more than the model gives, nor than half of what it takes in. */
export const replyWithin = (wanted: number, { maxInputTokens, maxOutputTokens }: ModelLimits): number =>
  Math.min(wanted, maxOutputTokens ?? wanted, Math.ceil((maxInputTokens ?? Infinity) / 2))

/** The Messages API refuses a smaller budget to think. */
const leastBudget = 1024

/** The request as its model can fulfil it. Where the reply has to be shorter, thinking gets the same share of it. */
export const within = (request: ProviderRequest, limits: ModelLimits = {}): ProviderRequest =>
  shortened(understood(request, limits), limits)

/** Without what the model would refuse to be told: the nearest it knows instead, or nothing. */
const understood = (request: ProviderRequest, limits: ModelLimits): ProviderRequest => {
  const effort = effortAmong(request.effort, limits.efforts)
  const thinking = thinkingAmong(request.thinking, limits.thinking)
  if (effort === request.effort && thinking === request.thinking) return request
  const { effort: _, thinking: __, ...rest } = request
  return { ...rest, ...(effort === undefined ? {} : { effort }), ...(thinking === undefined ? {} : { thinking }) }
}

/** The level itself, else the next lower one, else the lowest. */
const effortAmong = (wanted: Effort | undefined, known: ModelLimits["efforts"]): Effort | undefined => {
  if (wanted === undefined || known === undefined) return wanted
  const levels = efforts.filter((level) => known.includes(level))
  return levels.findLast((level) => efforts.indexOf(level) <= efforts.indexOf(wanted)) ?? levels[0]
}

/** A model that knows no budget may think as much as it likes; one that cannot be told so thinks as it does by itself. */
const thinkingAmong = (wanted: Thinking | undefined, known: ModelLimits["thinking"]): Thinking | undefined => {
  if (wanted === undefined || known === undefined) return wanted
  if (known.includes(typeof wanted === "string" ? wanted : "budget")) return wanted
  return wanted !== "off" && known.includes("adaptive") ? "adaptive" : undefined
}

const shortened = (request: ProviderRequest, limits: ModelLimits): ProviderRequest => {
  const maxTokens = replyWithin(request.maxTokens, limits)
  if (maxTokens === request.maxTokens) return request
  const { thinking, ...rest } = request
  if (thinking === undefined || typeof thinking === "string") return { ...request, maxTokens }
  const budget = Math.floor((thinking.budget / request.maxTokens) * maxTokens)
  return budget < leastBudget ? { ...rest, maxTokens } : { ...rest, maxTokens, thinking: { budget } }
}
