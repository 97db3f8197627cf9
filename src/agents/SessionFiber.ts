/**
 * The fiber that serves a session while there is something to do.
 *
 * It plans, appends, acts, and goes on with what its acts report. It ends when the session is at rest: nothing
 * to say, or only a person to wait for. It may die anywhere: the next one reads the log and goes on.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { type AgentId, SessionId } from "../domain/Ids.ts"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import type { SessionState } from "../sessions/SessionLog.ts"
import { StoreUnavailable } from "../sessions/SessionStore.ts"
import { Agents, AgentStopped, AgentUnknown, type ServingAgent } from "./Agents.ts"
import type { Happening, Session, Step, Transaction } from "./Session.ts"
import { type Act, type Circumstances, type Plan, plan } from "./TurnPlan.ts"
import { tell } from "./TurnLogging.ts"
import { TurnRunner } from "./TurnRunner.ts"
import { isGivenUp, type Policy, underWay } from "./TurnStep.ts"

/** Who serves the next turn, or the policy of a turn that nobody can serve any more. */
interface Server {
  /** Whose turn it was found for; absent when nothing waited. */
  readonly serves?: AgentId | undefined
  readonly agent?: ServingAgent
  /** As far as it depends on what the session has come to: on which model it runs, and who answered last. */
  policyFor(state: SessionState): Policy
}

/** The log says more than this fiber has announced, so what it announces may never have begun: the next one resumes. */
class LogRanAhead extends Schema.TaggedError<LogRanAhead>()("LogRanAhead", { session: SessionId }) {
  override get message() {
    return `session ${this.session} has events of which it was not known that they had been written`
  }
}

/** The log says that something is under way which nobody does, so that nothing would ever happen again. */
class ActLost extends Schema.TaggedError<ActLost>()("ActLost", { session: SessionId }) {
  override get message() {
    return `session ${this.session} waits for something that nobody does`
  }
}

/** An act that is being performed. */
interface Running {
  readonly act: Act
  readonly fiber: Fiber.Fiber<NewSessionEvent>
  /** The session itself has stopped it. */
  isStopped: boolean
}

/** Serves the session until it is at rest. While `draining`, no turn starts. */
export const serve = (session: Session, draining: () => boolean) =>
  Effect.suspend(() => {
    const running = new Map<string, Running>()
    return Effect.ensuring(serving(session, draining, running), stop(running))
  })

const serving = Effect.fnUntraced(function* (session: Session, draining: () => boolean, running: Map<string, Running>) {
  session.inbox.clear()
  let handed = takeHandover(session)
  if (handed === undefined) yield* patiently(session.transact(resumption))
  const surprises = session.surprises()
  let happened: ReadonlyArray<NewSessionEvent> = []
  for (;;) {
    if (session.state().turn?.cancelling !== undefined) {
      yield* stop(running)
      happened = [...happened, ...(yield* events(session.inbox.clear(), running))]
      running.clear()
    }
    const server = yield* serverOf(session.state())
    const step = handed ?? (yield* advance(session, surprises, happened, server, draining))
    for (const event of step.plan.events) yield* tell(event)
    if (step.plan.rest === "Rest") return
    yield* begin(session, running, step, server)
    if (step.plan.rest === "Ended") {
      yield* stop(running)
      running.clear()
    } else if (underWayIn(session.state()).some((act) => !running.has(act))) {
      return yield* new ActLost({ session: session.id })
    }
    // What came in since the handover was planned has not been looked at yet.
    const atOnce = handed !== undefined || step.plan.rest === "Ended"
    happened = atOnce ? [] : yield* events(yield* session.inbox.take, running)
    handed = undefined
  }
})

/** Stops what runs, and waits until nothing of it is left. */
const stop = (running: ReadonlyMap<string, Running>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const all = Array.from(running.values())
    for (const one of all) one.isStopped = true
    return Fiber.interruptAll(all.map(({ fiber }) => fiber))
  })

