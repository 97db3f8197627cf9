/**
 * Starts and keeps the tenant's agents, each a permanent child that serves turns while it lives.
 *
 * Strategy one_for_one with backoff, 10 restarts in a minute: an agent that cannot stay up takes its tenant's
 * subtree down with it, whose own supervisor decides.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { AgentConfig } from "../config/AgentConfig.ts"
import type { AgentId } from "../domain/Ids.ts"
import { worker } from "../kernel/ChildSpec.ts"
import * as Registry from "../kernel/Registry.ts"
import * as Supervisor from "../kernel/Supervisor.ts"
import { Providers } from "../providers/Providers.ts"
import { Tenant } from "../tenants/Tenant.ts"
import { Toolbox } from "../tools/Toolbox.ts"
import { Agents, AgentStopped, AgentUnknown, type ServingAgent } from "./Agents.ts"
import type { Judgement } from "./TurnStep.ts"

/** How often in a row a turn may be cut off at the same place before it is given up as poisonous. */
const maxResumes = 5

/** What is known of an agent over all its incarnations. */
interface Post {
  readonly id: AgentId
  readonly definition: AgentConfig
  starts: number
  running: number
}

export const layer = Layer.effect(
  Agents,
  Effect.suspend(() => make())
)

const make = Effect.fnUntraced(function* () {
  const tenant = yield* Tenant
  const toolbox = yield* Toolbox
  const providers = yield* Providers
  const posts = new Map<AgentId, Post>()
  for (const [id, definition] of tenant.definition.agents) posts.set(id, { id, definition, starts: 0, running: 0 })
  const registry = yield* Registry.make<ServingAgent>()

  const serve = Effect.fnUntraced(function* (post: Post) {
    const { definition, id } = post
    const provider = providers.find(definition.model.provider)
    if (provider === undefined) return yield* Effect.die(new Error(`${definition.model.provider} is no provider`))
    const work = yield* FiberSet.make<unknown, unknown>()
    const agent: ServingAgent = {
      id,
      definition,
      generation: tenant.generation,
      provider,
      tools: toolbox.definitions(definition.tools),
      policy: { maxSteps: definition.maxSteps, maxResumes, judge: (tool, input) => judge(toolbox, post, tool, input) },
      run: (effect) => run(post, work, effect)
    }
    post.starts++
    yield* registry.register(id, agent)
    return yield* Effect.never
  })

  yield* Supervisor.make({
    name: "agents",
    strategy: "one_for_one",
    intensity: { restarts: 10, within: "1 minute" },
    backoff: { base: "100 millis", cap: "10 seconds" },
    children: Array.from(posts.values(), (post) => worker({ id: post.id, run: serve(post) }))
  })

  return Agents.of({
    all: Effect.forEach(Array.from(posts.values()), (post) =>
      Effect.map(registry.find(post.id), (serving) => statusOf(post, Option.isSome(serving), tenant.generation))
    ),
    definition: (id) => posts.get(id)?.definition,
    current: (id) => registry.find(id),
    serving: (id) => Effect.suspend(() => (posts.has(id) ? registry.awaiting(id) : new AgentUnknown({ agent: id })))
  })
})

const statusOf = ({ definition, id, running, starts }: Post, up: boolean, generation: number) => ({
  id,
  definition,
  generation,
  status: up ? (running > 0 ? ("running" as const) : ("idle" as const)) : ("restarting" as const),
  restarts: Math.max(0, starts - 1),
  running
})

/** The work is a fiber of the incarnation; its caller waits for it, and takes it down when interrupted. */
const run = <A, E, R>(post: Post, work: FiberSet.FiberSet<unknown, unknown>, effect: Effect.Effect<A, E, R>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const fiber = yield* FiberSet.run(work, effect, { startImmediately: true })
      post.running++
      const exit = yield* restore(Fiber.await(fiber)).pipe(
        Effect.onInterrupt(() => Fiber.interrupt(fiber)),
        Effect.ensuring(Effect.sync(() => post.running--))
      )
      const stopped = exit._tag === "Failure" && exit.cause.reasons.every((reason) => reason._tag === "Interrupt")
      return stopped ? yield* new AgentStopped({ agent: post.id }) : yield* exit
    })
  )

/** The agent's policy for one call: only its own tools, and a person's consent for what may do harm. */
const judge = (toolbox: Toolbox["Service"], { definition, id }: Post, tool: string, input: unknown): Judgement => {
  if (!definition.tools.includes(tool)) {
    const known = definition.tools.length === 0 ? "You have no tools." : `You have: ${definition.tools.join(", ")}.`
    return { _tag: "Refuse", reason: `There is no tool named ${JSON.stringify(tool)}. ${known}` }
  }
  // A tool that breaks while it is asked would otherwise break the session again each time it decides.
  const attempt = Result.try({ try: () => toolbox.prepare(tool, input, id), catch: toolBroke })
  const prepared = Result.flatMap(attempt, (result) => result)
  if (Result.isFailure(prepared)) return { _tag: "Refuse", reason: prepared.failure.message }
  const { dangerous, effect, summary } = prepared.success
  if (!dangerous || definition.approvals.dangerous === "allow") return { _tag: "Run", effect }
  return definition.approvals.dangerous === "ask"
    ? { _tag: "Ask", effect, summary }
    : { _tag: "Refuse", reason: "This agent is not allowed to do that." }
}

const toolBroke = () => ({ message: "The tool itself broke before it ran, and cannot be used like this." })
