/** What OpenAI says of the limits of a key in the headers of every answer: pure. */
import type { LimitsTold } from "../RateLimitState.ts"

/**
 * `x-ratelimit-{limit,remaining}-{requests,tokens}`; what is absent or no number says nothing. Servers of one's own send
 * none of these, OpenRouter has other names for limits of another kind.
 *
 * Tokens are counted together, so that they bound the input; the output has no limit of its own. Requests may be those of
 * a day, which is no harm: what is told only ever takes away.
 */
export const limitsOf = (headers: Headers): LimitsTold => {
  const number = (name: string) => {
    const value = headers.get(`x-ratelimit-${name}`)
    return value !== null && /^\d+$/.test(value) ? Number(value) : undefined
  }
  const told = (name: string) => ({ limit: number(`limit-${name}`), remaining: number(`remaining-${name}`) })
  return { requests: told("requests"), inputTokens: told("tokens") }
}
