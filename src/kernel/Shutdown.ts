/**
 * How one child is stopped: its incarnation is told to end, its release is awaited for as long as its spec allows, and
 * what is not released by then is reported and left behind, so that a stop always comes to an end unless the spec says
 * `infinity`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Child } from "./Child.ts"
import { awaitEnd, type Life } from "./Life.ts"

/** Waits for the end of an incarnation that was told to end; `abandon` is called when it is left behind. */
export const settled = <R>(child: Child<R>, life: Life, abandon: () => void): Effect.Effect<void> => {
  const { shutdown } = child.spec
  if (life.pollUnsafe() !== undefined) return Effect.void
  if (shutdown === "infinity") return awaitEnd(life)
  if (shutdown === "brutal") return Effect.sync(abandon)
  return Effect.flatMap(Effect.timeoutOption(awaitEnd(life), shutdown), (done) => {
    if (Option.isSome(done)) return Effect.void
    abandon()
    return Effect.logWarning("shutdown timed out").pipe(
      Effect.annotateLogs({ child: child.path, waited: Duration.format(shutdown) })
    )
  })
}
