/**
 * What models cost: as the config says, else as `prices.json` does.
 *
 * That file says when and where each vendor's prices were read; what could not be found there is not in it. A model is
 * looked up by its exact id, then by its id without the date at its end, and never by what it is like.
 */
import * as Schema from "effect/Schema"
import file from "./prices.json" with { type: "json" }
import { free, type Price } from "./Pricing.ts"
import type { Provider } from "./Provider.ts"

const rates = {
  input: Schema.Finite,
  output: Schema.Finite,
  cacheRead: Schema.optionalKey(Schema.Finite),
  cacheWrite: Schema.optionalKey(Schema.Finite),
  cacheWriteHour: Schema.optionalKey(Schema.Finite)
}

const Vendor = Schema.Struct({
  source: Schema.String,
  models: Schema.Record(
    Schema.String,
    Schema.Struct({ ...rates, long: Schema.optionalKey(Schema.Struct({ over: Schema.Int, ...rates })) })
  )
})

const PriceList = Schema.Struct({
  /** The day on which the prices were last compared with their sources. */
  asOf: Schema.String,
  unit: Schema.String,
  vendors: Schema.Struct({ anthropic: Vendor, openai: Vendor })
})

/** The prices that are known without any config. */
export const known: typeof PriceList.Type = Schema.decodeUnknownSync(PriceList)(file)

type Prices = Readonly<Record<string, Price>>

/** Who answers, as far as prices depend on it. */
export interface Pricelisted {
  readonly kind: "anthropic" | "openai" | "scripted"
  readonly baseUrl?: URL
  /** By the model's id; they go before the known ones. */
  readonly prices?: Prices
}

/** The same provider, which knows what its models cost. */
export const priced = (provider: Provider["Service"], who: Pricelisted): Provider["Service"] => ({
  ...provider,
  priceOf: (model) => priceOf(who, model)
})

/** What a model costs there; none where that is not known. */
export const priceOf = (who: Pricelisted, model: string): Price | undefined => {
  if (who.kind === "scripted") return free
  const configured = find(who.prices ?? {}, model)
  if (configured === undefined) return find(vendorsOwn(who), model)
  return who.kind === "anthropic" ? { ...cachesOf(configured), ...configured } : configured
}

/** What Anthropic's caches cost by default: https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const cachesOf = ({ input }: Price) => ({
  cacheRead: input * 0.1,
  cacheWrite: input * 1.25,
  cacheWriteHour: input * 2
})

/** Chat completions are spoken by many who have models of the same names and prices of their own. */
const vendorsOwn = ({ baseUrl, kind }: Pricelisted): Prices => {
  if (kind === "anthropic") return known.vendors.anthropic.models
  return baseUrl?.hostname === "api.openai.com" ? known.vendors.openai.models : {}
}

/** Anthropic dates its models as -20251001, OpenAI as -2025-10-01. */
const dated = /-\d{4}-?\d{2}-?\d{2}$/

const find = (prices: Prices, model: string): Price | undefined =>
  own(prices, model) ?? own(prices, model.replace(dated, ""))

const own = (prices: Prices, model: string): Price | undefined =>
  Object.hasOwn(prices, model) ? prices[model] : undefined
