/**
 * What a provider's key still allows, and what that means for one call: pure.
 *
 * A call reserves what it may cost before it is sent and is settled when the truth is known. What is not limited has no
 * bucket. The vendor may know better than we do, as others may use the same key: its word only ever takes away.
 */
import * as Bucket from "./TokenBucket.ts"

/** What is counted, each by the minute. */
export const dimensions = ["requests", "inputTokens", "outputTokens"] as const
export type Dimension = (typeof dimensions)[number]

/** What a call takes, or may take. */
export type Cost = Readonly<Record<Dimension, number>>

/** What is set aside for a call under way; a dimension that is absent is settled, or not limited. */
export type Reservation = Readonly<Partial<Cost>>

/** The most of each in a minute; what is absent is not limited. */
export interface Limits {
  readonly requestsPerMinute?: number
  readonly inputTokensPerMinute?: number
  readonly outputTokensPerMinute?: number
}

/** What the vendor says of its own count, with the head of an answer. Its limits are by the minute. */
export type LimitsTold = Readonly<
  Partial<Record<Dimension, { readonly limit?: number | undefined; readonly remaining?: number | undefined }>>
>

interface Allowance {
  readonly configured: number
  readonly bucket: Bucket.TokenBucket
}

export interface RateLimitState {
  readonly allowances: Readonly<Partial<Record<Dimension, Allowance>>>
  /** The vendor wants to be left alone until then, in milliseconds. */
  readonly pausedUntil: number
}

/** What stands in the way of a call. */
export type Obstacle = Dimension | "pause"

/** When there will be room, in milliseconds, and what is in the way until then; nothing is when it is now. */
export interface Room {
  readonly at: number
  readonly obstacle?: Obstacle
}

/** Whichever allows less, for each. */
export const tightest = (one: Limits, other: Limits): Limits => {
  const less = (limit: keyof Limits) => {
    const found = Math.min(one[limit] ?? Number.POSITIVE_INFINITY, other[limit] ?? Number.POSITIVE_INFINITY)
    return found === Number.POSITIVE_INFINITY ? {} : { [limit]: found }
  }
  return { ...less("requestsPerMinute"), ...less("inputTokensPerMinute"), ...less("outputTokensPerMinute") }
}

/** Every bucket is full at first. */
export const initial = (limits: Limits, now: number): RateLimitState => {
  const of = (limit: number | undefined) =>
    limit === undefined ? undefined : { configured: limit, bucket: Bucket.full(limit, now) }
  const allowances = {
    requests: of(limits.requestsPerMinute),
    inputTokens: of(limits.inputTokensPerMinute),
    outputTokens: of(limits.outputTokensPerMinute)
  }
  return { allowances: present(allowances), pausedUntil: 0 }
}

/** When the call may be sent, if nobody else takes anything before it. */
export const roomFor = (state: RateLimitState, cost: Cost, now: number): Room => {
  let room: Room = state.pausedUntil > now ? { at: state.pausedUntil, obstacle: "pause" } : { at: now }
  for (const dimension of dimensions) {
    const bucket = state.allowances[dimension]?.bucket
    if (bucket === undefined) continue
    const at = Bucket.readyAt(bucket, asked(dimension, cost, bucket), now)
    if (at > room.at) room = { at, obstacle: dimension }
  }
  return room
}

/**
 * What a call has to find in a bucket. One that is larger than the bucket goes when that is full. A reply is rarely as
 * long as it may be: two may always be under way, however long they are allowed to be.
 */
const asked = (dimension: Dimension, cost: Cost, { capacity }: Bucket.TokenBucket): number =>
  Math.min(cost[dimension], dimension === "outputTokens" ? Math.max(1, capacity / 2) : capacity)

/** Sets aside what the call may cost. It must be given to `settle`, once. */
export const reserve = (
  state: RateLimitState,
  cost: Cost,
  now: number
): { readonly state: RateLimitState; readonly reservation: Reservation } => {
  const reservation: Partial<Record<Dimension, number>> = {}
  const next = change(state, (dimension, { bucket }) => {
    const amount = asked(dimension, cost, bucket)
    reservation[dimension] = amount
    return Bucket.add(bucket, -amount, now)
  })
  return { state: next, reservation }
}

/** Puts the truth in place of what was set aside: the rest is given back, or what is missing taken. */
export const settle = (state: RateLimitState, reservation: Reservation, used: Cost, now: number): RateLimitState =>
  change(state, (dimension, { bucket }) => {
    const reserved = reservation[dimension]
    return reserved === undefined ? bucket : Bucket.add(bucket, reserved - used[dimension], now)
  })

/**
 * Believes the vendor where it says less than we think. It has counted the call it answers, whose reservation is settled
 * by that, but for the reply that is only beginning.
 *
 * When its own buckets will be full again says nothing more: they fill up as steadily as ours.
 */
export const hear = (
  state: RateLimitState,
  reservation: Reservation,
  told: LimitsTold,
  now: number
): { readonly state: RateLimitState; readonly reservation: Reservation } => {
  const open = { ...reservation }
  const next = change(state, (dimension, { bucket, configured }) => {
    const { limit, remaining } = told[dimension] ?? {}
    const sized = limit === undefined || limit < 1 ? bucket : Bucket.resize(bucket, Math.min(configured, limit), now)
    if (remaining === undefined) return sized
    const beginning = dimension === "outputTokens" ? (open.outputTokens ?? 0) : 0
    if (remaining - beginning >= Bucket.levelAt(sized, now)) return sized
    if (dimension !== "outputTokens") delete open[dimension]
    return Bucket.set(sized, remaining - beginning, now)
  })
  return { state: next, reservation: open }
}

/** Leaves the vendor alone until then. */
export const pause = (state: RateLimitState, until: number): RateLimitState =>
  until <= state.pausedUntil ? state : { ...state, pausedUntil: until }

const change = (
  state: RateLimitState,
  bucketOf: (dimension: Dimension, allowance: Allowance) => Bucket.TokenBucket
): RateLimitState => {
  const next = (dimension: Dimension): Allowance | undefined => {
    const allowance = state.allowances[dimension]
    return allowance && { configured: allowance.configured, bucket: bucketOf(dimension, allowance) }
  }
  const allowances = {
    requests: next("requests"),
    inputTokens: next("inputTokens"),
    outputTokens: next("outputTokens")
  }
  return { allowances: present(allowances), pausedUntil: state.pausedUntil }
}

const present = (
  allowances: {
    readonly [D in Dimension]: Allowance | undefined
  }
): RateLimitState["allowances"] => ({
  ...(allowances.requests && { requests: allowances.requests }),
  ...(allowances.inputTokens && { inputTokens: allowances.inputTokens }),
  ...(allowances.outputTokens && { outputTokens: allowances.outputTokens })
})
