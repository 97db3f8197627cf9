import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import type { ProviderFault } from "../../../src/providers/ProviderError.ts"
import * as OpenAiErrors from "../../../src/providers/openai/OpenAiErrors.ts"

const context = { provider: "gpt", apiKey: Redacted.make("sk-secret") }

type Symptoms = Parameters<typeof OpenAiErrors.reasonOf>[0]

/** Sentences of real servers. */
const overflows: ReadonlyArray<Symptoms> = [
  {
    status: 400,
    code: "context_length_exceeded",
    message: "Your input exceeds the context window of this model. Please adjust your input and try again."
  },
  {
    status: 400,
    message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545."
  },
  { status: 400, code: 400, message: "This endpoint's maximum context length is 1048576 tokens." },
  {
    status: 400,
    type: "BadRequestError",
    message:
      "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 4096 tokens"
  },
  { status: 400, message: "The decoder prompt (length 5000) is longer than the maximum model length of 4096." },
  {
    status: 400,
    type: "exceed_context_size_error",
    message: "request (4476 tokens) exceeds the available context size (4096 tokens), try increasing it"
  },
  { code: 500, type: "server_error", message: "Context size has been exceeded." },
  { status: 400, message: "the input length exceeds the context length" },
  { status: 400, message: "prompt too long; exceeded max context length by 4 tokens" },
  { message: "prompt is too long: 210000 tokens > 200000 maximum" }
]

const reasons: ReadonlyArray<readonly [Symptoms, ProviderFault]> = [
  ...overflows.map((symptoms) => [symptoms, "context_overflow"] as const),
  [{ status: 400, message: "max_tokens is too large: 200000. This model supports at most 16384" }, "invalid_request"],
  [{ status: 401, type: "invalid_request_error", code: "invalid_api_key" }, "authentication"],
  [{ status: 401 }, "authentication"],
  [{ status: 402, code: 402, message: "Insufficient credits" }, "billing"],
  [{ status: 403 }, "permission"],
  [{ status: 404, code: "model_not_found" }, "not_found"],
  [{ status: 404 }, "not_found"],
  [{ status: 408 }, "timeout"],
  [{ status: 409 }, "unavailable"],
  [{ status: 413 }, "too_large"],
  [{ status: 422 }, "invalid_request"],
  [{ status: 429, type: "insufficient_quota", code: "insufficient_quota" }, "billing"],
  [{ status: 429, code: "billing_hard_limit_reached" }, "spend_limit"],
  [{ status: 429, code: "project_spend_limit_exceeded" }, "spend_limit"],
  [{ status: 429, code: "credit_balance_exhausted" }, "billing"],
  [{ status: 400, code: "content_filter", message: "The response was filtered" }, "refused"],
  [{ status: 400, code: "content_policy_violation" }, "refused"],
  [{ status: 400, code: "invalid_prompt", message: "Your prompt was flagged as potentially violating" }, "refused"],
  [{ status: 403, code: 403, message: 'm requires moderation. Your input was flagged for "violence".' }, "refused"],
  [{ status: 400, code: "invalid_prompt", message: "messages is empty" }, "invalid_request"],
  [{ status: 500, message: "the input was flagged" }, "unavailable"],
  [{ status: 501 }, "not_found"],
  [{ code: "server_overloaded" }, "overloaded"],
  [{ status: 429, type: "tokens", code: "rate_limit_exceeded", message: "Rate limit reached" }, "rate_limited"],
  [{ status: 429, type: "tokens", message: "Request too large for gpt-x on tokens per min (TPM)" }, "too_large"],
  [{ status: 429, message: "about the context window" }, "rate_limited"],
  [{ status: 500, type: "server_error" }, "unavailable"],
  [{ status: 502 }, "unavailable"],
  [{ status: 503, type: "unavailable_error", message: "Loading model" }, "overloaded"],
  [{ status: 503, code: "slow_down" }, "overloaded"],
  [{ status: 504 }, "timeout"],
  [{ status: 302 }, "unknown"],
  [{ code: 429 }, "rate_limited"],
  [{ code: 502 }, "unavailable"],
  [{ type: "rate_limit_error" }, "rate_limited"],
  [{ type: "overloaded_error" }, "overloaded"],
  [{ code: "server_error" }, "unavailable"],
  [{ type: "InternalServerError" }, "unavailable"],
  [{ type: "BadRequestError" }, "invalid_request"],
  [{ type: "brand_new_error", code: null as never }, "unknown"],
  [{}, "unknown"]
]

