/** The providers a tenant's file describes. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ProviderConfig } from "../config/ProviderConfig.ts"
import type { TenantConfig } from "../config/TenantConfig.ts"
import * as AnthropicProvider from "../providers/anthropic/AnthropicProvider.ts"
import type { Provider } from "../providers/Provider.ts"
import { Providers } from "../providers/Providers.ts"
import * as ScriptedProvider from "../providers/scripted/ScriptedProvider.ts"

/** The kinds of providers there is code for; agents may use no other. */
export const kinds = ["anthropic", "scripted"] as const

export const make = (configs: TenantConfig["providers"]) =>
  Layer.unwrap(
    Effect.forEach(Object.entries(configs), ([name, config]) => build(name, config)).pipe(
      Effect.map((built) => Providers.layerOf(built.flat()))
    )
  )

const build = (name: string, config: ProviderConfig): Effect.Effect<ReadonlyArray<Provider["Service"]>> => {
  switch (config.kind) {
    case "anthropic":
      return Effect.map(AnthropicProvider.make({ ...config, name, baseUrl: config.baseUrl.href }), (made) => [made])
    case "scripted":
      return Effect.succeed([ScriptedProvider.make({ name })])
    case "openai":
      return Effect.succeed([])
  }
}