/** The first step of a turn that begins with the last event of `state`, in a session that nobody serves. */
export const firstStep = (session: Session, state: SessionState, agent: ServingAgent, now: number): Step => {
  const planned = plan(state, [], policyIn(state, agent), circumstances(session, state, agent, now))
  return { plan: planned, called: calledAt(state.seq, planned.events) }
}

const takeHandover = (session: Session): Step | undefined => {
  const { handover } = session
  session.handover = undefined
  return handover
}

const advance = Effect.fnUntraced(function* (
  session: Session,
  surprises: number,
  happened: ReadonlyArray<NewSessionEvent>,
  server: Server,
  draining: () => boolean
) {
  const { value } = yield* patiently(
    session.transact((state, now) =>
      session.surprises() === surprises
        ? next(session, state, happened, server, draining(), now)
        : { events: [], value: undefined }
    )
  )
  return value ?? (yield* new LogRanAhead({ session: session.id }))
})

const begin = Effect.fnUntraced(function* (
  session: Session,
  running: Map<string, Running>,
  { called, plan }: Step,
  { agent }: Server
) {
  if (agent === undefined) return
  const runner = yield* TurnRunner
  for (const act of plan.acts) {
    const started = Effect.map(agent.start(runner.perform(session, agent, act, called)), (fiber) => {
      const one: Running = { act, fiber, isStopped: false }
      running.set(key(act), one)
      fiber.addObserver((exit) => session.inbox.put(report(one, agent, exit)))
    })
    yield* Effect.uninterruptible(started)
  }
  if (plan.acts.some(({ _tag }) => _tag === "CallModel")) yield* learnLimits(session.state(), agent)
})

/** The sequence number of the last `ModelCalled` of events that follow `seq`. */
const calledAt = (seq: number, appended: ReadonlyArray<NewSessionEvent>): number =>
  seq + 1 + appended.findLastIndex((event) => event.type === "ModelCalled")

/** Waits until there is somebody to serve the session, or nobody is needed: the turn is cancelled, the agent unknown. */
export const servable = Effect.fnUntraced(function* (session: Session) {
  const id = agentOf(session.state())
  if (id === undefined) return
  const agents = yield* Agents
  if (Option.isSome(yield* agents.current(id))) return
  yield* Effect.raceFirst(Effect.ignore(agents.serving(id)), session.cancelled)
})

const agentOf = ({ turn, waiting }: SessionState): AgentId | undefined => turn?.agent ?? waiting[0]?.agent

const serverOf = Effect.fnUntraced(function* (state: SessionState): Effect.fn.Return<Server, AgentStopped, Agents> {
  const id = agentOf(state)
  if (id === undefined) return { policyFor: nobody("no message waits") }
  const agents = yield* Agents
  const agent = Option.getOrUndefined(yield* agents.current(id))
  if (agent !== undefined) return { serves: id, agent, policyFor: (state) => policyIn(state, agent) }
  if (agents.definition(id) === undefined) {
    return { serves: id, policyFor: nobody(new AgentUnknown({ agent: id }).message) }
  }
  if (!isGivenUp(state)) return yield* new AgentStopped({ agent: id })
  return { serves: id, policyFor: nobody("the turn is cancelled") }
})

const policyIn = (state: SessionState, agent: ServingAgent): Policy =>
  agent.policyFor(modelIn(state, agent), state.answeredBy)

/** The model that the running turn asks, or that one which begins now would. */
const modelIn = ({ settings, turn }: SessionState, agent: ServingAgent): string =>
  askedFor(agent, turn?.model ?? settings.model)

/** What is asked in the background beside the model itself counts from the next step on. */
const learnLimits = (state: SessionState, agent: ServingAgent) =>
  Effect.forEach(
    [modelIn(state, agent), ...(state.answeredBy === undefined ? [] : [state.answeredBy])],
    (model) => agent.learn(model),
    { discard: true }
  )

/** Who is really asked for this model: where nobody answers for it, or it is none, the agent's own. */
const askedFor = ({ definition, resolve }: ServingAgent, model: string | undefined): string => {
  const { name, provider } = definition.model
  return model === undefined || resolve(model) === undefined ? `${provider}/${name}` : model
}

