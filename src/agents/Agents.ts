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
import type { Provider } from "../providers/Provider.ts"
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

/** A provider, and what it calls the model. */
export interface Resolved {
  readonly provider: Provider["Service"]
  readonly model: string
}

/** One incarnation of an agent, ready to serve turns. */
export interface ServingAgent {
  readonly id: AgentId
  readonly definition: AgentConfig
  readonly generation: number
  readonly policy: Policy
  readonly provider: Provider["Service"]
  readonly tools: ReadonlyArray<AiTool.Any>
  /** Who answers for a model named `provider/model`; none if the tenant has no such provider. */
  resolve(model: string): Resolved | undefined
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
