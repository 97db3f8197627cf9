import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as KeyChoice from "../../src/providers/KeyChoice.ts"
import { ProviderError, ProviderFault, treatmentOf } from "../../src/providers/ProviderError.ts"

const key = (name: string, used: number, more: Partial<KeyChoice.Candidate> = {}) => ({
  name,
  used,
  onTrial: false,
  isHome: false,
  ...more
})

const error = (reason: ProviderFault, seconds?: number) =>
  new ProviderError({
    provider: "fake",
    reason,
    detail: `${reason} ${seconds}`,
    ...(seconds !== undefined && { retryAfter: Duration.seconds(seconds) })
  })

describe("KeyChoice", () => {
  it("prefers the key of the session, then the one used least recently, and one on trial last", () => {
    const keys = [
      key("trial and home", 0, { onTrial: true, isHome: true }),
      key("recent", 9),
      key("home", 10, { isHome: true }),
      key("idle", 1)
    ]
    assert.deepStrictEqual(
      KeyChoice.preferred(keys).map(({ name }) => name),
      ["home", "idle", "recent", "trial and home"]
    )
  })

  it("passes a key over only for what may succeed elsewhere", () => {
    for (const reason of ProviderFault.literals.filter(KeyChoice.isOfKey)) {
      assert.isTrue(treatmentOf(reason).elsewhere, reason)
    }
  })

  for (const [title, one, other, expected] of [
    ["what passes rather than what stays", error("rate_limited", 60), error("authentication"), "rate_limited 60"],
    ["what stays only if nothing passes", error("authentication"), error("billing"), "billing undefined"],
    ["what passes sooner", error("rate_limited", 60), error("overloaded", 8), "overloaded 8"],
    ["the later of two that pass as soon", error("rate_limited", 5), error("overloaded", 5), "overloaded 5"]
  ] as const) {
    it(`tells ${title}`, () => {
      assert.strictEqual(KeyChoice.moreHopeful(one, other).detail, expected)
      if (!title.startsWith("the later") && !title.startsWith("what stays only")) {
        assert.strictEqual(KeyChoice.moreHopeful(other, one).detail, expected)
      }
    })
  }
})
