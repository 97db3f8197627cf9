/** The supervision tree as the API reaches it: made where the service is put together, around the API itself. */
import * as Context from "effect/Context"
import type { Effect } from "effect"
import type { Supervisor } from "../kernel/Supervisor.ts"

/** What the root of the tree shows and lets others do. */
export type TreeRoot = Pick<Supervisor, "snapshot" | "changes" | "locate">

export class TreeView extends Context.Service<
  TreeView,
  {
    /** The root; waits while the service is being put together. */
    readonly root: Effect.Effect<TreeRoot>
    /** Runs an effect in a fiber that outlives the API, for what stops the API. It ends with the service. */
    afterwards(effect: Effect.Effect<void>): Effect.Effect<void>
  }
>()("fiberclaw/api/TreeView") {}
