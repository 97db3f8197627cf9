/**
 * What a reply costs: pure.
 *
 * A model whose price is not known has none, and neither has what it says: no figure is better than a wrong one. What a
 * vendor charges beside tokens (searches of the web, for example) is not in it.
 */
import type { Response } from "effect/ai"

/** In US dollars for a million tokens. A cache that is not priced apart costs what input does. */
export interface Rates {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number
  /** Written to be kept for five minutes, and for an hour. */
  readonly cacheWrite?: number
  readonly cacheWriteHour?: number
}

/** Where a model costs more when it is sent much: `long` is for every token of a call with more input than `over`. */
export interface Price extends Rates {
  readonly long?: Rates & { readonly over: number }
}

/** What costs nothing, which is known. */
export const free: Price = { input: 0, output: 0 }

/** The tokens of a reply that are priced by themselves, beside what every provider counts. */
export interface Counted {
  readonly usage: typeof Response.Usage.Encoded
  /** Of the tokens written to the cache, those that are kept for an hour. */
  readonly cacheWriteHour?: number
}

const million = 1_000_000

/** In US dollars; none if tokens that cost something were not counted. */
export const costOf = (price: Price, { cacheWriteHour = 0, usage }: Counted): number | undefined => {
  const { total: input = 0 } = usage.inputTokens
  const { total: output = 0 } = usage.outputTokens
  if (isUncounted(usage.inputTokens, price.input) || isUncounted(usage.outputTokens, price.output)) return undefined
  const rates = price.long !== undefined && input > price.long.over ? price.long : price
  const read = usage.inputTokens.cacheRead ?? 0
  const written = usage.inputTokens.cacheWrite ?? 0
  const plain = Math.max(0, input - read - written)
  const hour = Math.min(cacheWriteHour, written)
  const dollars =
    plain * rates.input +
    read * (rates.cacheRead ?? rates.input) +
    (written - hour) * (rates.cacheWrite ?? rates.input) +
    hour * (rates.cacheWriteHour ?? rates.cacheWrite ?? rates.input) +
    output * rates.output
  return dollars / million
}

const isUncounted = ({ total }: { readonly total?: number | undefined }, rate: number): boolean =>
  total === undefined && rate > 0

/**
 * The most that a call may cost, in US dollars: nothing read from a cache, everything written to the dearest, and the reply
 * as long as it may be.
 */
export const mostOf = (price: Price, tokens: { readonly input: number; readonly output: number }): number => {
  const rates = price.long !== undefined && tokens.input > price.long.over ? price.long : price
  const dearest = Math.max(rates.input, rates.cacheWrite ?? 0, rates.cacheWriteHour ?? 0)
  return (tokens.input * dearest + tokens.output * rates.output) / million
}
