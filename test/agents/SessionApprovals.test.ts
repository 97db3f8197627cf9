import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Approvals } from "../../src/approvals/Approvals.ts"
import type { Verdict } from "../../src/domain/Approval.ts"
import { ApprovalId, SessionId } from "../../src/domain/Ids.ts"
import { SessionStore, StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { below, ended, event, inTime, say, settle, types } from "../support/AgentWorld.ts"
import { calls, make, text } from "../support/FakeProvider.ts"
import { temporary } from "../support/Folder.ts"
import { countingTools, runsOf } from "../support/Tools.ts"

const unsafe = { tool: "unsafe", text: "rm -rf /" }
const other = SessionId.make("other")
const once = [calls({ a: unsafe }), text("done")]

/** A world whose model wants to do something dangerous, and the folder in which its tools count their runs. */
const dangerous = Effect.fnUntraced(function* (replies = once, approvals: object = { patience: "10 minutes" }) {
  const folder = yield* temporary
  const provider = make(replies)
  const tools = countingTools({ folder })
  return {
    folder,
    provider,
    world: AgentWorld.layer({ providers: [provider], tools, agents: { main: { approvals } } })
  }
})

const answer = (verdict: Verdict, reason?: string, nth = 1) => {
  let count = 0
  return Effect.gen(function* () {
    const { approval } = yield* event("ApprovalAsked", () => ++count === nth)
    const approvals = yield* Approvals
    return yield* approvals.settle(approval, verdict, { by: "ada", reason })
  })
}

const pending = Approvals.use((approvals) => approvals.pending)
const resultsOf = (nth: number) => {
  let count = 0
  return Effect.map(
    event("ToolReturned", () => ++count === nth),
    ({ outcome, output }) => ({ outcome, output })
  )
}

describe("a dangerous call", () => {
  it.effect("waits for a person, who is told what will be done", () =>
    Effect.gen(function* () {
      const { folder, world } = yield* dangerous()
      yield* Effect.gen(function* () {
        const { turn } = yield* say("hello")
        yield* event("ApprovalAsked")
        assert.deepStrictEqual(
          (yield* pending).map((approval) => ({ ...approval })),
          [
            {
              id: ApprovalId.make(`${turn}.1.1`),
              session: AgentWorld.s,
              agent: "main",
              turn,
              call: "a",
              tool: "unsafe",
              summary: "unsafe: rm -rf /",
              askedAt: "1970-01-01T00:00:00.000Z",
              expiresAt: "1970-01-01T00:10:00.000Z"
            } as never
          ]
        )
        assert.deepStrictEqual(runsOf(folder, "unsafe"), [])
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("runs when it is allowed", () =>
    Effect.gen(function* () {
      const { folder, world } = yield* dangerous()
      yield* Effect.gen(function* () {
        yield* say("hello")
        const approval = yield* answer("allow")
        assert.strictEqual(approval.call, "a")
        yield* ended()
        assert.lengthOf(runsOf(folder, "unsafe"), 1)
        assert.deepStrictEqual(yield* resultsOf(1), { outcome: "succeeded", output: "unsafe got rm -rf /" })
        assert.deepStrictEqual(yield* pending, [])
        const settled = yield* event("ApprovalSettled")
        assert.include(settled, { verdict: "allow", by: "ada" })
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("does not run when it is refused, and the model reads why", () =>
    Effect.gen(function* () {
      const { folder, world } = yield* dangerous()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* answer("deny", "not here")
        assert.include(yield* ended(), { outcome: "completed" })
        assert.deepStrictEqual(runsOf(folder, "unsafe"), [])
        assert.deepStrictEqual(yield* resultsOf(1), {
          outcome: "refused",
          output: "A person refused this call, so it was not run. Their reason: not here"
        })
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("that is allowed always is not asked about again, but another is", () =>
    Effect.gen(function* () {
      const other = calls({ c: { tool: "unsafe", text: "something else" } })
      const { folder, world } = yield* dangerous([
        calls({ a: unsafe }),
        calls({ b: unsafe }),
        text("once"),
        other,
        text("twice")
      ])
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* answer("allowAlways")
        yield* ended(1)
        assert.lengthOf(runsOf(folder, "unsafe"), 2)
        yield* say("again")
        yield* answer("deny", undefined, 2)
        yield* ended(2)
        assert.lengthOf(runsOf(folder, "unsafe"), 2)
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("that nobody answers is not run once its patience is over", () =>
    Effect.gen(function* () {
      const { folder, world } = yield* dangerous()
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* event("ApprovalAsked")
        yield* settle
        yield* TestClock.adjust("9 minutes")
        yield* settle
        assert.lengthOf(yield* pending, 1)
        yield* TestClock.adjust("61 seconds")
        yield* ended()
        assert.include(yield* event("ApprovalSettled"), { verdict: "expired" })
        assert.match((yield* resultsOf(1)).output, /^Nobody answered/)
        assert.deepStrictEqual(runsOf(folder, "unsafe"), [])
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("is asked about by nobody where the agent may, or may not at all", () =>
    Effect.gen(function* () {
      for (const [policy, runs] of [
        ["allow", 1],
        ["deny", 0]
      ] as const) {
        const { folder, world } = yield* dangerous(once, { dangerous: policy })
        yield* Effect.gen(function* () {
          yield* say("hello")
          yield* ended()
          assert.notInclude(yield* types(), "ApprovalAsked")
          assert.lengthOf(runsOf(folder, "unsafe"), runs)
        }).pipe(Effect.provide(world))
      }
    })
  )
})

describe("a verdict", () => {
  it.effect("wakes a session whose fiber has long gone to rest", () =>
    Effect.gen(function* () {
      const { world } = yield* dangerous(once, { patience: "1 day" })
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* event("ApprovalAsked")
        yield* settle
        assert.deepStrictEqual(yield* below("sessions"), [])
        yield* TestClock.adjust("1 hour")
        yield* answer("allow")
        assert.include(yield* inTime(ended()), { outcome: "completed" })
        assert.notInclude(yield* types(), "TurnResumed")
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("is the first one, and a second is refused", () =>
    Effect.gen(function* () {
      const { world } = yield* dangerous()
      yield* Effect.gen(function* () {
        yield* say("hello")
        const { id } = yield* answer("deny")
        const late = yield* Effect.flip(answer("allow"))
        assert.strictEqual(late.message, `approval ${id} is already settled: deny`)
        yield* ended()
        assert.strictEqual((yield* Effect.flip(answer("allow")))._tag, "ApprovalAlreadySettled")
      }).pipe(Effect.provide(world))
    })
  )

  it.effect("given by two at once is the one of whoever was first", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const store = Layer.effect(
        SessionStore,
        Effect.map(SessionStore, (whole) => ({
          ...whole,
          // Both look before either of them settles.
          approval: (id: ApprovalId) => Effect.tap(whole.approval(id), () => settle)
        }))
      ).pipe(Layer.provide(Layer.fresh(SessionStore.layerMemory)))
      yield* Effect.gen(function* () {
        yield* say("hello")
        const both = [answer("deny"), answer("allow")].map(Effect.result)
        const [first, second] = yield* Effect.all(both, { concurrency: "unbounded" })
        assert.deepStrictEqual([first?._tag, second?._tag].sort(), ["Failure", "Success"])
        yield* ended()
        assert.lengthOf(runsOf(folder, "unsafe"), second?._tag === "Success" ? 1 : 0)
        assert.lengthOf(
          (yield* types()).filter((type) => type === "ApprovalSettled"),
          1
        )
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make(once)], tools: countingTools({ folder }), store })))
    })
  )

  it.effect("on something nobody asked is refused", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const error = yield* Effect.flip(approvals.settle(ApprovalId.make("nobody"), "allow", { by: "ada" }))
      assert.strictEqual(error.message, "there is no approval nobody")
    }).pipe(Effect.provide(AgentWorld.layer()))
  )

  it.effect("comes too late when the turn was cancelled", () =>
    Effect.gen(function* () {
      const { world } = yield* dangerous([calls({ a: unsafe })], { patience: "1 hour" })
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* event("ApprovalAsked")
        yield* AgentWorld.cancel
        assert.include(yield* ended(), { outcome: "cancelled" })
        assert.include(yield* event("ApprovalSettled"), { verdict: "cancelled" })
        assert.include(yield* resultsOf(1), { outcome: "cancelled" })
        assert.strictEqual((yield* Effect.flip(answer("allow"))).message.endsWith("already settled: cancelled"), true)
      }).pipe(Effect.provide(world))
    })
  )
})

describe("after a restart of the service", () => {
  it.effect("a request for approval is still open, and its verdict goes on with the turn", () =>
    Effect.gen(function* () {
      const store = yield* AgentWorld.sharedStore
      const { folder, world } = yield* dangerousOn(store)
      yield* Effect.andThen(say("hello"), event("ApprovalAsked")).pipe(Effect.provide(world([calls({ a: unsafe })])))
      yield* Effect.gen(function* () {
        assert.lengthOf(yield* pending, 1)
        yield* answer("allow")
        assert.include(yield* ended(), { outcome: "completed" })
        assert.lengthOf(runsOf(folder, "unsafe"), 1)
      }).pipe(Effect.provide(world([])))
    })
  )

  it.effect("one whose time ran out meanwhile is settled as expired", () =>
    Effect.gen(function* () {
      const store = yield* AgentWorld.sharedStore
      const { folder, world } = yield* dangerousOn(store)
      yield* Effect.andThen(say("hello"), event("ApprovalAsked")).pipe(Effect.provide(world([calls({ a: unsafe })])))
      yield* TestClock.adjust("1 day")
      yield* Effect.gen(function* () {
        yield* ended()
        assert.include(yield* event("ApprovalSettled"), { verdict: "expired" })
        assert.deepStrictEqual(runsOf(folder, "unsafe"), [])
      }).pipe(Effect.provide(world([])))
    })
  )

  const dangerousOn = Effect.fnUntraced(function* (store: AgentWorld.SharedStore) {
    const folder = yield* temporary
    const tools = countingTools({ folder })
    return {
      folder,
      world: (replies: Parameters<typeof make>[0]) => AgentWorld.layer({ providers: [make(replies)], tools, store })
    }
  })
})

describe("while the store cannot be read", () => {
  it.effect("in one session, requests of others expire all the same", () =>
    Effect.gen(function* () {
      const [shared, folder] = [yield* AgentWorld.sharedStore, yield* temporary]
      const tools = countingTools({ folder })
      const unreadable = Layer.effect(
        SessionStore,
        Effect.map(SessionStore, (whole) => ({
          ...whole,
          read: (...read: Parameters<typeof whole.read>) =>
            read[0] === AgentWorld.s ? new StoreUnavailable({ reason: "unreadable" }) : whole.read(...read)
        }))
      ).pipe(Layer.provide(shared))
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* event("ApprovalAsked")
        yield* TestClock.adjust("1 second")
        yield* say("hello", { session: other })
        yield* event("ApprovalAsked", undefined, other)
      }).pipe(
        Effect.provide(
          AgentWorld.layer({ providers: [make([calls({ a: unsafe }), calls({ a: unsafe })])], tools, store: shared })
        )
      )
      yield* Effect.gen(function* () {
        assert.include(yield* inTime(event("ApprovalSettled", undefined, other)), { verdict: "expired" })
        assert.lengthOf(yield* pending, 1)
      }).pipe(Effect.provide(AgentWorld.layer({ providers: [make([])], tools, store: unreadable })))
    })
  )

  it.effect("the expiry waits, and goes on afterwards", () =>
    Effect.gen(function* () {
      const { broken, store } = yield* AgentWorld.failingStore
      const folder = yield* temporary
      const options = { providers: [make(once)], tools: countingTools({ folder }), store }
      yield* Effect.gen(function* () {
        yield* say("hello")
        yield* event("ApprovalAsked")
        broken.reads = true
        yield* settle
        yield* TestClock.adjust("11 minutes")
        yield* settle
        broken.reads = false
        yield* inTime(ended())
        assert.include(yield* event("ApprovalSettled"), { verdict: "expired" })
        assert.isTrue((yield* AgentWorld.logged).includes("approvals wait for the store"))
        assert.deepStrictEqual(yield* SessionStore.use(({ approvals }) => approvals), [])
      }).pipe(Effect.provide(AgentWorld.layer(options)))
    })
  )
})
