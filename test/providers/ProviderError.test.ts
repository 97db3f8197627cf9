import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { isTransient, ProviderError, ProviderFault, treatmentOf } from "../../src/providers/ProviderError.ts"

const error = (fields: Partial<ConstructorParameters<typeof ProviderError>[0]>) =>
  new ProviderError({ provider: "claude", reason: "unknown", detail: "no luck", ...fields })

describe("ProviderError", () => {
  it("says whose error it is, and to the operator what to do", () => {
    const { advice, message } = error({ reason: "spend_limit" })
    assert.strictEqual(message, "claude: no luck")
    assert.strictEqual(advice, treatmentOf("spend_limit").advice)
    assert.notInclude(message, advice)
  })

  it("may be tried again as its reason says, where the provider says nothing of it", () => {
    for (const reason of ProviderFault.literals) {
      assert.strictEqual(isTransient(error({ reason })), treatmentOf(reason).again, reason)
    }
  })

  it("is not tried again where the provider says so, whatever its reason", () => {
    for (const reason of ProviderFault.literals)
      assert.isFalse(isTransient(error({ reason, retryable: false })), reason)
  })

  it("is tried again where the provider says so, unless the request itself is at fault", () => {
    for (const reason of ProviderFault.literals) {
      assert.strictEqual(isTransient(error({ reason, retryable: true })), treatmentOf(reason).elsewhere, reason)
    }
  })

  it("is not tried again after it waited for room in vain", () => {
    const waited = Duration.seconds(1)
    assert.isFalse(isTransient(error({ reason: "rate_limited", retryable: true, waited })))
  })
})
