/** Time that only goes forward, for every rule about how long: the time of day may be set meanwhile. */
import type { Clock } from "effect"

/** Milliseconds since some moment that stays the same while the process lives. */
export const uptime = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
