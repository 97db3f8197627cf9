/**
 * Starts and keeps the tenant's agents: each is an actor that takes on pieces of work and, at rest, has no fiber.
 *
 * Strategy one_for_one with backoff, 10 restarts in a minute: an agent that cannot stay up takes its tenant's
 * subtree down with it, whose own supervisor decides.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { AgentConfig } from "../config/AgentConfig.ts"
import type { AgentId } from "../domain/Ids.ts"
import * as Actor from "../kernel/Actor.ts"
import * as Registry from "../kernel/Registry.ts"
import * as Supervisor from "../kernel/Supervisor.ts"
import { Providers } from "../providers/Providers.ts"
import { Tenant } from "../tenants/Tenant.ts"
import { Toolbox } from "../tools/Toolbox.ts"
import { Agents, AgentStopped, AgentUnknown, type Resolved, type ServingAgent } from "./Agents.ts"
import { contextFor } from "./ContextLimits.ts"
import * as LearnedLimits from "./LearnedLimits.ts"
import { overheadOf } from "./ModelRequest.ts"
import type { Judgement } from "./TurnStep.ts"

/** How often in a row a turn may be cut off at the same place before it is given up as poisonous. */
const maxResumes = 5

type Work = FiberSet.FiberSet<unknown, unknown>

/** The incarnation that began with this start is asked to take on a piece of work, and answers with what it belongs to. */
type AgentActor = Actor.Actor<number, Work, AgentStopped>

/** What is known of an agent over all its incarnations. */
interface Post {
  readonly id: AgentId
  readonly definition: AgentConfig
  readonly actor: AgentActor
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
  const learned = yield* LearnedLimits.make
  const posts = new Map<AgentId, Post>()
  const registry = yield* Registry.make<ServingAgent>()

  const begin = Effect.fnUntraced(function* (id: AgentId) {
    const post = posts.get(id)
    if (post === undefined) return yield* Effect.die(new Error(`there is no agent ${id}`))
    const { definition } = post
    const work: Work = yield* FiberSet.make()
    const own = ++post.starts
    const receive = (incarnation: number) =>
      incarnation === own ? Effect.succeed(work) : Effect.fail(new AgentStopped({ agent: id }))
    const provider = providers.find(definition.model.provider)
    if (provider === undefined) {
      yield* Effect.logError("agent has no provider").pipe(Effect.annotateLogs({ agent: id, ...definition.model }))
      return receive
    }
    const tools = toolbox.definitions(definition.tools)
    const overhead = overheadOf(definition.instructions, tools)
    const resolve = (model: string) => resolved(providers, learned, model)
    const judging = (tool: string, input: unknown) => judge(toolbox, post, tool, input)
    const standIns = definition.fallbacks.map(({ name, provider }) => `${provider}/${name}`)
    yield* registry.register(id, {
      id,
      definition,
      generation: tenant.generation,
      provider,
      tools,
      resolve,
      policyFor: (model, answeredBy = model) => {
        const asked = resolve(model)
        const others = standIns.includes(answeredBy) ? resolve(answeredBy)?.limits : undefined
        const counts = (asked?.provider ?? provider).count !== undefined
        const context = contextFor(definition, [asked?.limits ?? {}, others ?? {}], { overhead, counts })
        return { maxSteps: definition.maxSteps, maxResumes, context, judge: judging }
      },
      learn: (model) => {
        const asked = asksForLimits(definition) ? resolve(model) : undefined
        return asked === undefined ? Effect.void : learned.learn(asked)
      },
      start: (effect) => start(post, own, effect)
    })
    return receive
  })

  for (const [id, definition] of tenant.definition.agents) {
    const actor = Actor.define({ start: ({ scope }) => Scope.provide(begin(id), scope) })(id)
    posts.set(id, { id, definition, actor, starts: 0, running: 0 })
  }

  yield* Supervisor.make({
    name: "agents",
    strategy: "one_for_one",
    intensity: { restarts: 10, within: "1 minute" },
    backoff: { base: "100 millis", cap: "10 seconds" },
    watchdog: { patience: "30 seconds", onHang: "restart" },
    children: Array.from(posts.values(), ({ actor }) => actor)
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

const resolved = (
  providers: Providers["Service"],
  learned: LearnedLimits.LearnedLimits,
  named: string
): Resolved | undefined => {
  const slash = named.indexOf("/")
  const provider = providers.find(named.slice(0, slash))
  if (slash < 1 || provider === undefined) return undefined
  const target = { provider, model: named.slice(slash + 1) }
  return { ...target, limits: learned.of(target) }
}

/** Whether there is anything to learn of a model: what the file does not say itself, or what not every model knows. */
const asksForLimits = ({ context, effort, thinking }: AgentConfig): boolean =>
  context.window === undefined || effort !== undefined || thinking !== undefined

/** One fiber for each piece of work and nobody who waits with it, as there may be very many. */
const start = Effect.fnUntraced(function* <A, E, R>(post: Post, incarnation: number, effect: Effect.Effect<A, E, R>) {
  const asked = post.actor.ask(incarnation, { timeout: "infinity", whenDown: "fail" })
  const work = yield* Effect.mapError(asked, () => new AgentStopped({ agent: post.id }))
  const fiber = yield* FiberSet.run(work, effect, { startImmediately: true })
  post.running++
  fiber.addObserver(() => post.running--)
  return fiber
}, Effect.uninterruptible)

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
