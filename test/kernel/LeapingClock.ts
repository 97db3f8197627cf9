/** A clock whose time of day is an hour further each time somebody looks at it; its monotonic time is true. */
import { Clock, Effect } from "effect"

const hour = 3_600_000

export const leaping = Effect.map(Clock.Clock, (clock): Clock.Clock => {
  let looks = 0
  const leap = () => clock.currentTimeMillisUnsafe() + looks++ * hour
  return {
    ...clock,
    currentTimeMillisUnsafe: leap,
    currentTimeMillis: Effect.sync(leap)
  }
})
