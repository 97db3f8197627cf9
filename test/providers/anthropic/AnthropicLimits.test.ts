import { assert, describe, it } from "@effect/vitest"
import { limitsOf } from "../../../src/providers/anthropic/AnthropicLimits.ts"

const nothing = { limit: undefined, remaining: undefined }

describe("AnthropicLimits", () => {
  it("reads what is left of requests and of tokens, which are rounded to thousands", () => {
    const told = limitsOf(
      new Headers({
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:01Z",
        "anthropic-ratelimit-tokens-limit": "10000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-limit": "50000",
        "anthropic-ratelimit-input-tokens-remaining": "27000",
        "anthropic-ratelimit-output-tokens-limit": "10000",
        "anthropic-ratelimit-output-tokens-remaining": "0"
      })
    )
    assert.deepStrictEqual(told, {
      requests: { limit: 50, remaining: 49 },
      inputTokens: { limit: 50_000, remaining: 26_500 },
      outputTokens: { limit: 10_000, remaining: 0 }
    })
  })

  it("says nothing of what is absent or no number", () => {
    const told = limitsOf(new Headers({ "anthropic-ratelimit-requests-limit": "many" }))
    assert.deepStrictEqual(told, { requests: nothing, inputTokens: nothing, outputTokens: nothing })
  })
})
