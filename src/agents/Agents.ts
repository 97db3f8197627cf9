/**
 * The agents of one tenant.
 *
 * An agent is a definition and the supervised child that serves it. Work of a turn runs inside the serving
 * incarnation: when that one dies, the work dies with it, visibly, and the turn is resumed with the next.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type { Effect, Fiber, Option } from "effect"
import type { Tool as AiTool } from "effect/ai"
import type { AgentConfig } from "../config/AgentConfig.ts"
import { AgentId } from "../domain/Ids.ts"
import type { ModelLimits, Provider } from "../providers/Provider.ts"
import type { Policy } from "./TurnStep.ts"

/** The tenant has no agent of this name. */
export class AgentUnknown extends Schema.TaggedError<AgentUnknown>()("AgentUnknown", { agent: AgentId }) {
  override get message() {
    return `there is no agent ${this.agent}`
  }
}

/** The incarnation that did the work stopped before the work ended. */
export class AgentStopped extends Schema.TaggedError<AgentStopped>()("AgentStopped", { agent: AgentId }) {
  override get message() {
    return `agent ${this.agent} stopped`
  }
}

/** A provider, what it calls the model, and what is known by now of what that takes and gives. */
export interface Resolved {
  readonly provider: Provider["Service"]
  readonly model: string
  readonly limits: ModelLimits
}

/** One incarnation of an agent, ready to serve turns. */
export interface ServingAgent {
  readonly id: AgentId
  readonly definition: AgentConfig
  readonly generation: number
  readonly provider: Provider["Service"]
  readonly tools: ReadonlyArray<AiTool.Any>
  /** Who answers for a model named `provider/model`; none if the tenant has no such provider. */
  resolve(model: string): Resolved | undefined
  /**
   * What `decide` has to know for a turn on this model, named `provider/model`, with what is known by now of its limits.
   * `answeredBy` made the last reply: as long as that is one who stands in, the next request has to fit it as well.
   */
  policyFor(model: string, answeredBy?: string): Policy
  /** Has the limits of this model asked for unless they are known. Returns at once. */
  learn(model: string): Effect.Effect<void>
  /**
   * Starts work in a fiber of this incarnation, which is interrupted when that ends. It is the caller's to interrupt, too,
   * and runs with all that the caller has.
   */
  start<A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, AgentStopped, R>
}

/** What an operator sees of an agent. `running` counts the pieces of work under way. */
export interface AgentStatus {
  readonly id: AgentId
  readonly definition: AgentConfig
  readonly generation: number
  readonly status: "idle" | "running" | "restarting"
  readonly restarts: number
  readonly running: number
}

export class Agents extends Context.Service<
  Agents,
  {
    /** Every defined agent, by name. */
    readonly all: Effect.Effect<ReadonlyArray<AgentStatus>>
    /** The definition of an agent, whether or not it is being served now. */
    definition(id: AgentId): AgentConfig | undefined
    /** The incarnation that serves now, if one does. */
    current(id: AgentId): Effect.Effect<Option.Option<ServingAgent>>
    /** The incarnation that serves now; waits for the next one while the agent restarts. */
    serving(id: AgentId): Effect.Effect<ServingAgent, AgentUnknown>
  }
>()("fiberclaw/agents/Agents") {}
