/** What it takes to decide 10,000 times whether a key's limits let a call through, beside Effect's own limiter. */
import { Duration, Effect, Layer, type Scope } from "effect"
import { RateLimiter } from "effect/persistence"
import * as Gate from "../../../src/providers/CallGate.ts"
import { atMost, type Bench, type Figure, type Row } from "../Figure.ts"
import { inTurn, timed } from "../Statistics.ts"

const decisions = 10_000
const rounds = 25
const warmUp = 5
const goal = 50

const plenty = 1_000_000_000
const limits = { requestsPerMinute: plenty, inputTokensPerMinute: plenty, outputTokensPerMinute: plenty }
const cost = { requests: 1, inputTokens: 1200, outputTokens: 4096 }
const used = { requests: 1, inputTokens: 1100, outputTokens: 300 }
const turns = Array.from({ length: decisions }, (_, index) => `session-${index % 100}`)

/** Every call is let through, and settled with what it used. */
const ours: Effect.Effect<void, unknown, Scope.Scope> = Effect.gen(function* () {
  const gate = yield* Gate.make(limits, Duration.minutes(1))
  yield* Effect.forEach(
    turns,
    (session) =>
      Effect.clockWith((clock) =>
        Effect.map(
          gate.enter(session, cost, (_, waiting) => waiting),
          (ticket) => gate.settle(ticket, used, clock.currentTimeMillisUnsafe())
        )
      ),
    { discard: true }
  )
})

const memory = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)

/** One bucket, of requests alone, and nothing given back. */
const theirs = Effect.gen(function* () {
  const limiter = yield* RateLimiter.RateLimiter
  const bucket = {
    algorithm: "token-bucket",
    onExceeded: "delay",
    window: "1 minute",
    limit: plenty,
    key: "key"
  } as const
  yield* Effect.forEach(turns, () => limiter.consume(bucket), { discard: true })
}).pipe(Effect.provide(memory))

const run = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const subject = () => timed(() => Effect.runPromise(Effect.scoped(ours)))
  const baseline = () => timed(() => Effect.runPromise(theirs))
  bench.progress(`${decisions} decisions, ${rounds} rounds`)
  await inTurn(warmUp, subject, baseline)
  const pair = await inTurn(rounds, subject, baseline)
  return [
    {
      ...pair,
      name: "limits",
      unit: "ms",
      against: "RateLimiter of Effect, in memory",
      goal: atMost(pair.subject.median, goal, "ms"),
      note: `${decisions} calls let through and settled, each under three limits; the baseline has one and settles nothing`
    }
  ]
}

export const limiting: Figure = { name: "limits", about: "10,000 decisions of a key's rate limits", run }
