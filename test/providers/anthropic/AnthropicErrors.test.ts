import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as AnthropicErrors from "../../../src/providers/anthropic/AnthropicErrors.ts"

const context = { provider: "claude", apiKey: Redacted.make("sk-secret") }

describe("AnthropicErrors", () => {
  const symptoms = [
    [{ status: 400, type: "invalid_request_error" }, "invalid_request"],
    [
      { status: 400, type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" },
      "context_overflow"
    ],
    [
      {
        status: 400,
        type: "invalid_request_error",
        message: "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"
      },
      "context_overflow"
    ],
    [{ type: "invalid_request_error", message: "Prompt is too long" }, "context_overflow"],
    [{ status: 413, message: "the prompt exceeds the model's context window" }, "context_overflow"],
    [{ status: 413, type: "request_too_large", message: "exceeds the maximum context length" }, "context_overflow"],
    [{ status: 413, type: "request_too_large", message: "an image is too large" }, "too_large"],
    [{ status: 400, type: "invalid_request_error", message: "max_tokens: 9000 > 8192" }, "invalid_request"],
    [{ status: 429, type: "rate_limit_error", message: "the prompt is too long for now" }, "rate_limited"],
    [{ status: 401 }, "authentication"],
    [{ status: 401, type: "authentication_error" }, "authentication"],
    [{ status: 402 }, "billing"],
    [{ status: 402, type: "billing_error" }, "billing"],
    [{ status: 403 }, "permission"],
    [{ status: 404, type: "not_found_error" }, "not_found"],
    [{ status: 404 }, "not_found"],
    [{ status: 408 }, "timeout"],
    [{ status: 409 }, "unavailable"],
    [{ status: 409, type: "conflict_error" }, "unavailable"],
    [{ status: 413, type: "request_too_large" }, "too_large"],
    [{ status: 413, type: "invalid_request_error" }, "too_large"],
    [{ status: 422 }, "invalid_request"],
    [{ status: 429, type: "rate_limit_error" }, "rate_limited"],
    [{ status: 429 }, "rate_limited"],
    [{ status: 429, type: "rate_limit_error", code: "ramp_limit_exceeded" }, "rate_limited"],
    [{ status: 429, type: "rate_limit_error", code: "contract_spend_limit_reached" }, "billing"],
    [{ status: 429, type: "rate_limit_error", code: "enforced_spend_limit_reached" }, "billing"],
    [{ status: 402, code: "linked_organization_billing_unavailable" }, "billing"],
    [{ status: 500, type: "api_error" }, "unavailable"],
    [{ status: 502 }, "unavailable"],
    [{ status: 504 }, "timeout"],
    [{ status: 529, type: "overloaded_error" }, "overloaded"],
    [{ status: 529 }, "overloaded"],
    [{ type: "overloaded_error" }, "overloaded"],
    [{ type: "api_error" }, "unavailable"],
    [{ type: "invalid_request_error" }, "invalid_request"],
    [{ type: "brand_new_error" }, "unknown"],
    [{ status: 302 }, "unknown"],
    [{}, "unknown"]
  ] as const

  it("names a reason for every symptom", () => {
    for (const [symptom, reason] of symptoms) {
      assert.strictEqual(AnthropicErrors.reasonOf(symptom), reason, JSON.stringify(symptom))
    }
  })

  const now = Date.parse("2026-11-22T10:00:00Z")
  it("finds the reason of a failed connection in its innermost cause", () => {
    const refused = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" })
    const fetch = new TypeError("fetch failed", { cause: refused })
    const thrown = Object.assign(new Error("Connection error.", { cause: fetch }), { name: "APIConnectionError" })
    const error = AnthropicErrors.fromFailure(context, now, thrown)
    assert.strictEqual(error.message, "claude: the connection failed: ECONNREFUSED")
    const bare = Object.assign(new Error("Connection error."), { name: "APIConnectionError" })
    assert.include(AnthropicErrors.fromFailure(context, now, bare).detail, "no reason was given")
  })

  it("takes the client's own time-out for a time-out", () => {
    const thrown = Object.assign(new Error("Request timed out."), { name: "APIConnectionTimeoutError" })
    assert.strictEqual(AnthropicErrors.fromFailure(context, now, thrown).reason, "timeout")
  })

  it("never shows the key, whoever repeats it", () => {
    for (const thrown of ["sk-secret", new TypeError('"Bearer sk-secret" is an invalid header value')]) {
      const error = AnthropicErrors.fromFailure(context, now, thrown)
      assert.strictEqual(error.reason, "unknown")
      assert.include(error.message, "<redacted>")
      assert.notInclude(JSON.stringify(error), "sk-secret")
    }
  })

  it("explains a spend limit to whoever pays", () => {
    const details = { error_code: "contract_spend_limit_reached" }
    const body = { error: { type: "rate_limit_error", message: "limit reached", details } }
    const error = AnthropicErrors.fromErrorEvent(context, body, "req_1")
    assert.deepStrictEqual([error.reason, error.requestId], ["billing", "req_1"])
    assert.include(error.detail, "limit reached")
  })

  it("makes do with an error event that says nothing", () => {
    const error = AnthropicErrors.fromErrorEvent(context, { error: {}, request_id: "req_2" })
    assert.deepStrictEqual([error.reason, error.requestId], ["unknown", "req_2"])
  })
})
