import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Logger, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import * as KeyPool from "../../src/providers/KeyPool.ts"
import type { ProviderRequest } from "../../src/providers/Provider.ts"
import { isTransient, type ProviderFault } from "../../src/providers/ProviderError.ts"
import * as RateLimits from "../../src/providers/RateLimits.ts"
import type { Limits } from "../../src/providers/RateLimitState.ts"
import * as RetryBudget from "../../src/providers/RetryBudget.ts"
import * as FakeProvider from "../support/FakeProvider.ts"

const policy = { failures: 5, open: Duration.seconds(10), cap: Duration.minutes(2) }

const request = (session: string, more: Partial<ProviderRequest> = {}): ProviderRequest => ({
  model: "model",
  prompt: Prompt.make("hello"),
  tools: [],
  maxTokens: 10,
  session,
  ...more
})

const failing = (reason: ProviderFault, retryAfter?: Duration.Input) =>
  FakeProvider.failing(reason, retryAfter === undefined ? {} : { retryAfter: Duration.fromInputUnsafe(retryAfter) })

const nothing = { requests: 0, inputTokens: 0, outputTokens: 0 }

type Answer = (request: ProviderRequest) => FakeProvider.Reply

const done: Answer = () => FakeProvider.text("done")

/** A pool of keys under the same limits, what each answers, and which of them was sent what, with the second it was. */
const world = Effect.fnUntraced(function* (limits: Limits, answers: ReadonlyArray<Answer>, patience = "10 minutes") {
  const sent: Array<string> = []
  const counted: Array<number> = []
  const counting = { count: (index: number) => Effect.sync(() => counted.push(index + 1)) }
  const keyed = yield* Effect.forEach(answers, (answer, index) =>
    Effect.gen(function* () {
      const rateLimits = yield* RateLimits.make({
        limits,
        patience: Duration.fromInputUnsafe(patience as Duration.Input),
        cacheIsFree: true
      })
      const { service } = FakeProvider.answering(
        (asked) =>
          Stream.unwrap(
            Effect.map(Clock.currentTimeMillis, (now) => {
              sent.push(`${asked.session} by ${index + 1} at ${now / 1000}`)
              return answer(asked)
            })
          ),
        { count: () => counting.count(index) }
      )
      return { provider: service, rateLimits }
    })
  )
  const [first, ...others] = keyed
  if (first === undefined) return yield* Effect.die("there is no key")
  const pool = yield* KeyPool.make([first, ...others], policy)
  const call = (asked: ProviderRequest) => Stream.runDrain(pool.stream(asked))
  const begin = (asked: ProviderRequest) => Effect.forkChild(call(asked), { startImmediately: true })
  const waiting = pool.waiting ?? Effect.die("nobody knows who waits")
  return { begin, call, counted, keys: keyed, pool, sent, waiting }
})

/** A call by somebody else with the same key. */
const busy = Effect.fnUntraced(function* (key: KeyPool.ProviderKey | undefined) {
  if (key !== undefined)
    yield* Stream.runDrain(key.rateLimits.limit(FakeProvider.make([]).service).stream(request("x")))
})

