/**
 * What is left of a day's limits: pure.
 *
 * Reserved is what calls under way may still take. It is not a day's own: a call that began yesterday takes its share of
 * the day on which it is settled, as its reply is counted there too.
 */
import type { LimitsConfig } from "../config/TenantConfig.ts"
import { type Day, dayOf } from "../domain/Day.ts"

export type Limits = Pick<LimitsConfig, "tokensPerDay" | "costPerDayUsd">

/** Tokens in and out together, and US dollars where a price is known. */
export interface Amount {
  readonly tokens: number
  readonly cost?: number
}

interface Sums {
  readonly tokens: number
  readonly cost: number
}

export interface Budget {
  readonly day: Day
  readonly used: Sums
  readonly reserved: Sums
}

/** What stands in the way of a call: which limit, how much of it is gone, and how much the call asks for. */
export interface Refusal {
  readonly limit: keyof Limits
  readonly allowed: number
  readonly used: number
  readonly reserved: number
  readonly asked?: number
}

const nothing: Sums = { tokens: 0, cost: 0 }

export const begun = (day: Day, used: Sums): Budget => ({ day, used, reserved: nothing })

/** The same at an instant in milliseconds: a new day begins with nothing used. */
export const at = (budget: Budget, now: number): Budget => {
  const day = dayOf(now)
  return day === budget.day ? budget : { day, used: nothing, reserved: budget.reserved }
}

const moved = ({ cost, tokens }: Sums, by: Amount, sign: 1 | -1): Sums => ({
  tokens: tokens + sign * by.tokens,
  cost: cost + sign * (by.cost ?? 0)
})

export const reserve = (budget: Budget, amount: Amount): Budget => ({
  ...budget,
  reserved: moved(budget.reserved, amount, 1)
})

/** What was reserved is free again, and what was taken of it is used. */
export const settle = (budget: Budget, reserved: Amount, taken: Amount): Budget => ({
  ...budget,
  used: moved(budget.used, taken, 1),
  reserved: moved(budget.reserved, reserved, -1)
})

/** Whether a refusal may pass once calls that are under way have taken less than they reserved. */
export const mayPass = (limits: Limits, budget: Budget, amount: Amount): boolean =>
  refusal(limits, { ...budget, reserved: nothing }, amount) === undefined

/** Why this amount may not be reserved now, if so. */
export const refusal = (limits: Limits, budget: Budget, amount: Amount): Refusal | undefined => {
  for (const [limit, unit] of units) {
    const { [limit]: allowed } = limits
    const { [unit]: used } = budget.used
    const { [unit]: reserved } = budget.reserved
    const { [unit]: asked } = amount
    if (allows(allowed, used + reserved, asked)) continue
    return { limit, allowed, used, reserved, ...(asked !== undefined && { asked }) }
  }
  return undefined
}

const units = [
  ["tokensPerDay", "tokens"],
  ["costPerDayUsd", "cost"]
] as const

/** What costs nobody knows how much is refused when all is gone; what costs nothing is not. */
const allows = (allowed: number, gone: number, asked: number | undefined): boolean =>
  allowed > 0 && (asked === undefined ? gone < allowed : asked === 0 || gone + asked <= allowed)

const amountsOf = {
  tokensPerDay: { what: "tokens", text: (amount: number) => amount.toLocaleString("en-US") },
  costPerDayUsd: { what: "US dollars", text: (amount: number) => String(Math.round(amount * 10_000) / 10_000) }
}

/** For people: which limit, how much of it is gone, when it begins anew, and what can be done. */
export const sentence = ({ allowed, asked, limit, reserved, used }: Refusal, anew: string): string => {
  const { text, what } = amountsOf[limit]
  const remedy = `raise limits.${limit} in tenant.yaml`
  if (allowed === 0) return `a daily limit of 0 ${what} allows no model calls: ${remedy}`
  const verdict = asked === undefined ? "is reached" : `does not allow a call that may take ${text(asked)}`
  const underWay = reserved > 0 ? `, ${text(reserved)} reserved by calls under way` : ""
  return (
    `the daily limit of ${text(allowed)} ${what} ${verdict}: ${text(used)} used${underWay}; ` +
    `it begins anew at 00:00 UTC (${anew}): wait until then, or ${remedy}`
  )
}
