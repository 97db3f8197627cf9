/** The end of a start, for work that should not keep it waiting. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Waits until all of the tree has started for the first time; nothing waits where nobody has set it. */
export const Startup = Context.Reference<Effect.Effect<void>>("fiberclaw/kernel/Startup", {
  defaultValue: () => Effect.void
})
