/** Spans of what lasts: made only where somebody collects them, as each costs about 1 KB for as long as it is open. */
import * as Effect from "effect/Effect"
import type { Tracer } from "effect"

/** The same effect, in a span of its own if a tracer has been provided. */
export const inSpan = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string,
  options: Tracer.SpanOptions
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    // The span is the effect's own: what it requires of its surroundings stays as it is.
    fiber.cache.tracer === undefined ? effect : (Effect.withSpan(effect, name, options) as Effect.Effect<A, E, R>)
  )
