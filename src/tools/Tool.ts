/**
 * A capability a model may call.
 *
 * A tool is described to the model by `effect/ai`'s Tool and run by us: its input is decoded by its own schema,
 * its run is bounded and interruptible, and whatever goes wrong in it becomes a result the model can read.
 */
import type { Duration, Effect, Scope } from "effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AiTool from "effect/ai/Tool"
import type { AgentId, CallId, SessionId, TurnId } from "../domain/Ids.ts"
import type { EffectClass } from "../domain/ToolEffect.ts"

/** Who calls, from where, and with which key a repeated run of the same call is recognised. */
export interface ToolContext {
  readonly agent: AgentId
  readonly session: SessionId
  readonly turn: TurnId
  readonly call: CallId
  readonly key: string
}

/** The call ended without doing what it should; `message` is for the model. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", { message: Schema.String }) {}

/** The input does not fit the tool's schema; `message` says where and what was expected, for the model. */
export class ToolInputInvalid extends Schema.TaggedError<ToolInputInvalid>()("ToolInputInvalid", {
  message: Schema.String
}) {}

/** A decoded call, ready to be judged and run. */
export interface PreparedCall {
  readonly effect: EffectClass
  /** Whether it may do harm, so that policy may want a person's consent. A pure function of the input. */
  readonly dangerous: boolean
  /** For the person who is asked: everything that will be done, nothing left out, nothing invisible. */
  readonly summary: string
  /** The longest it may run. */
  readonly timeout: Duration.Duration
  /** Runs it and returns the text the model reads. Interruption stops everything it started. */
  run(context: ToolContext): Effect.Effect<string, ToolFailed, Scope.Scope>
  /** For `queryable` calls: what became of an earlier run with the same key. */
  query?(context: ToolContext): Effect.Effect<string, ToolFailed, Scope.Scope>
}

export interface Tool {
  readonly name: string
  /** Name, description and parameters as the model sees them. */
  readonly definition: AiTool.Any
  /**
   * Decodes what the model wrote. Pure: the same input is always judged alike. Told which agent asks, the summary
   * may name what depends on it (its folder); without, it says so in general words.
   */
  prepare(input: unknown, agent?: AgentId): Result.Result<PreparedCall, ToolInputInvalid>
}

/**
 * A tool from its parts. A key the schema does not know is refused, so that a model never believes an option was
 * obeyed that does not exist; all faults of an input are reported at once.
 */
export const make = <const Name extends string, Parameters extends Schema.Codec<unknown, unknown>>(options: {
  readonly name: Name
  readonly description: string
  readonly parameters: Parameters
  readonly prepare: (input: Parameters["Type"], agent: AgentId | undefined) => PreparedCall
}): Tool => {
  const decode = Schema.decodeUnknownResult(options.parameters, { onExcessProperty: "error", errors: "all" })
  return {
    name: options.name,
    definition: AiTool.make(options.name, { description: options.description, parameters: options.parameters }),
    prepare: (input, agent) =>
      Result.mapBoth(decode(input), {
        onFailure: (error) => new ToolInputInvalid({ message: `Invalid input for ${options.name}: ${error.message}` }),
        onSuccess: (decoded) => options.prepare(decoded, agent)
      })
  }
}
