/** What Anthropic says of the limits of a key in the headers of every answer: pure. */
import type { LimitsTold } from "../RateLimitState.ts"

/**
 * `anthropic-ratelimit-{requests,input-tokens,output-tokens}-{limit,remaining}`; what is absent or no number says nothing.
 *
 * The remaining tokens are rounded to the nearest thousand, so that there may be 500 fewer. `…-tokens-…` repeats whichever
 * limit is the most restrictive, and `…-reset` says when all is full again, which follows from the others.
 */
export const limitsOf = (headers: Headers): LimitsTold => {
  const number = (name: string) => {
    const value = headers.get(`anthropic-ratelimit-${name}`)
    return value !== null && /^\d+$/.test(value) ? Number(value) : undefined
  }
  const told = (name: string, rounding: number) => {
    const remaining = number(`${name}-remaining`)
    return {
      limit: number(`${name}-limit`),
      remaining: remaining === undefined ? undefined : Math.max(0, remaining - rounding)
    }
  }
  return {
    requests: told("requests", 0),
    inputTokens: told("input-tokens", 500),
    outputTokens: told("output-tokens", 500)
  }
}