describe("KeyPool", () => {
  it.effect("keeps a session with the key it used last, and gives a new one the key used least recently", () =>
    Effect.gen(function* () {
      const { call, sent } = yield* world({}, [done, done, done])
      for (const session of ["a", "b", "a", "c", "b", "d", "a"]) yield* call(request(session))
      assert.deepStrictEqual(
        sent.map((line) => line.replace(" at 0", "")),
        ["a by 1", "b by 2", "a by 1", "c by 3", "b by 2", "d by 1", "a by 1"]
      )
    })
  )

  it.effect("sends a call by another key when its session's has no room", () =>
    Effect.gen(function* () {
      const { call, sent } = yield* world({ requestsPerMinute: 1 }, [done, done])
      yield* call(request("a"))
      yield* call(request("a"))
      assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 2 at 0"])
    })
  )

  it.effect("lets a call wait for all keys at once, and go where there is room first", () =>
    Effect.gen(function* () {
      const gate = FakeProvider.gate()
      const { begin, call, pool, sent, waiting } = yield* world({ inputTokensPerMinute: 1_000 }, [
        () => FakeProvider.behind(gate, FakeProvider.counted("done", 0, 1)),
        () => FakeProvider.counted("done", 1_000, 1)
      ])
      const large = { prompt: Prompt.make("x".repeat(3_500)) }
      const held = yield* begin(request("a", large))
      yield* gate.reached
      yield* call(request("b", large))
      yield* TestClock.adjust("1 second")
      const third = yield* begin(request("c", large))
      assert.deepStrictEqual(yield* waiting, [{ session: "c", since: 1_000, until: 601_000, reason: "inputTokens" }])
      yield* gate.open
      yield* Fiber.joinAll([held, third])
      assert.deepStrictEqual(sent, ["a by 1 at 0", "b by 2 at 0", "c by 1 at 1"])
      assert.deepStrictEqual(yield* waiting, [])
      assert.isDefined(pool.health)
    })
  )

  it.effect("takes room from one key only, though a call stood in the queue of each", () =>
    Effect.gen(function* () {
      const { begin, call, keys, sent } = yield* world({ requestsPerMinute: 1 }, [done, done])
      yield* call(request("a"))
      yield* call(request("b"))
      const waiters = [yield* begin(request("c")), yield* begin(request("d"))]
      yield* TestClock.adjust("60 seconds")
      yield* Fiber.joinAll(waiters)
      assert.deepStrictEqual(
        sent.slice(2).map((line) => line.slice(-5)),
        ["at 60", "at 60"]
      )
      assert.sameMembers(
        sent.slice(2).map((line) => line[5]),
        ["1", "2"]
      )
      for (const { rateLimits } of keys) {
        assert.strictEqual((yield* rateLimits.roomFor(request("e"))).at, 120_000)
        assert.deepStrictEqual(yield* rateLimits.waiting, [])
      }
    })
  )

  it.effect("gives back at once what two keys gave to the same call", () =>
    Effect.gen(function* () {
      const gate = FakeProvider.gate()
      const held: Answer = ({ session }) =>
        session === "a" ? FakeProvider.behind(gate, FakeProvider.text("done")) : FakeProvider.text("done")
      const { begin, call, keys, sent } = yield* world({ inputTokensPerMinute: 1_000 }, [held, held])
      const large = { prompt: Prompt.make("x".repeat(3_500)) }
      const passes = yield* Effect.forEach(keys, ({ rateLimits }) => rateLimits.enter("fake", request("x", large)))
      const waiter = yield* begin(request("a", large))
      for (const { gate, ticket } of passes) gate.settle(ticket, nothing, 0)
      yield* gate.reached
      yield* call(request("b", large))
      assert.strictEqual(sent.length, 2)
      yield* gate.open
      yield* Fiber.join(waiter)
    })
  )

  it.effect("lets sessions take turns at each key", () =>
    Effect.gen(function* () {
      const { begin, call, sent } = yield* world({ requestsPerMinute: 1 }, [done, done])
      yield* call(request("x"))
      yield* call(request("y"))
      const calls = yield* Effect.forEach(["a", "a", "a", "a", "b"], (session) => begin(request(session)))
      yield* TestClock.adjust("4 minutes")
      yield* Fiber.joinAll(calls)
      assert.strictEqual(sent.find((line) => line.startsWith("b"))?.slice(-6), "at 120")
    })
  )

  it.effect("leaves nothing behind in any queue when a call is no longer wanted, or waited too long", () =>
    Effect.gen(function* () {
      const { begin, call, keys, sent, waiting } = yield* world({ requestsPerMinute: 1 }, [done, done], "20 seconds")
      yield* call(request("a"))
      yield* call(request("b"))
      const gone = yield* begin(request("c"))
      const late = yield* begin(request("d"))
      yield* Fiber.interrupt(gone)
      assert.deepStrictEqual(
        (yield* waiting).map(({ session }) => session),
        ["d"]
      )
      yield* TestClock.adjust("20 seconds")
      const error = yield* Effect.flip(Fiber.join(late))
      assert.strictEqual(error.reason, "rate_limited")
      assert.isFalse(isTransient(error))
      assert.deepStrictEqual(yield* waiting, [])
      for (const { rateLimits } of keys) assert.deepStrictEqual(yield* rateLimits.waiting, [])
      assert.strictEqual(sent.length, 2)
    })
  )

  for (const reason of ["authentication", "billing", "permission", "spend_limit", "not_found"] as const) {
    it.effect(`passes over a key that is refused with ${reason}, and does not ask it again for a while`, () =>
      Effect.gen(function* () {
        const { call, sent } = yield* world({}, [() => failing(reason), done])
        yield* call(request("a"))
        yield* call(request("b"))
        yield* call(request("c"))
        assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 2 at 0", "b by 2 at 0", "c by 2 at 0"])
      })
    )
  }

  it.effect("passes over a key that is limited, without a wait, until its time has come", () =>
    Effect.gen(function* () {
      let first = true
      const once: Answer = () => {
        const reply = first ? failing("rate_limited", "30 seconds") : FakeProvider.text("done")
        first = false
        return reply
      }
      const { call, sent } = yield* world({}, [once, done])
      yield* call(request("a"))
      yield* call(request("b"))
      yield* TestClock.adjust("30 seconds")
      yield* call(request("c"))
      assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 2 at 0", "b by 2 at 0", "c by 1 at 30"])
    })
  )

  it.effect("goes on to the next key when one is limited and names no time worth waiting for", () =>
    Effect.gen(function* () {
      const { call, sent } = yield* world({}, [() => failing("rate_limited", 0), done])
      yield* call(request("a"))
      assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 2 at 0"])
    })
  )

  it.effect("goes back to a key that was limited if its time has come before another has room", () =>
    Effect.gen(function* () {
      let first = true
      const once: Answer = () => {
        const reply = first ? failing("rate_limited", "5 seconds") : FakeProvider.text("done")
        first = false
        return reply
      }
      const { begin, keys, sent } = yield* world({ requestsPerMinute: 3 }, [once, done])
      yield* Effect.replicateEffect(busy(keys[1]), 3)
      const waiter = yield* begin(request("a"))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(waiter)
      assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 1 at 5"])
    })
  )

  it.effect("says which key is passed over, and why", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make((entry) => lines.push(Logger.formatStructured.log(entry).annotations))
      const { call } = yield* world({}, [() => failing("rate_limited"), done])
      yield* Effect.provide(call(request("a")), Logger.layer([logger]))
      assert.strictEqual(lines.length, 1)
      assert.deepInclude(lines[0], { provider: "fake", key: "key 1", reason: "rate_limited" })
      assert.property(lines[0], "detail")
    })
  )

  it.effect("tells which keys are at their limit, and until when", () =>
    Effect.gen(function* () {
      const { call, pool } = yield* world({}, [() => failing("rate_limited", "1 minute"), done])
      const paused = pool.paused ?? Effect.die("nobody knows")
      yield* call(request("a"))
      assert.deepStrictEqual(yield* paused, [{ key: "key 1", until: 60_000 }])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* paused, [])
    })
  )

  it.effect("tells the fault that passes soonest when no key can be asked", () =>
    Effect.gen(function* () {
      const { call, sent } = yield* world({}, [
        () => failing("rate_limited", "1 minute"),
        () => failing("authentication")
      ])
      const error = yield* Effect.flip(call(request("a")))
      assert.strictEqual(error.reason, "rate_limited")
      assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 2 at 0"])
    })
  )

  it.effect("does not try other keys for what is the request's fault, or everybody's", () =>
    Effect.gen(function* () {
      for (const reason of ["invalid_request", "overloaded", "refused"] as const) {
        const { call, sent } = yield* world({}, [() => failing(reason), done])
        assert.strictEqual((yield* Effect.flip(call(request("a")))).reason, reason)
        assert.deepStrictEqual(sent, ["a by 1 at 0"])
      }
    })
  )

  it.effect("says nothing twice: a key that fails after it has spoken is not made up for by another", () =>
    Effect.gen(function* () {
      const { call, sent } = yield* world({}, [
        () => Stream.concat(FakeProvider.words("and then"), failing("rate_limited", "1 second")),
        done
      ])
      assert.strictEqual((yield* Effect.flip(call(request("a")))).reason, "rate_limited")
      assert.deepStrictEqual(sent, ["a by 1 at 0"])
    })
  )

  it.effect("hands on no announcement of a key that was passed over", () =>
    Effect.gen(function* () {
      const announced = Stream.concat(Stream.take(FakeProvider.words("x"), 1), failing("rate_limited"))
      const { pool } = yield* world({}, [() => announced, done])
      const parts = yield* Stream.runCollect(pool.stream(request("a")))
      assert.strictEqual(parts.filter(({ type }) => type === "text-start").length, 1)
    })
  )

  it.effect("asks no more keys than the budget of the call allows", () =>
    Effect.gen(function* () {
      const refused: Answer = () => failing("authentication")
      const { call, sent } = yield* world({}, [refused, refused, done])
      const budget = RetryBudget.make(2)
      budget.spend()
      yield* Effect.flip(call(request("a", { budget })))
      assert.deepStrictEqual(sent, ["a by 1 at 0", "a by 2 at 0"])
    })
  )

  it.effect("does not let a call wait for long where somebody else can be asked", () =>
    Effect.gen(function* () {
      const { call, sent } = yield* world({ requestsPerMinute: 1 }, [done, done])
      yield* call(request("a"))
      yield* call(request("b"))
      const error = yield* Effect.flip(call(request("c", { budget: RetryBudget.make(5, 2) })))
      assert.deepInclude(error, { reason: "rate_limited", skipped: true })
      assert.strictEqual(error.detail, "the call would have waited at least 1m for room under requestsPerMinute")
      assert.strictEqual(sent.length, 2)
    })
  )

  it.effect("does not let a call stand in a queue for long where somebody else can be asked", () =>
    Effect.gen(function* () {
      for (const answers of [[done], [done, done]]) {
        const { begin, keys, sent, waiting } = yield* world({ requestsPerMinute: 60 }, answers)
        for (const key of keys) yield* Effect.replicateEffect(busy(key), 60)
        const others = yield* Effect.forEach(Array.from({ length: 20 }), () => begin(request("a")))
        const late = yield* begin(request("a", { budget: RetryBudget.make(5, 2) }))
        yield* TestClock.adjust("5 seconds")
        const error = yield* Effect.flip(Fiber.join(late))
        assert.strictEqual(error.reason, "rate_limited")
        assert.include(error.detail, "for other calls to go first")
        assert.isFalse(isTransient(error))
        assert.strictEqual((yield* waiting).length, 20 - sent.filter((line) => line.startsWith("a")).length)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.joinAll(others)
      }
    })
  )

  it.effect("fails at once, with the fault behind it, when all keys are left alone", () =>
    Effect.gen(function* () {
      const overloaded: Answer = () => failing("overloaded")
      const { call, sent } = yield* world({}, [overloaded, overloaded])
      for (let time = 0; time < 10; time++) yield* Effect.exit(call(request(`s${time}`)))
      assert.strictEqual(sent.length, 10)
      const error = yield* Effect.flip(call(request("last")))
      assert.deepInclude(error, { reason: "overloaded", skipped: true })
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(10))
      assert.strictEqual(sent.length, 10)
    })
  )

  it.effect("gives back the room of a call that was not sent after all", () =>
    Effect.gen(function* () {
      const gate = FakeProvider.gate()
      const overloaded = failing("overloaded", "1 minute")
      const { begin, call, keys, sent } = yield* world({ requestsPerMinute: 5 }, [
        ({ session }) => (session === "last" ? FakeProvider.behind(gate, overloaded) : overloaded)
      ])
      for (let time = 0; time < 4; time++) yield* Effect.exit(call(request("a")))
      const last = yield* begin(request("last"))
      yield* gate.reached
      const late = yield* begin(request("late"))
      yield* gate.open
      yield* Fiber.await(last)
      yield* TestClock.adjust("12 seconds")
      assert.deepInclude(yield* Effect.flip(Fiber.join(late)), { reason: "overloaded", skipped: true })
      assert.strictEqual(sent.length, 5)
      const room = yield* keys[0]?.rateLimits.roomFor(request("next")) ?? Effect.die("there is no key")
      assert.isUndefined(room.obstacle)
    })
  )

  it.effect("counts tokens by a key that is not to be left alone, or not at all", () =>
    Effect.gen(function* () {
      const limited: Answer = () => failing("rate_limited", "30 seconds")
      const { call, counted, pool } = yield* world({}, [limited, limited])
      const count = pool.count?.(request("b")) ?? Effect.die("it does not count")
      yield* count
      yield* Effect.exit(call(request("a")))
      const error = yield* Effect.flip(count)
      assert.deepInclude(error, { reason: "rate_limited", skipped: true })
      assert.deepStrictEqual(counted, [1])
      yield* TestClock.adjust("30 seconds")
      yield* count
      assert.strictEqual(counted.length, 2)
    })
  )
})
