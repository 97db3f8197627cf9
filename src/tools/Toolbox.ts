/**
 * The tools of a tenant by name, and the one way to run them.
 *
 * `prepare` is pure: it decodes what a model wrote and judges it. `runTool` never fails: whatever goes wrong in a
 * tool becomes a result the model can read, so that no tool can take a turn down. Only interruption passes through,
 * after everything the tool started has been stopped. `outwaited` is for those that do not stop.
 */
import type { Scope } from "effect"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Tool as AiTool } from "effect/ai"
import type { AgentId } from "../domain/Ids.ts"
import { cutMiddle, storable } from "./Excerpt.ts"
import type { PreparedCall, Tool, ToolContext, ToolInputInvalid } from "./Tool.ts"
import { ToolFailed } from "./Tool.ts"

/** The most of a tool's output that is kept, in UTF-16 code units; beyond it the middle is left out. */
export const maximumOutput = 65_536

/** The tenant has no tool of this name. */
export class ToolUnknown extends Schema.TaggedError<ToolUnknown>()("ToolUnknown", { name: Schema.String }) {
  override get message() {
    return `There is no tool named ${JSON.stringify(this.name)}.`
  }
}

/** How a run ended; `output` is what the model reads: bounded, well-formed, without NUL. */
export interface ToolOutcome {
  readonly outcome: "succeeded" | "failed"
  readonly output: string
}

export class Toolbox extends Context.Service<
  Toolbox,
  {
    /** The tool of this name. */
    find(name: string): Option.Option<Tool>
    /** Every name, in the order the tools were given. */
    readonly names: ReadonlyArray<string>
    /** What the model is told about these tools, in the order asked for; a name nobody has is left out. */
    definitions(names: ReadonlyArray<string>): ReadonlyArray<AiTool.Any>
    /** Decodes and judges a call without running anything. The agent, when given, is named in the summary. */
    prepare(name: string, input: unknown, agent?: AgentId): Result.Result<PreparedCall, ToolUnknown | ToolInputInvalid>
  }
>()("fiberclaw/tools/Toolbox") {
  /** A toolbox of these tools. Of several with one name, the last is meant. */
  static readonly layerOf = (tools: ReadonlyArray<Tool>): Layer.Layer<Toolbox> => Layer.sync(Toolbox, () => make(tools))
}

const make = (tools: ReadonlyArray<Tool>): Toolbox["Service"] => {
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  return Toolbox.of({
    find: (name) => Option.fromUndefinedOr(byName.get(name)),
    names: Array.from(byName.keys()),
    definitions: (names) => names.flatMap((name) => byName.get(name)?.definition ?? []),
    prepare: (name, input, agent) => byName.get(name)?.prepare(input, agent) ?? Result.fail(new ToolUnknown({ name }))
  })
}

/** Runs a prepared call in a Scope of its own, for at most its time-out. */
export const runTool = Effect.fn("Toolbox.runTool")(function* (prepared: PreparedCall, context: ToolContext) {
  return yield* bounded(prepared, context, () => prepared.run(context))
})

/** Asks what became of an earlier run with the same key, under the same bounds as a run. */
export const queryTool = Effect.fn("Toolbox.queryTool")(function* (prepared: PreparedCall, context: ToolContext) {
  return yield* bounded(prepared, context, () => prepared.query?.(context) ?? cannotTell)
})

/** How long a tool may take to end on top of its time-out, once it has been told to. */
const farewell = Duration.seconds(10)

/**
 * What `ended` says, or that the tool cannot be stopped: a run may ignore its interruption, and what it holds may never
 * be released, but nobody waits for it longer than its time-out and the farewell. It is not ended by this; whoever owns
 * it leaves it behind.
 */
export const outwaited = (
  prepared: PreparedCall,
  { agent, call, session }: ToolContext,
  ended: Effect.Effect<ToolOutcome>
): Effect.Effect<ToolOutcome> =>
  Effect.timeoutOrElse(ended, {
    duration: Duration.sum(prepared.timeout, farewell),
    orElse: () =>
      Effect.logWarning("tool does not stop").pipe(
        Effect.annotateLogs({ agent, session, call, waited: Duration.format(farewell) }),
        Effect.as(unstoppable)
      )
  })

const cannotTell = new ToolFailed({ message: "This tool cannot tell what became of an earlier run." })

const failed = (output: string): ToolOutcome => ({
  outcome: "failed",
  output: cutMiddle(storable(output), maximumOutput)
})

const bounded = (
  prepared: PreparedCall,
  context: ToolContext,
  run: () => Effect.Effect<string, ToolFailed, Scope.Scope>
): Effect.Effect<ToolOutcome> =>
  Effect.scoped(Effect.suspend(run)).pipe(
    Effect.map(
      (output): ToolOutcome => ({
        outcome: "succeeded",
        output: cutMiddle(storable(output), maximumOutput)
      })
    ),
    Effect.timeoutOrElse({ duration: prepared.timeout, orElse: () => Effect.succeed(tooLong(prepared)) }),
    Effect.catchTag("ToolFailed", (error) => Effect.succeed(failed(error.message))),
    Effect.catchCause((cause) => broke(cause, context))
  )

const unstoppable: ToolOutcome = {
  outcome: "failed",
  output: "The tool did not end when it was stopped and was left behind; what it has done, or still does, is unknown."
}

const tooLong = (prepared: PreparedCall) =>
  failed(`The tool was stopped after ${Duration.toSeconds(prepared.timeout)} s; what it had done by then is unknown.`)

const broke = Effect.fnUntraced(function* (cause: Cause.Cause<never>, context: ToolContext) {
  if (Cause.hasDies(cause)) {
    const { agent, call, session } = context
    yield* Effect.annotateLogs(Effect.logError("tool broke", cause), { agent, session, call })
  }
  if (Cause.hasInterrupts(cause)) return yield* Effect.interrupt
  return failed("The tool itself broke, not because of its input; what it had done by then is unknown.")
})
