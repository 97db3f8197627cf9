/**
 * A bucket of tokens that refills continuously: pure.
 *
 * It holds at most what is allowed in a minute, so that over any time no more can be taken than one bucketful and what
 * flows in meanwhile. It may be overdrawn by what turned out larger than it was thought to be; the time to pay that back
 * is waited by whoever comes next.
 */
export interface TokenBucket {
  /** The most it holds, which is also what flows in within a minute. */
  readonly capacity: number
  /** What it held at `at`; below zero when it is overdrawn. */
  readonly level: number
  /** In milliseconds. */
  readonly at: number
}

const minute = 60_000

/** So little time, in milliseconds, is no difference: it comes of adding fractions. */
const rounding = 1e-3

export const full = (capacity: number, now: number): TokenBucket => ({ capacity, level: capacity, at: now })

/** What it holds now. A clock that was set back adds nothing. */
export const levelAt = ({ at, capacity, level }: TokenBucket, now: number): number =>
  Math.min(capacity, level + (Math.max(0, now - at) * capacity) / minute)

/** The same bucket with so much more in it, or less. What does not fit is lost. */
export const add = (bucket: TokenBucket, amount: number, now: number): TokenBucket =>
  set(bucket, levelAt(bucket, now) + amount, now)

/** The same bucket, holding exactly so much. */
export const set = ({ at, capacity }: TokenBucket, level: number, now: number): TokenBucket => ({
  capacity,
  level: Math.min(capacity, level),
  at: Math.max(at, now)
})

/** The same bucket made larger or smaller. */
export const resize = (bucket: TokenBucket, capacity: number, now: number): TokenBucket =>
  bucket.capacity === capacity ? bucket : set({ ...bucket, capacity }, levelAt(bucket, now), now)

/** The moment from which it holds so much, in milliseconds; not before now. More than it ever holds is not asked for. */
export const readyAt = (bucket: TokenBucket, amount: number, now: number): number => {
  const wait = ((amount - levelAt(bucket, now)) * minute) / bucket.capacity
  return wait <= rounding ? now : Math.max(now, bucket.at) + Math.ceil(wait - rounding)
}
