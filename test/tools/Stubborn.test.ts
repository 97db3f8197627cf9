/** Tools that do not stop when they are told to: none of them holds a session for longer than its time-out and 20 s. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Tool from "../../src/tools/Tool.ts"
import { exec } from "../../src/tools/exec/Exec.ts"
import * as AgentWorld from "../support/AgentWorld.ts"
import { below, cancel, ended, event, logged, say } from "../support/AgentWorld.ts"
import { calls, type FakeProvider, make, text } from "../support/FakeProvider.ts"
import { folder, isRunning, pidsIn, until } from "./exec/Processes.ts"

type Run = Effect.Effect<string, Tool.ToolFailed, Scope.Scope>

/** A tool that may take a minute and does this, once it has said that it began. */
const stubborn = (run: Run) => {
  const begun = Deferred.makeUnsafe<void>()
  const tool = Tool.make({
    name: "stubborn",
    description: "Does not stop",
    parameters: Schema.Struct({ text: Schema.String }),
    prepare: () => ({
      effect: "unsafe",
      dangerous: false,
      summary: "",
      timeout: Duration.minutes(1),
      run: () => Effect.andThen(Deferred.succeed(begun, undefined), run)
    })
  })
  return { tool, begun: Deferred.await(begun) }
}

const calling = (name = "stubborn", given = "x"): FakeProvider =>
  make([calls({ a: { tool: name, text: given } }), text("I know"), text("again")])

const hanging = Effect.addFinalizer(() => Effect.never)

const kinds: ReadonlyArray<readonly [string, Run]> = [
  ["cannot be interrupted", Effect.uninterruptible(Effect.never)],
  ["never releases what it holds", Effect.andThen(hanging, Effect.never)],
  ["ends and never releases what it held", Effect.as(hanging, "done")]
]

/** A second of virtual time, in which every fiber and every real process has its turn. */
const second = Effect.gen(function* () {
  yield* AgentWorld.settle
  yield* Effect.promise(() => new Promise(setImmediate))
  yield* TestClock.adjust("1 second")
})

/** Waits for something while virtual time passes, for ten minutes at most. */
const inTime = Effect.fnUntraced(function* <A, E, R>(wait: Effect.Effect<A, E, R>) {
  const waiting = yield* Effect.forkChild(wait, { startImmediately: true })
  for (let passed = 0; passed < 600 && waiting.pollUnsafe() === undefined; passed++) yield* second
  if (waiting.pollUnsafe() === undefined) return yield* Effect.die(new Error("it is stuck"))
  return yield* Fiber.join(waiting)
})

/** Runs in a world of its own; time passes while that is stopped, as what does not end is waited for. */
const inWorld = Effect.fnUntraced(function* <A, E>(
  options: AgentWorld.WorldOptions,
  body: Effect.Effect<A, E, AgentWorld.Everything>
) {
  const scope = yield* Effect.scope
  const passing = Effect.forkIn(Effect.forever(second), scope)
  return yield* Effect.provide(Effect.ensuring(body, passing), AgentWorld.layer(options))
})

const seconds = Effect.map(Clock.currentTimeMillis, (now) => now / 1000)

describe("a tool that", () => {
  it.effect.each(kinds)(
    "%s is left behind at its time-out, and the turn goes on with a result that says so",
    ([, run]) => {
      const { tool } = stubborn(run)
      const provider = calling()
      const body = Effect.gen(function* () {
        yield* say("hello")
        const { outcome, output } = yield* inTime(event("ToolReturned"))
        assert.strictEqual(outcome, "failed")
        assert.include(output, "did not end when it was stopped")
        assert.isAtMost(yield* seconds, 60 + 20 + 1)
        assert.strictEqual((yield* ended()).outcome, "completed")
        assert.strictEqual(provider.requests.length, 2)
        assert.deepStrictEqual(yield* below("tools"), [])
        assert.include(yield* logged, "tool does not stop")
      })
      return inWorld({ providers: [provider], tools: [tool] }, body)
    }
  )

  it.effect.each(kinds)("%s does not hold up a cancelled turn, nor the message after it", ([, run]) => {
    const { begun, tool } = stubborn(run)
    const body = Effect.gen(function* () {
      yield* say("hello")
      yield* begun
      yield* cancel
      assert.strictEqual((yield* inTime(ended())).outcome, "cancelled")
      assert.isAtMost(yield* seconds, 10 + 1)
      assert.strictEqual((yield* event("ToolReturned")).outcome, "unknown")
      assert.include(yield* logged, "shutdown timed out")
      yield* say("are you still there?")
      assert.strictEqual((yield* ended(2)).outcome, "completed")
    })
    return inWorld({ providers: [calling()], tools: [tool] }, body)
  })
})

/** `exec` under a name and with parameters that a test can call. */
const shell = (path: string): Tool.Tool => {
  const { definition, prepare } = exec({ workspace: () => path })
  const Input = Schema.Struct({ text: Schema.String })
  const decode = Schema.decodeUnknownSync(Input)
  return {
    name: "shell",
    definition,
    prepare: (input, agent) => prepare({ command: decode(input).text }, agent)
  }
}

describe("a command that", () => {
  it.effect("ignores every signal it can is killed with its process group when its turn is cancelled", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const command =
        "trap '' TERM INT HUP; (trap '' TERM; sleep 1000) & echo $$ $! > pids; while :; do sleep 1000; done"
      const body = Effect.gen(function* () {
        yield* say("hello")
        const pids = yield* pidsIn(`${path}/pids`)
        assert.deepStrictEqual(pids.map(isRunning), [true, true])
        yield* cancel
        const { outcome } = yield* inTime(ended())
        assert.strictEqual(outcome, "cancelled")
        yield* until(() => !pids.some(isRunning))
        assert.deepStrictEqual(yield* below("tools"), [])
      })
      const agents = { main: { approvals: { dangerous: "allow" } } }
      yield* inWorld({ providers: [calling("shell", command)], tools: [shell(path)], agents }, body)
    })
  )
})
