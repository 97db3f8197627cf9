/** Which models a session may be given: those of a provider its tenant has. */
import * as Effect from "effect/Effect"
import { Providers } from "../providers/Providers.ts"
import { ModelUnknown } from "./DirectoryError.ts"

export interface KnownModels {
  /** Whether it can be asked; no model at all is the agent's. */
  knows(model: string | null | undefined): boolean
  check(model: string | null | undefined): Effect.Effect<void, ModelUnknown>
}

const reference = /^([^\s/]+)\/\S+$/

export const make: Effect.Effect<KnownModels, never, Providers> = Effect.map(Providers, (providers) => {
  const knows = (model: string | null | undefined) => {
    if (model == null) return true
    const [, provider] = reference.exec(model) ?? []
    return provider !== undefined && providers.find(provider) !== undefined
  }
  const names = providers.all.map(({ name }) => name)
  const check = (model: string | null | undefined) =>
    model == null || knows(model) ? Effect.void : Effect.fail(new ModelUnknown({ model, providers: names }))
  return { knows, check }
})
