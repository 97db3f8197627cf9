/** The providers a tenant's file describes. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Redacted, Scope } from "effect"
import type { ProviderConfig } from "../config/ProviderConfig.ts"
import type { TenantConfig } from "../config/TenantConfig.ts"
import * as AnthropicProvider from "../providers/anthropic/AnthropicProvider.ts"
import { composePool } from "../providers/Composition.ts"
import * as KeyLimits from "../providers/KeyLimits.ts"
import * as OpenAiProvider from "../providers/openai/OpenAiProvider.ts"
import { priced } from "../providers/PriceList.ts"
import type { Provider } from "../providers/Provider.ts"
import { Providers } from "../providers/Providers.ts"
import * as ScriptedProvider from "../providers/scripted/ScriptedProvider.ts"

/** The kinds of providers there is code for; agents may use no other. */
export const kinds = ["anthropic", "openai", "scripted"] as const

/** Each time it is built it counts anew: what a key allows is counted by what lives in the Layer's Scope. */
export const make = (configs: TenantConfig["providers"]) =>
  Layer.unwrap(
    Effect.suspend(() => {
      const remotes = Object.values(configs).filter((config): config is Remote => config.kind !== "scripted")
      const limitsOf = KeyLimits.among(remotes.flatMap(accountsOf))
      return Effect.forEach(Object.entries(configs), ([name, config]) =>
        Effect.map(build(name, config, limitsOf), (provider) => priced(provider, config))
      )
    }).pipe(Effect.map(Providers.layerOf))
  )

/** A provider that is asked over the network. */
type Remote = Exclude<ProviderConfig, { readonly kind: "scripted" }>
type LimitsOf = ReturnType<typeof KeyLimits.among>
type Built = Effect.Effect<Provider["Service"], never, Scope.Scope>

const build = (name: string, config: ProviderConfig, limitsOf: LimitsOf): Built => {
  switch (config.kind) {
    case "anthropic":
      return pooled(config, limitsOf, (apiKey) =>
        AnthropicProvider.bare({ ...config, apiKey, name, baseUrl: config.baseUrl.href })
      )
    case "scripted":
      return Effect.succeed(ScriptedProvider.make({ name }))
    case "openai":
      return pooled(config, limitsOf, (apiKey) =>
        OpenAiProvider.bare({ ...config, apiKey, name, baseUrl: config.baseUrl.href })
      )
  }
}

/** With all its keys; each is a client of its own. */
const pooled = (
  config: Remote,
  limitsOf: LimitsOf,
  bare: (apiKey: Redacted.Redacted) => Effect.Effect<Provider["Service"]>
): Built =>
  Effect.forEach(accountsOf(config), (account) =>
    Effect.all({ provider: bare(account.apiKey), rateLimits: limitsOf(account) })
  ).pipe(Effect.flatMap((keys) => composePool(keys, config)))

/** What Anthropic reads from its prompt cache is no input to its limits. */
const accountsOf = (config: Remote) => {
  const { apiKey, baseUrl, kind, limits, moreKeys } = config
  const { patience, perModel } = limits
  const options = { limits, perModel, patience, cacheIsFree: kind === "anthropic" }
  return Arr.map(
    KeyLimits.keysOf(apiKey, moreKeys),
    (apiKey): KeyLimits.Account => ({ address: baseUrl.href, apiKey, limits: options })
  )
}
