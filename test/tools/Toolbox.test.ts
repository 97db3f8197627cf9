import { assert, describe, it, layer } from "@effect/vitest"
import type { Scope } from "effect"
import { Deferred, Duration, Effect, Exit, Fiber, Logger, Option, References, Result } from "effect"
import { TestClock } from "effect/testing"
import type { PreparedCall } from "../../src/tools/Tool.ts"
import { ToolFailed } from "../../src/tools/Tool.ts"
import { maximumOutput, queryTool, runTool, Toolbox } from "../../src/tools/Toolbox.ts"
import { countingTools, runsOf, toolContext } from "../support/Tools.ts"
import { folder } from "./exec/Processes.ts"

const prepared = (run: () => Effect.Effect<string, ToolFailed, Scope.Scope>): PreparedCall => ({
  effect: "pure",
  dangerous: false,
  summary: "",
  timeout: Duration.seconds(60),
  run
})

const runs = (run: () => Effect.Effect<string, ToolFailed, Scope.Scope>) => runTool(prepared(run), toolContext())

describe("Toolbox", () => {
  layer(Toolbox.layerOf(countingTools({ folder: "/nowhere" })))((it) => {
    it.effect("finds tools by name", () =>
      Effect.gen(function* () {
        const toolbox = yield* Toolbox
        assert.deepStrictEqual(toolbox.names, ["pure", "idempotent", "queryable", "unsafe"])
        assert.strictEqual(Option.getOrThrow(toolbox.find("pure")).name, "pure")
        assert.isTrue(Option.isNone(toolbox.find("toString")))
      })
    )

    it.effect("tells the model about the tools asked for, in that order", () =>
      Effect.gen(function* () {
        const { definitions } = yield* Toolbox
        const names = definitions(["unsafe", "missing", "pure"]).map((definition) => definition.name)
        assert.deepStrictEqual(names, ["unsafe", "pure"])
      })
    )

    it.effect("prepares a call or says what is wrong with it", () =>
      Effect.gen(function* () {
        const { prepare } = yield* Toolbox
        assert.strictEqual(Result.getOrThrow(prepare("unsafe", { text: "x" })).summary, "unsafe: x")
        const unknown = Result.getOrThrow(Result.flip(prepare("mis\nsing", {})))
        assert.strictEqual(unknown._tag, "ToolUnknown")
        assert.strictEqual(unknown.message, 'There is no tool named "mis\\nsing".')
        const invalid = Result.getOrThrow(Result.flip(prepare("pure", { text: 1 })))
        assert.strictEqual(invalid._tag, "ToolInputInvalid")
        assert.strictEqual(invalid.message, 'Invalid input for pure: Expected string\n  at ["text"]')
      })
    )
  })
})

describe("runTool", () => {
  it.effect("returns what the tool returned", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* runs(() => Effect.succeed("fine")), { outcome: "succeeded", output: "fine" })
    })
  )

  it.effect("bounds and cleans what the model will read", () =>
    Effect.gen(function* () {
      const long = yield* runs(() => Effect.succeed(`\0${"x".repeat(1_000_000)}`))
      assert.isBelow(long.output.length, maximumOutput + 100)
      assert.match(long.output, /^\ufffdx+\n\[… 934,465 characters left out …\]\nx+$/)
      const failing = yield* runs(() => new ToolFailed({ message: "x".repeat(1_000_000) }))
      assert.isBelow(failing.output.length, maximumOutput + 100)
    })
  )

  it.effect("turns a tool's failure into a result", () =>
    Effect.gen(function* () {
      const outcome = yield* runs(() => new ToolFailed({ message: "no such page" }))
      assert.deepStrictEqual(outcome, { outcome: "failed", output: "no such page" })
    })
  )

  it.effect.each<readonly [string, () => Effect.Effect<string, ToolFailed, Scope.Scope>]>([
    ["a defect", () => Effect.die(new Error("secret detail"))],
    [
      "a throw before any effect",
      () => {
        throw new Error("secret detail")
      }
    ],
    [
      "a finalizer's defect",
      () =>
        Effect.as(
          Effect.addFinalizer(() => Effect.die(new Error("secret detail"))),
          "x"
        )
    ]
  ])("turns %s into a result and logs its cause", ([, run]) => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ cause, fiber, message }) => {
      logged.push([message, String(cause).includes("secret detail"), fiber.getRef(References.CurrentLogAnnotations)])
    })
    return Effect.gen(function* () {
      const outcome = yield* runs(run)
      assert.strictEqual(outcome.outcome, "failed")
      assert.notInclude(outcome.output, "secret")
      assert.deepStrictEqual(logged, [[["tool broke"], true, { agent: "main", session: "session-1", call: "call-1" }]])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("stops a tool at its time-out and releases what it held", () =>
    Effect.gen(function* () {
      const released = yield* Deferred.make<void>()
      const holding = Effect.andThen(
        Effect.addFinalizer(() => Deferred.succeed(released, undefined)),
        Effect.never
      )
      const fiber = yield* Effect.forkChild(
        runs(() => holding),
        { startImmediately: true }
      )
      yield* TestClock.adjust("60 seconds")
      const outcome = yield* Fiber.join(fiber)
      assert.strictEqual(outcome.outcome, "failed")
      assert.include(outcome.output, "stopped after 60 s")
      assert.isTrue(Deferred.isDoneUnsafe(released))
    })
  )

  it.effect("lets interruption pass through, after the tool has released what it held", () =>
    Effect.gen(function* () {
      const released = yield* Deferred.make<void>()
      const holding = Effect.andThen(
        Effect.addFinalizer(() => Deferred.succeed(released, undefined)),
        Effect.never
      )
      const fiber = yield* Effect.forkChild(
        runs(() => holding),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.isTrue(Deferred.isDoneUnsafe(released))
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(runs(() => Effect.interrupt))))
    })
  )
})

describe("counting tools", () => {
  it.effect("write down every run, and a queryable one can tell", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const toolbox = yield* Effect.provide(Toolbox, Toolbox.layerOf(countingTools({ folder: path })))
      for (const name of toolbox.names) {
        const call = yield* Effect.fromResult(toolbox.prepare(name, { text: "x" }))
        assert.strictEqual(call.dangerous, name === "unsafe")
        assert.strictEqual((yield* runTool(call, toolContext({ key: "k" }))).output, `${name} got x`)
        assert.strictEqual(
          (yield* queryTool(call, toolContext({ key: "k" }))).outcome === "succeeded",
          name === "queryable"
        )
      }
      assert.deepStrictEqual(runsOf(path, "unsafe"), ["k x"])
    })
  )
})
