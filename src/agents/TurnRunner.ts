/**
 * Performs what `decide` wants done in the outside world, and reports it as the event that says so.
 *
 * A model call streams its text to the live bus and ends as one `ModelReplied`, says that it broke off in the middle or
 * that it was or would have been too much for the model, or ends the turn with the reason. A tool call always ends as one
 * `ToolReturned`, and a compaction as one `Compacted`, unless the provider cannot be asked at all.
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Prompt from "effect/ai/Prompt"
import type { Response } from "effect/ai"
import type { NewSessionEvent } from "../domain/SessionEvent.ts"
import type { Question, Target } from "../providers/ModelCall.ts"
import type { Provider, ProviderPart, ProviderRequest } from "../providers/Provider.ts"
import type { ProviderError } from "../providers/ProviderError.ts"
import { Signals } from "../telemetry/Signals.ts"
import { inSpan } from "../telemetry/Spans.ts"
import { toGoOnWith } from "../sessions/TurnLog.ts"
import type { SpendLimitReached } from "../tenants/Spending.ts"
import { Toolbox } from "../tools/Toolbox.ts"
import type { ServingAgent } from "./Agents.ts"
import * as ModelAnswer from "./ModelAnswer.ts"
import { requestOf, targetsOf } from "./ModelRequest.ts"
import { withoutRestated } from "./Restated.ts"
import type { Session } from "./Session.ts"
import { compact } from "./Summary.ts"
import { ToolRuns } from "./ToolRuns.ts"
import { type Act, toolKey } from "./TurnPlan.ts"

export class TurnRunner extends Context.Service<
  TurnRunner,
  {
    /**
     * Performs one act of a session's turn. `called` is the sequence number of the `ModelCalled` that announced
     * a model call. Interruption stops the request or the tool at once.
     */
    perform(session: Session, agent: ServingAgent, act: Act, called: number): Effect.Effect<NewSessionEvent>
  }
>()("fiberclaw/agents/TurnRunner") {
  static readonly layer = Layer.effect(
    TurnRunner,
    Effect.suspend(() => make())
  )
}

type ModelAct = Extract<Act, { readonly _tag: "CallModel" }>
type ToolAct = Extract<Act, { readonly _tag: "RunTool" | "QueryTool" }>

/** How long the provider may take to say how many tokens a request has. */
const patience = "10 seconds"

const make = Effect.fnUntraced(function* () {
  const signals = yield* Signals
  const toolbox = yield* Toolbox
  const runs = yield* ToolRuns
  const answer = yield* ModelAnswer.make

  const listen = (
    session: Session,
    act: ModelAct,
    called: number,
    targets: Arr.NonEmptyReadonlyArray<Target>,
    question: Question
  ) => {
    const parts: Array<ProviderPart> = []
    let said = ""
    const newIn = withoutRestated(toGoOnWith(session.state().history))
    const hear = (chunk: ReadonlyArray<ProviderPart>) => {
      const fresh = newIn(chunk)
      for (const part of fresh) parts.push(part)
      const text = textOf(fresh)
      if (text === "") return
      const delta = { type: "TextDelta" as const, turn: act.turn, step: act.step, called, offset: said.length, text }
      said += text
      signals.publish({ type: "Text", session: session.id, delta })
    }
    return Effect.map(answer(targets, { ...question, session: session.id }, hear), (answered) =>
      answered._tag === "Whole" ? replied(act, answered, parts) : cutOff(act, answered, said)
    )
  }

  /** What it takes to ask is let go of before the answer comes, which may take minutes. */
  const callModel = (session: Session, agent: ServingAgent, act: ModelAct, called: number) => {
    const targets = targetsOf(agent, session.state().turn?.model)
    const [{ model }] = targets
    const attributes = {
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": model,
      "gen_ai.conversation.id": session.id
    }
    return measured(targets[0], act, requestOf(agent, session)).pipe(
      Effect.flatMap(
        (asked): Effect.Effect<NewSessionEvent, ProviderError | SpendLimitReached> =>
          "type" in asked ? Effect.succeed(asked) : listen(session, act, called, targets, asked)
      ),
      Effect.catchTags({
        ProviderError: (error) => giveUp(session, act, error),
        SpendLimitReached: (error) => Effect.succeed(ModelAnswer.overspent(act.turn, error))
      }),
      (effect) => inSpan(effect, "TurnRunner.callModel", { attributes })
    )
  }

  const runTool = Effect.fn("TurnRunner.runTool")(function* (session: Session, agent: ServingAgent, act: ToolAct) {
    const { call, turn } = act
    yield* Effect.annotateCurrentSpan({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": call.tool,
      "gen_ai.tool.call.id": call.id
    })
    const place = { type: "ToolReturned" as const, turn: turn.id, step: turn.step, call: call.id }
    const prepared = toolbox.prepare(call.tool, call.input, agent.id)
    if (Result.isFailure(prepared)) {
      return { ...place, outcome: "refused" as const, output: prepared.failure.message }
    }
    const result = yield* runs.run(prepared.success, act._tag === "QueryTool" ? "query" : "run", {
      agent: agent.id,
      session: session.id,
      turn: turn.id,
      call: call.id,
      key: toolKey(session.id, turn.id, turn.step, call.id)
    })
    return { ...place, ...result }
  })

  return TurnRunner.of({
    perform: (session, agent, act, called) => {
      switch (act._tag) {
        case "CallModel":
          return Effect.suspend(() => callModel(session, agent, act, called))
        case "Compact":
          return compact(answer, session, agent, act)
        case "RunTool":
        case "QueryTool":
          return runTool(session, agent, act)
      }
    }
  })
})

