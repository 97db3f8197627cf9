/**
 * A program whose stop never ends, run as a process of its own. It says "ready" when it may be stopped, "stopping" when
 * it is being stopped, and "hurried" when it was told so. With `--fast` its clock runs as fast as it can from then on.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Insistence from "../../src/cli/Insistence.ts"
import { Drain } from "../../src/kernel/Drain.ts"

const racing = Effect.forever(Effect.andThen(Effect.yieldNow, TestClock.adjust("1 second")))

const stop = Effect.gen(function* () {
  yield* Console.log("stopping")
  yield* Drain.use(({ hurried }) => hurried)
  yield* Console.log("hurried")
  return yield* process.argv.includes("--fast") ? racing : Effect.never
})

const program = Effect.andThen(Console.log("ready"), Effect.never).pipe(
  Effect.ensuring(stop),
  Effect.provide(Layer.provideMerge(Insistence.layer, Drain.layer)),
  Effect.provide(TestClock.layer())
)

NodeRuntime.runMain(program, { disableErrorReporting: true })
