/**
 * The tool calls that run now: each is a temporary child of the tenant's `tools` supervisor, in its own Scope,
 * visible in the tree and gone when it ends.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { worker } from "../kernel/ChildSpec.ts"
import * as Supervisor from "../kernel/Supervisor.ts"
import type { PreparedCall, ToolContext } from "../tools/Tool.ts"
import { outwaited, queryTool, runTool, type ToolOutcome } from "../tools/Toolbox.ts"

/** Stopped from outside the turn. */
const stopped: ToolOutcome = { outcome: "failed", output: "The call was stopped by an operator before it ended." }

export class ToolRuns extends Context.Service<
  ToolRuns,
  {
    /**
     * Runs a call, or asks what became of an earlier run of it. Interruption stops it and returns only when
     * nothing of it is left.
     */
    run(call: PreparedCall, how: "run" | "query", context: ToolContext): Effect.Effect<ToolOutcome>
  }
>()("fiberclaw/agents/ToolRuns") {
  /** one_for_one, dynamic, temporary: a tool call is never restarted by its supervisor, so no intensity applies. */
  static readonly layer = Layer.effect(
    ToolRuns,
    Effect.suspend(() => make())
  )
}

const make = Effect.fnUntraced(function* () {
  const supervisor = yield* Supervisor.make({
    name: "tools",
    strategy: "one_for_one",
    intensity: { restarts: 0, within: "1 second" },
    children: []
  })

  const run = Effect.fnUntraced(function* (call: PreparedCall, how: "run" | "query", context: ToolContext) {
    const ended = yield* Deferred.make<ToolOutcome>()
    const id = `${context.session} ${context.call}`
    const once = Effect.suspend(() => (how === "query" ? queryTool(call, context) : runTool(call, context))).pipe(
      Effect.flatMap((outcome) => Deferred.succeed(ended, outcome)),
      Effect.ensuring(Deferred.succeed(ended, stopped))
    )
    // An operator may restart the child, but nobody runs a call twice.
    const run = Effect.flatMap(Deferred.isDone(ended), (isDone) => (isDone ? Effect.void : once))
    const child = worker({ id, restart: "temporary", shutdown: "10 seconds", run })
    return yield* Effect.acquireUseRelease(
      Effect.orDie(supervisor.startChild(child)),
      () => outwaited(call, context, Deferred.await(ended)),
      () => Effect.ignore(supervisor.stopChild(id))
    )
  })

  return ToolRuns.of({ run })
})
