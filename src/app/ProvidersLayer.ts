/** The providers a tenant's file describes. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Scope } from "effect"
import type { ProviderConfig } from "../config/ProviderConfig.ts"
import type { TenantConfig } from "../config/TenantConfig.ts"
import * as AnthropicProvider from "../providers/anthropic/AnthropicProvider.ts"
import * as OpenAiProvider from "../providers/openai/OpenAiProvider.ts"
import type { Provider } from "../providers/Provider.ts"
import { Providers } from "../providers/Providers.ts"
import * as RateLimits from "../providers/RateLimits.ts"
import * as ScriptedProvider from "../providers/scripted/ScriptedProvider.ts"

/** The kinds of providers there is code for; agents may use no other. */
export const kinds = ["anthropic", "openai", "scripted"] as const

export const make = (configs: TenantConfig["providers"]) =>
  Layer.unwrap(
    Effect.forEach(Object.entries(configs), ([name, config]) => build(name, config)).pipe(
      Effect.map((built) => Providers.layerOf(built.flat()))
    )
  )

const build = (
  name: string,
  config: ProviderConfig
): Effect.Effect<ReadonlyArray<Provider["Service"]>, never, Scope.Scope> => {
  switch (config.kind) {
    case "anthropic":
      return Effect.flatMap(limited(config, true), (remote) =>
        Effect.map(AnthropicProvider.make({ ...remote, name, baseUrl: config.baseUrl.href }), (made) => [made])
      )
    case "scripted":
      return Effect.succeed([ScriptedProvider.make({ name })])
    case "openai":
      return Effect.flatMap(limited(config, false), (remote) =>
        Effect.map(OpenAiProvider.make({ ...remote, name, baseUrl: config.baseUrl.href }), (made) => [made])
      )
  }
}

/** With one count for the key of a provider. `cacheIsFree`: what a vendor reads from its prompt cache is no input to it. */
const limited = <C extends Extract<ProviderConfig, { readonly limits: unknown }>>(config: C, cacheIsFree: boolean) =>
  Effect.map(
    RateLimits.make({ limits: config.limits, patience: config.limits.patience, cacheIsFree }),
    (rateLimits) => ({ ...config, rateLimits })
  )