const nobody = (message: string) => (): Policy => ({
  maxSteps: 0,
  maxResumes: 0,
  hopeless: { type: "agent_unknown", message },
  judge: () => ({ _tag: "Refuse", reason: message })
})

const next = (
  session: Session,
  state: SessionState,
  happened: ReadonlyArray<NewSessionEvent>,
  { agent, policyFor, serves }: Server,
  draining: boolean,
  now: number
): Transaction<Step> => {
  const starts = !draining || state.turn !== undefined
  // A message may have come since, for whom nobody was looked for.
  const isServed = serves !== undefined || agentOf(state) === undefined
  const planned: Plan =
    starts && isServed
      ? plan(state, happened, policyFor(state), circumstances(session, state, agent, now))
      : { events: [], acts: [], rest: starts ? "Ended" : "Rest" }
  const committed = () => {
    if (planned.rest === "Rest") session.phase = "resting"
  }
  return { events: planned.events, value: { plan: planned, called: calledAt(state.seq, planned.events) }, committed }
}

const circumstances = (
  { id }: Session,
  { settings }: SessionState,
  agent: ServingAgent | undefined,
  now: number
): Circumstances => {
  if (agent === undefined) return { session: id, generation: 0, model: "none", patience: Duration.zero, now }
  const { definition, generation } = agent
  const asks = (model: string) => askedFor(agent, model)
  const model = askedFor(agent, settings.model)
  return { session: id, generation, model, asks, patience: definition.approvals.patience, now }
}

const resumption = (state: SessionState): Transaction<void> => ({
  events: state.turn !== undefined && underWay(state) ? [{ type: "TurnResumed", turn: state.turn.id }] : [],
  value: undefined
})

const key = (act: Act): string => {
  switch (act._tag) {
    case "CallModel":
      return "model"
    case "Compact":
      return "compaction"
    case "RunTool":
    case "QueryTool":
      return `tool ${act.call.id}`
  }
}

/** What the log says is being done, by the keys of the acts. */
const underWayIn = ({ turn }: SessionState): ReadonlyArray<string> => {
  if (turn === undefined) return []
  const tools = turn.calls.flatMap(({ id, status }) => (status === "running" ? [`tool ${id}`] : []))
  return [...(turn.asking ? ["model"] : []), ...(turn.compacting ? ["compaction"] : []), ...tools]
}

/** An act that its session has stopped has nothing to say; one that somebody else stopped ends the fiber, as a fault does. */
const report = ({ act, isStopped }: Running, { id }: ServingAgent, exit: Exit.Exit<NewSessionEvent>): Happening => {
  if (Exit.isSuccess(exit)) return { _tag: "Event", event: exit.value, act }
  if (!Cause.hasInterruptsOnly(exit.cause)) return { _tag: "Crash", cause: exit.cause }
  return isStopped ? { _tag: "Bell", act } : { _tag: "Crash", cause: Cause.fail(new AgentStopped({ agent: id })) }
}

const events = Effect.fnUntraced(function* (happenings: Iterable<Happening>, running: Map<string, Running>) {
  const reported: Array<NewSessionEvent> = []
  for (const happening of happenings) {
    if (happening._tag === "Crash") return yield* Effect.failCause(happening.cause)
    if (happening._tag === "Event") reported.push(happening.event)
    const { act } = happening
    if (act !== undefined && running.get(key(act))?.act === act) running.delete(key(act))
  }
  return reported
})

/** How a full disk or a busy database is waited out in the middle of a turn. */
const untilThereIsRoom = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

const patiently = <A, E, R>(append: Effect.Effect<A, E | StoreUnavailable, R>) =>
  append.pipe(
    Effect.tapError((error) =>
      error instanceof StoreUnavailable
        ? Effect.logWarning("append waits for the store").pipe(Effect.annotateLogs({ reason: error.reason }))
        : Effect.void
    ),
    Effect.retry({ schedule: untilThereIsRoom, while: (error) => error instanceof StoreUnavailable })
  )
