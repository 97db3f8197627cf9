import { assert, describe, it } from "@effect/vitest"
import { limitsOf } from "../../../src/providers/openai/OpenAiLimits.ts"

const nothing = { limit: undefined, remaining: undefined }

describe("OpenAiLimits", () => {
  it("reads requests, and tokens as those that go in", () => {
    const headers = new Headers({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-limit-tokens": "150000",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-remaining-tokens": "149984",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-reset-tokens": "6m0s"
    })
    assert.deepStrictEqual(limitsOf(headers), {
      requests: { limit: 60, remaining: 59 },
      inputTokens: { limit: 150000, remaining: 149984 }
    })
  })

  it("makes nothing of what is absent or no number", () => {
    const headers = new Headers({ "x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "-1" })
    assert.deepStrictEqual(limitsOf(headers), { requests: nothing, inputTokens: nothing })
  })
})
