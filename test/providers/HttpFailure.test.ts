import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import type { BodyFault } from "../../src/providers/BodyWatch.ts"
import * as HttpFailure from "../../src/providers/HttpFailure.ts"
import type { ProviderFault } from "../../src/providers/ProviderError.ts"

const context = { provider: "p", apiKey: Redacted.make(" sk-secret ") }
const now = Date.parse("2026-11-22T10:00:00Z")

describe("HttpFailure", () => {
  const waits: ReadonlyArray<readonly [Record<string, string>, Duration.Duration | undefined]> = [
    [{}, undefined],
    [{ "retry-after": "7" }, Duration.seconds(7)],
    [{ "retry-after": "0.5" }, Duration.millis(500)],
    [{ "retry-after": "7", "retry-after-ms": "1500" }, Duration.millis(1500)],
    [{ "retry-after": "7", "retry-after-ms": "soon" }, Duration.seconds(7)],
    [{ "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT" }, Duration.seconds(30)],
    [{ "retry-after": "Sun, 22 Nov 2026 09:00:00 GMT" }, Duration.zero],
    [{ "retry-after": "Sunday, 22-Nov-26 10:00:30 GMT" }, Duration.seconds(30)],
    [{ "retry-after": "2026-11-22T10:00:30Z" }, Duration.seconds(30)],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "around 5" }, undefined],
    [{ "retry-after": "" }, undefined]
  ]

  it("understands every way of asking to wait", () => {
    for (const [headers, expected] of waits) {
      assert.deepStrictEqual(HttpFailure.retryAfterOf(new Headers(headers), now), expected, JSON.stringify(headers))
    }
  })

  it("understands whether it should be tried again at all", () => {
    const asked = (value: string) => HttpFailure.askedOf(new Headers({ "x-should-retry": value }), now)
    assert.deepStrictEqual(asked("true"), { retryable: true })
    assert.deepStrictEqual(asked("False"), { retryable: false })
    assert.deepStrictEqual(asked("perhaps"), {})
    assert.deepStrictEqual(HttpFailure.askedOf(new Headers({ "retry-after": "7" }), now), {
      retryAfter: Duration.seconds(7)
    })
    assert.deepStrictEqual(HttpFailure.askedOf(undefined, now), {})
  })

  it("finds the headers of an answer that was thrown, and none where there was no answer", () => {
    const headers = new Headers({ "x-ratelimit-remaining-requests": "0" })
    assert.strictEqual(HttpFailure.headersOf(Object.assign(new Error("429"), { headers })), headers)
    for (const thrown of [new Error("Connection error."), { headers: undefined }, "no", null]) {
      assert.isUndefined(HttpFailure.headersOf(thrown))
    }
  })

  const faults: ReadonlyArray<readonly [BodyFault, ProviderFault, string]> = [
    [{ _tag: "Silent", after: Duration.minutes(2) }, "timeout", "no answer came within 2m"],
    [{ _tag: "Stalled", after: Duration.minutes(1) }, "stream_stalled", "the answer fell silent for 1m"],
    [
      { _tag: "Broken", cause: new TypeError("terminated", { cause: new Error("ECONNRESET") }) },
      "stream_cut",
      "the connection broke during the answer: ECONNRESET"
    ],
    [{ _tag: "TooLarge" }, "invalid_response", "an event of the answer never ended"]
  ]

  it("says what became of an answer, with the request's id where there is one", () => {
    for (const [fault, reason, detail] of faults) {
      assert.deepInclude(HttpFailure.fromBodyFault(context, fault, "req_1"), { reason, detail, requestId: "req_1" })
      assert.notProperty(HttpFailure.fromBodyFault(context, fault, null), "requestId")
    }
  })

  it("finds the reason of a failure in its innermost cause", () => {
    const refused = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" })
    assert.strictEqual(HttpFailure.rootMessage(new TypeError("failed", { cause: refused })), "ECONNREFUSED")
    assert.strictEqual(HttpFailure.rootMessage(5), "no reason was given")
  })

  it("says of a web page what its title says", () => {
    const detailOf = (detail: string) => HttpFailure.make(context, { reason: "unknown", detail }).detail
    const page = "<!DOCTYPE html>\n<html><head><title>502 Bad\n Gateway</title></head><body>…</body></html>"
    assert.strictEqual(detailOf(`502 ${page}`), "502 a web page instead of an answer (502 Bad Gateway)")
    assert.strictEqual(detailOf("<html><body>sorry"), "a web page instead of an answer")
    assert.strictEqual(detailOf("<thinking> is no page"), "<thinking> is no page")
  })

  it("keeps to one line, which moves no cursor", () => {
    const { detail } = HttpFailure.make(context, { reason: "unknown", detail: "one\r\n\u001b[2Jtwo" })
    assert.strictEqual(detail, "one [2Jtwo")
  })

  it("leaves out the key, and most of a page", () => {
    const { detail } = HttpFailure.make(context, { reason: "unknown", detail: `sk-secret ${"x".repeat(5000)}` })
    assert.match(detail, /^<redacted> x+…$/)
    assert.isBelow(detail.length, 1100)
  })

  it("keeps the key, line breaks and endless text out of codes and ids as well", () => {
    const hostile = `a\nsk-test ${"x".repeat(5_000)}`
    const error = HttpFailure.make(
      { provider: "p", apiKey: Redacted.make("sk-test") },
      { reason: "unknown", detail: "no", code: hostile, requestId: hostile }
    )
    for (const said of [error.code, error.requestId]) {
      assert.isTrue(said?.startsWith("a <redacted> x"))
      assert.isBelow(said?.length ?? 0, 300)
    }
  })
})