/** What the client throws for such a body: it takes `error` out of it where there is one. */
const thrown = (status: number, error: unknown, headers: Record<string, string> = {}) =>
  Object.assign(new Error(`${status} ${JSON.stringify(error)}`), {
    status,
    error,
    headers: new Headers(headers),
    requestID: headers["x-request-id"] ?? null
  })

describe("OpenAiErrors", () => {
  it("names a reason for every symptom", () => {
    for (const [symptoms, reason] of reasons) {
      assert.strictEqual(OpenAiErrors.reasonOf(symptoms), reason, JSON.stringify(symptoms))
    }
  })

  const bodies: ReadonlyArray<readonly [unknown, string]> = [
    [{ message: "boom", type: "server_error", code: null }, "boom"],
    ["boom", "boom"],
    [{ detail: "boom" }, "boom"],
    [{ detail: [{ msg: "boom" }] }, '[{"msg":"boom"}]'],
    [{ message: "Provider returned error", code: 502, metadata: { raw: "boom" } }, "Provider returned error: boom"],
    [{ what: "boom" }, '{"what":"boom"}'],
    [undefined, "500 undefined"],
    ["x".repeat(2000), `${"x".repeat(1000)}…`]
  ]

  it("finds the sentence, wherever a server puts it", () => {
    for (const [body, detail] of bodies) {
      assert.strictEqual(OpenAiErrors.fromFailure(context, 0, thrown(500, body)).detail, detail)
    }
  })

  it("keeps the status, the code, the request's id, how long to wait, and whether to try again", () => {
    const headers = { "x-request-id": "req_1", "retry-after-ms": "1500", "retry-after": "7", "x-should-retry": "true" }
    const error = OpenAiErrors.fromFailure(context, 0, thrown(429, { message: "slow", code: "slow_down" }, headers))
    assert.deepInclude(error, {
      reason: "overloaded",
      status: 429,
      code: "slow_down",
      requestId: "req_1",
      retryAfter: Duration.millis(1500),
      retryable: true
    })
    assert.notProperty(OpenAiErrors.fromFailure(context, 0, thrown(429, { code: 429 })), "code")
  })

  it("tells the operator what to do", () => {
    const detail = (status: number, apiKey = context.apiKey) =>
      OpenAiErrors.fromFailure({ ...context, apiKey }, 0, thrown(status, { message: "no" })).detail
    assert.strictEqual(detail(401), "the API key was refused (no); check apiKey of the provider gpt")
    assert.strictEqual(
      detail(401, Redacted.make("")),
      "the server asks for an API key (no); set apiKey of the provider gpt"
    )
    assert.strictEqual(detail(404), "no; check the name of the model, and baseUrl of the provider gpt")
    assert.include(detail(402), "check its plan")
  })

  it("never shows the key, whoever repeats it", () => {
    for (const given of ["sk-secret", new TypeError("sk-secret"), thrown(400, { message: "sk-secret" })]) {
      const error = OpenAiErrors.fromFailure(context, 0, given)
      assert.include(error.message, "<redacted>")
      assert.notInclude(JSON.stringify(error), "sk-secret")
    }
  })

  it("makes do with an error in an answer that says nothing", () => {
    const error = OpenAiErrors.fromErrorEvent(context, {}, "req_1")
    assert.deepInclude(error, { reason: "unknown", requestId: "req_1", detail: "{}" })
  })
})
