/** What every session store promises of the usage it counts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Day } from "../../src/domain/Day.ts"
import type { NewSessionEvent, NewSessionEventOf, SessionEvent } from "../../src/domain/SessionEvent.ts"
import type { Dimension } from "../../src/domain/Usage.ts"
import { SessionStore, type StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import { accepted, compacted, ended, replied, session } from "./SessionStoreEvents.ts"

/** A reply of this model to so many tokens of input, half of them read from a cache, with as many tokens. */
export const used = (inTurn: string, model: string | undefined, tokens: number, cost?: number): NewSessionEvent => ({
  ...(replied(inTurn, "Hello.") as NewSessionEventOf<"ModelReplied">),
  usage: usageOf(tokens),
  ...(model !== undefined && { model }),
  ...(cost !== undefined && { cost })
})

/** A note that this model wrote. */
export const noted = (inTurn: string, model: string, tokens: number, cost: number): NewSessionEvent => ({
  ...(compacted(inTurn, 1) as NewSessionEventOf<"Compacted">),
  usage: usageOf(tokens),
  model,
  cost
})

const usageOf = (tokens: number) => ({
  inputTokens: { uncached: tokens / 2, total: tokens, cacheRead: tokens / 2, cacheWrite: 0 },
  outputTokens: { total: tokens, text: tokens, reasoning: 0 }
})

/** As a share of `used` is counted. */
export const counted = (calls: number, tokens: number, costUsd: number, unpricedCalls = 0) => ({
  calls,
  inputTokens: tokens,
  cacheReadTokens: tokens / 2,
  cacheWriteTokens: 0,
  outputTokens: tokens,
  costUsd,
  unpricedCalls
})

/** `fresh` builds an empty store each time. */
export const sessionUsageContract = (name: string, fresh: () => Layer.Layer<SessionStore, StoreUnavailable>) => {
  const promises = (sentence: string, body: Effect.Effect<void, unknown, SessionStore>) =>
    it.effect(sentence, () => Effect.suspend(() => Effect.provide(body, fresh())))
  const [a, b] = [session("a"), session("b")]
  const usage = (...by: ReadonlyArray<Dimension>) => SessionStore.use((store) => store.usage({ by }))
  const [first, second] = [Day.make("1970-01-01"), Day.make("1970-01-02")]

  describe(`${name} counts what models were used for`, () => {
    promises(
      "by day, agent, session and model",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), used("t", "x/m", 10, 0.5), used("t", "x/n", 20)])
        yield* store.append(b, 0, [accepted("t", undefined, "discord", "other"), used("t", "x/m", 4, 0.25)])
        yield* TestClock.adjust("1 day")
        yield* store.append(a, 3, [noted("t", "x/m", 6, 0.25), used("t", "x/m", 2, 0.5), ended("t")])
        assert.deepStrictEqual(yield* usage(), [counted(5, 42, 1.5, 1)])
        assert.deepStrictEqual(yield* usage("day"), [
          { day: first, ...counted(3, 34, 0.75, 1) },
          { day: second, ...counted(2, 8, 0.75) }
        ])
        assert.deepStrictEqual(yield* usage("model"), [
          { model: "x/m", ...counted(4, 22, 1.5) },
          { model: "x/n", ...counted(1, 20, 0, 1) }
        ])
        assert.deepStrictEqual(
          (yield* usage("agent", "session")).map(({ agent, calls, session }) => `${agent} ${session} ${calls}`),
          ["main a 4", "other b 1"]
        )
      })
    )

    promises(
      "from one day to another, both included",
      Effect.gen(function* () {
        const store = yield* SessionStore
        for (const day of [0, 1, 2, 3]) {
          yield* store.append(a, 2 * day, [accepted(`t${day}`), used(`t${day}`, "x/m", 2, 1)])
          yield* TestClock.adjust("1 day")
        }
        const days = (from?: string, to?: string) =>
          Effect.map(
            store.usage({ by: ["day"], ...(from && { from: Day.make(from) }), ...(to && { to: Day.make(to) }) }),
            (shares) => shares.map(({ day }) => String(day).slice(-1)).join("")
          )
        assert.strictEqual(yield* days(), "1234")
        assert.strictEqual(yield* days("1970-01-02", "1970-01-03"), "23")
        assert.strictEqual(yield* days("1970-01-03"), "34")
        assert.strictEqual(yield* days(undefined, "1970-01-01"), "1")
        assert.strictEqual(yield* days("1970-01-05"), "")
        assert.deepStrictEqual(yield* store.usage({ from: Day.make("1970-01-05"), by: [] }), [])
      })
    )

    promises(
      "once, whatever else was refused or came at the same time",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t", "known")])
        yield* Effect.flip(store.append(a, 0, [used("t", "x/m", 2, 1)]))
        yield* Effect.flip(store.append(b, 0, [accepted("t", "known"), used("t", "x/m", 2, 1)]))
        const writers = Array.from({ length: 20 }, (_, index) =>
          Effect.exit(store.append(session(`s${index % 10}`), 0, [accepted("t"), used("t", "x/m", 2, 1)]))
        )
        yield* Effect.all(writers, { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* usage(), [counted(10, 20, 10)])
      })
    )

    promises(
      "also of sessions that are gone, and of those that follow under their names",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), used("t", "x/m", 2, 1), ended("t")])
        yield* store.remove(a)
        assert.deepStrictEqual(yield* usage("session"), [{ session: a, ...counted(1, 2, 1) }])
        yield* store.append(a, 0, [accepted("t"), used("t", "x/m", 2, 1), ended("t")])
        assert.deepStrictEqual(yield* usage("session"), [{ session: a, ...counted(2, 4, 2) }])
      })
    )

    promises(
      "but not of what a session is adopted with",
      Effect.gen(function* () {
        const store = yield* SessionStore
        const log = [accepted("t"), used("t", "x/m", 2, 1), ended("t")].map(
          (event, index): SessionEvent => ({ ...event, seq: index + 1, at: "2025-01-01T00:00:00.000Z" })
        )
        yield* store.adopt(a, Stream.fromIterable(log))
        assert.deepStrictEqual(yield* usage("day"), [])
        yield* store.append(a, 3, [accepted("u"), used("u", "x/m", 4, 1)])
        assert.deepStrictEqual(yield* usage("day"), [{ day: first, ...counted(1, 4, 1) }])
      })
    )

    promises(
      "of a model that nobody named as of one that is unknown",
      Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.append(a, 0, [accepted("t"), used("t", undefined, 2)])
        assert.deepStrictEqual(yield* usage("model"), [{ model: "unknown", ...counted(1, 2, 0, 1) }])
      })
    )
  })
}
