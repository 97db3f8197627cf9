/**
 * One incarnation of a child, from its start to the release of its Scope, as its supervisor handles it.
 */
import type { Exit } from "effect"
import * as Effect from "effect/Effect"

/** Something that lives and can be told to end. A fiber is one. */
export interface Life {
  /** Tells it to end. */
  interruptUnsafe(): void
  /** It does not end in time: whoever waits for it is told that nothing will come of it. */
  abandonUnsafe?(): void
  /** How it ended, once nothing of it is left. */
  pollUnsafe(): Exit.Exit<unknown, unknown> | undefined
  /** Calls when it has ended, at once if it had; what is returned takes the wish back. */
  addObserver(observer: () => void): () => void
}

/** Waits until an incarnation has ended. */
export const awaitEnd = (life: Life): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const forget = life.addObserver(() => resume(Effect.void))
    return Effect.sync(forget)
  })