/** The request, unless it is known to be too much for who is asked first. */
const measured = Effect.fnUntraced(function* (
  { model, provider }: Target,
  act: ModelAct,
  making: Effect.Effect<Question>
) {
  const question = yield* making
  const tokens = act.limit === undefined ? undefined : yield* count(provider, { ...question, model })
  if (tokens === undefined || act.limit === undefined || tokens < act.limit) return question
  const much: NewSessionEvent = { type: "ContextMeasured", turn: act.turn, step: act.step, tokens }
  return much
})

const giveUp = (session: Session, act: ModelAct, error: ProviderError) =>
  Effect.as(
    Effect.logWarning("model call failed").pipe(
      Effect.annotateLogs({ ...error.facts, advice: error.advice }),
      Effect.annotateLogs({ turn: act.turn, session: session.id })
    ),
    failed(act, error)
  )

/** What the request comes to, if the provider says so soon enough; if not, the model itself will say if it is too much. */
const count = Effect.fnUntraced(function* (provider: Provider["Service"], request: ProviderRequest) {
  if (provider.count === undefined) return undefined
  return yield* provider.count(request).pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.succeed(undefined) }),
    Effect.catchTag("ProviderError", ({ detail, reason }) =>
      Effect.as(Effect.annotateLogs(Effect.logDebug("request could not be counted"), { reason, detail }), undefined)
    )
  )
})

const textOf = (parts: ReadonlyArray<ProviderPart>) =>
  parts.reduce((text, part) => (part.type === "text-delta" ? text + part.delta : text), "")

const encodeMessage = Schema.encodeSync(Prompt.AssistantMessage)

/** The whole reply as the log keeps it. */
const replied = (act: ModelAct, whole: ModelAnswer.Whole, parts: ReadonlyArray<ProviderPart>): NewSessionEvent => {
  const { cost, detours, finish, id, model, usage } = whole
  const stop = stopOf(finish)
  return {
    type: "ModelReplied",
    turn: act.turn,
    step: act.step,
    content: contentOf(parts),
    finishReason: finish.reason,
    usage,
    model,
    ...(detours.length === 0 ? {} : { detours }),
    ...(id === undefined ? {} : { id }),
    ...(cost === undefined ? {} : { cost }),
    ...(stop === undefined ? {} : { stop })
  }
}

const decodeStop = Schema.decodeUnknownOption(
  Schema.Struct({ category: Schema.optionalKey(Schema.String), explanation: Schema.optionalKey(Schema.String) })
)

/** Why the model would not go on; vendors keep that with what else they say of the end. */
const stopOf = ({ metadata, reason }: Response.FinishPart) =>
  reason === "content-filter"
    ? Arr.getSomes(Object.values(metadata).map((vendor) => decodeStop(vendor))).find(
        ({ category, explanation }) => category !== undefined || explanation !== undefined
      )
    : undefined

/** What was said is kept where the model can go on with it; where it cannot, the reply is begun again. */
const cutOff = (act: ModelAct, cut: ModelAnswer.Cut, said: string): NewSessionEvent => ({
  type: "ReplyCut",
  turn: act.turn,
  step: act.step,
  text: cut.continues && said.trim() !== "" ? said : "",
  reason: cut.error.reason,
  detail: cut.error.message,
  model: cut.model,
  usage: cut.usage,
  ...(cut.cost === undefined ? {} : { cost: cut.cost })
})

/** An empty text says nothing, and providers refuse to be sent one. */
const contentOf = (parts: ReadonlyArray<ProviderPart>) =>
  Prompt.fromResponseParts(parts).content.flatMap((message) => {
    if (message.role !== "assistant") return []
    const { content } = encodeMessage(message)
    const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : content
    return parts.filter((part) => part.type !== "text" || part.text !== "")
  })

const failed = (act: ModelAct, { detail, message, reason }: ProviderError): NewSessionEvent =>
  reason === "context_overflow"
    ? { type: "ContextOverflowed", turn: act.turn, step: act.step, detail }
    : { type: "TurnEnded", turn: act.turn, outcome: "failed", failure: { type: reason, message } }
