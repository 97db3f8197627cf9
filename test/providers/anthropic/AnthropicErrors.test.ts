import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
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
    [{ status: 429, type: "rate_limit_error", code: "contract_spend_limit_reached" }, "spend_limit"],
    [{ status: 429, type: "rate_limit_error", code: "enforced_spend_limit_reached" }, "spend_limit"],
    [{ status: 402, type: "billing_error", code: "linked_organization_spend_limit_reached" }, "spend_limit"],
    [{ status: 402, code: "linked_organization_billing_unavailable" }, "billing"],
    [
      {
        status: 400,
        type: "invalid_request_error",
        message: "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."
      },
      "billing"
    ],
    [
      {
        status: 400,
        type: "invalid_request_error",
        message: "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
      },
      "spend_limit"
    ],
    [{ type: "invalid_request_error", message: "Output blocked by content filtering policy" }, "refused"],
    [{ status: 403, type: "permission_error", message: "blocked by content filtering policy" }, "permission"],
    [{ status: 400, type: "invalid_request_error", code: "organization_on_hold" }, "permission"],
    [{ status: 400, type: "invalid_request_error", code: "claude_code_key_creator_not_member" }, "authentication"],
    [{ status: 400, type: "invalid_request_error", code: "image_dimensions_too_large" }, "too_large"],
    [{ status: 400, type: "invalid_request_error", code: "request_body_timeout" }, "timeout"],
    [{ status: 400, type: "invalid_request_error", code: "tool_name_conflict" }, "invalid_request"],
    [{ status: 503, type: "api_error", code: "cmek_key_unreachable" }, "unavailable"],
    [{ status: 529, type: "overloaded_error", code: "compaction_unavailable" }, "overloaded"],
    [{ status: 501, type: "api_error" }, "not_found"],
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

  it("tells a reached limit on spending from a bill that is not paid, and keeps the code", () => {
    const details = { error_code: "contract_spend_limit_reached" }
    const body = { error: { type: "rate_limit_error", message: "no more", details } }
    const error = AnthropicErrors.fromErrorEvent(context, body, "req_1")
    assert.deepInclude(error, { reason: "spend_limit", requestId: "req_1", code: "contract_spend_limit_reached" })
    assert.strictEqual(error.detail, "a limit on spending was reached (no more)")
    assert.include(error.advice, "spending limit")
  })

  /** What the client throws: it copies these from the body, whatever they are there. */
  const thrown = (fields: Record<string, unknown>, headers: Record<string, string> = {}) =>
    Object.assign(new Error("429 {…}"), {
      name: "RateLimitError",
      status: 429,
      headers: new Headers(headers),
      ...fields
    })

  it("keeps the status, the code, the request's id, how long to wait, and whether to try again", () => {
    const error = AnthropicErrors.fromFailure(
      context,
      now,
      thrown(
        { type: "rate_limit_error", errorCode: "ramp_limit_exceeded", apiMessage: "slower", requestID: "req_1" },
        { "retry-after": "7", "x-should-retry": "false" }
      )
    )
    assert.deepInclude(error, {
      reason: "rate_limited",
      detail: "slower",
      status: 429,
      code: "ramp_limit_exceeded",
      requestId: "req_1",
      retryAfter: Duration.seconds(7),
      retryable: false
    })
  })

  it("goes by the status where the body is not what it should be", () => {
    for (const odd of [5, {}, [], "", null, undefined]) {
      const error = AnthropicErrors.fromFailure(context, now, thrown({ type: odd, errorCode: odd, apiMessage: odd }))
      assert.deepInclude(error, { reason: "rate_limited", detail: "429 {…}", status: 429 })
      assert.notProperty(error, "code")
    }
  })

  it("makes do with an error event that says nothing", () => {
    const error = AnthropicErrors.fromErrorEvent(context, { error: {}, request_id: "req_2" })
    assert.deepStrictEqual([error.reason, error.requestId], ["unknown", "req_2"])
  })
})
