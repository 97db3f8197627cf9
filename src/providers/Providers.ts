/** The providers of one tenant by the names its file gives them. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Provider } from "./Provider.ts"

export class Providers extends Context.Service<
  Providers,
  {
    /** In the order of the tenant's file. */
    readonly all: ReadonlyArray<Provider["Service"]>
    find(name: string): Provider["Service"] | undefined
  }
>()("fiberclaw/providers/Providers") {
  static readonly layerOf = (all: ReadonlyArray<Provider["Service"]>) =>
    Layer.succeed(Providers, { all, find: (name) => all.find((provider) => provider.name === name) })
}
