/**
 * One tenant with everything its agents need, supervised as in the service: real supervisors, real sessions, a store,
 * and the providers and tools that a test brings.
 *
 * Providing `layer` starts it and closing its Scope stops it, so a test sees a whole life.
 */
import { Context, Effect, Layer, Logger, References, Schema, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as AgentSupervisor from "../../src/agents/AgentSupervisor.ts"
import { Directory, type Incoming } from "../../src/agents/Directory.ts"
import * as LocalDirectory from "../../src/agents/LocalDirectory.ts"
import * as SessionApprovals from "../../src/agents/SessionApprovals.ts"
import { ToolRuns } from "../../src/agents/ToolRuns.ts"
import { TurnRunner } from "../../src/agents/TurnRunner.ts"
import { AgentConfig } from "../../src/config/AgentConfig.ts"
import { TenantConfig } from "../../src/config/TenantConfig.ts"
import { AgentId, SessionId, TenantId } from "../../src/domain/Ids.ts"
import type { SessionEvent, SessionEventOf } from "../../src/domain/SessionEvent.ts"
import { Drain } from "../../src/kernel/Drain.ts"
import * as Subtree from "../../src/kernel/Subtree.ts"
import type { Control, NodeSnapshot } from "../../src/kernel/Tree.ts"
import type { Provider } from "../../src/providers/Provider.ts"
import { Providers } from "../../src/providers/Providers.ts"
import { follow } from "../../src/sessions/Feed.ts"
import { SessionStore, StoreUnavailable } from "../../src/sessions/SessionStore.ts"
import { Signals } from "../../src/telemetry/Signals.ts"
import { Spending } from "../../src/tenants/Spending.ts"
import { Tenant } from "../../src/tenants/Tenant.ts"
import type { Tool } from "../../src/tools/Tool.ts"
import { Toolbox } from "../../src/tools/Toolbox.ts"
import { type FakeProvider, make } from "./FakeProvider.ts"

export interface WorldOptions {
  readonly providers?: ReadonlyArray<Provider["Service"] | FakeProvider>
  readonly tools?: ReadonlyArray<Tool>
  /** Agents by name, with what their files say beside the model and the instructions; one `main` if not given. */
  readonly agents?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly limits?: Readonly<Record<string, number>>
  /** The real one if not given. */
  readonly runner?: TurnRunner["Service"]
  /** In memory if not given. */
  readonly store?: Layer.Layer<SessionStore, StoreUnavailable>
}

export interface Entry {
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
}

export class World extends Context.Service<
  World,
  {
    readonly tree: Effect.Effect<NodeSnapshot>
    /** How to act on a node; `path` is below the tenant: `sessions/s`, `agents/main`. */
    control(path: string): Control
    readonly logs: ReadonlyArray<Entry>
  }
>()("test/support/AgentWorld") {}

const tenantId = TenantId.make("test")

const tenantOf = ({ agents = { main: {} }, limits = {}, tools = [] }: WorldOptions): Tenant["Service"] => {
  const common = { model: "fake/model", instructions: "Be brief.", tools: tools.map(({ name }) => name) }
  const definitions = Object.entries(agents).map(
    ([id, own]) => [AgentId.make(id), Schema.decodeUnknownSync(AgentConfig)({ ...common, ...own })] as const
  )
  const config = Schema.decodeUnknownSync(TenantConfig)({ name: "Test", limits })
  return { id: tenantId, definition: { id: tenantId, config, agents: new Map(definitions) }, generation: 1, folder: "" }
}

const runnerOf = ({ runner }: WorldOptions) =>
  runner === undefined ? TurnRunner.layer : Layer.succeed(TurnRunner, runner)

const treeOf = (options: WorldOptions) =>
  Subtree.make(tenantId, { intensity: { restarts: 10, within: "1 minute" } }).pipe(
    Subtree.child("tenant", Layer.succeed(Tenant, tenantOf(options))),
    Subtree.child("store", Layer.provideMerge(Spending.layer, options.store ?? SessionStore.layerMemory)),
    Subtree.child("signals", Signals.layer),
    Subtree.child(
      "providers",
      Providers.layerOf((options.providers ?? [make([])]).map((made) => ("service" in made ? made.service : made)))
    ),
    Subtree.child("tools", Layer.provideMerge(ToolRuns.layer, Toolbox.layerOf(options.tools ?? []))),
    Subtree.child("agents", AgentSupervisor.layer),
    Subtree.child("sessions", Layer.provide(LocalDirectory.layer, runnerOf(options))),
    Subtree.child("approvals", SessionApprovals.layer)
  )

const start = Effect.fnUntraced(function* (options: WorldOptions, logs: ReadonlyArray<Entry>) {
  const running = yield* Subtree.start(treeOf(options))
  const control = (path: string): Control => {
    const found = running.locate(`${tenantId}/${path}`)
    if (found === undefined) throw new Error(`there is no ${path} in the tree`)
    return found
  }
  const world = World.of({ tree: running.snapshot, control, logs })
  return Context.add(yield* running.services, World, world)
})

export const layer = (options: WorldOptions = {}) => {
  const logs: Array<Entry> = []
  const logger = Logger.make(({ fiber, message }) => {
    const [first] = Array.isArray(message) ? message : [message]
    logs.push({ message: first, annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  return Layer.effectContext(Effect.suspend(() => start(options, logs))).pipe(
    Layer.provideMerge(Layer.merge(Drain.layer, Logger.layer([logger])))
  )
}

export const s = SessionId.make("s")

/** A person says something to `main` in session `s`, unless told otherwise. */
export const say = (text: string, more: Partial<Incoming> = {}) =>
  Directory.use((directory) =>
    directory.accept({ session: s, agent: AgentId.make("main"), channel: "test", text, ...more })
  )

/** The first event in the session's log, now or later, that is of this type and fits. */
export const event = <Type extends SessionEvent["type"]>(
  type: Type,
  fits: (event: SessionEventOf<Type>) => boolean = () => true,
  session = s
) =>
  follow(session, 0).pipe(
    Stream.filter((entry): entry is SessionEventOf<Type> => entry.type === type),
    Stream.filter(fits),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.orDie
  )

/** Waits until this many turns of the session have ended, and returns how the last of them did. */
export const ended = (turns = 1, session = s) => {
  let count = 0
  return event("TurnEnded", () => ++count === turns, session)
}

/** The session's whole log. */
export const log = (session = s) =>
  Effect.orDie(SessionStore.use((store) => store.read(session, { after: 0, limit: 1_000_000 })))

export const types = (session = s) => Effect.map(log(session), (events) => events.map(({ type }) => type))

/** The model's answers, oldest first. */
export const answers = (session = s) =>
  Effect.map(log(session), (events) =>
    events.flatMap((entry) =>
      entry.type === "ModelReplied" ? entry.content.flatMap((part) => (part.type === "text" ? [part.text] : [])) : []
    )
  )

/** The ids of what a supervisor of the tenant has below it now. */
export const below = (supervisor: string) =>
  World.use(({ tree }) =>
    Effect.map(tree, ({ children }) => {
      const node = children.find(({ path }) => path === `${tenantId}/${supervisor}`)
      return node?.children.map(({ path }) => path.split("/").at(-1) ?? "") ?? []
    })
  )

/** Lets every fiber run that can. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 100 })

/** Waits for something while time passes, so that whatever is put off comes to pass. */
export const inTime = <A, E, R>(wait: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(wait, Effect.forever(Effect.andThen(settle, TestClock.adjust("1 second"))))

/** Asks the running turn of session `s` to stop. */
export const cancel = Directory.use((directory) => directory.cancel(s, "stop"))

/** What was logged so far. */
export const logged = World.useSync(({ logs }) => logs.map(({ message }) => String(message)))

export type SharedStore = Layer.Layer<SessionStore>

/** A store that outlives the worlds it is given to, as a disk does. */
export const sharedStore: Effect.Effect<SharedStore, never, Scope.Scope> = Effect.map(
  Layer.build(Layer.fresh(SessionStore.layerMemory)),
  (built) => Layer.succeed(SessionStore, Context.get(built, SessionStore))
)

/** What a store cannot do at the moment; `appends` counts down. */
export interface Broken {
  appends: number
  reads: boolean
}

/** A store that can be broken and mended. */
export const failingStore = Effect.map(Layer.build(Layer.fresh(SessionStore.layerMemory)), (built) => {
  const whole = Context.get(built, SessionStore)
  const broken: Broken = { appends: 0, reads: false }
  const failure = new StoreUnavailable({ reason: "the disk is full" })
  const unless = <A, E, R>(isBroken: () => boolean, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | StoreUnavailable, R> => (isBroken() ? failure : effect))
  const service = SessionStore.of({
    ...whole,
    append: (session, after, events) =>
      unless(() => broken.appends > 0 && broken.appends-- > 0, whole.append(session, after, events)),
    read: (session, page) => unless(() => broken.reads, whole.read(session, page)),
    approvals: unless(() => broken.reads, whole.approvals)
  })
  return { broken, store: Layer.succeed(SessionStore, service) }
})

/** What a body may use that is provided with `layer`. */
export type Everything = Layer.Success<ReturnType<typeof layer>>
