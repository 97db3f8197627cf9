/**
 * Performs what `decide` wants done in the outside world, and reports it as the event that says so.
 *
 * A model call streams its text to the live bus and ends as one `ModelReplied`, or ends the turn with the
 * provider's reason. A tool call always ends as one `ToolReturned`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import type { NewSessionEvent, NewSessionEventOf } from "../domain/SessionEvent.ts"
import type { ProviderPart } from "../providers/Provider.ts"
import { ProviderError } from "../providers/ProviderError.ts"
import { type History, messagesOf } from "../sessions/History.ts"
import { Signals } from "../telemetry/Signals.ts"
import { Toolbox } from "../tools/Toolbox.ts"
import type { ServingAgent } from "./Agents.ts"
import type { Session } from "./Session.ts"
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
type ToolAct = Exclude<Act, ModelAct>

const make = Effect.fnUntraced(function* () {
  const signals = yield* Signals
  const toolbox = yield* Toolbox
  const runs = yield* ToolRuns

  const callModel = Effect.fn("TurnRunner.callModel")(
    function* (session: Session, agent: ServingAgent, act: ModelAct, called: number) {
      const { model, maxTokens } = agent.definition
      yield* Effect.annotateCurrentSpan({
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model.name,
        "gen_ai.conversation.id": session.id
      })
      const prompt = yield* promptOf(agent.definition.instructions, session.state().history)
      const parts: Array<ProviderPart> = []
      let offset = 0
      yield* agent.provider.stream({ model: model.name, prompt, tools: agent.tools, maxTokens }).pipe(
        Stream.runForEachArray((chunk) =>
          Effect.sync(() => {
            parts.push(...chunk)
            const text = textOf(chunk)
            if (text === "") return
            const delta = { type: "TextDelta" as const, turn: act.turn, step: act.step, called, offset, text }
            offset += text.length
            signals.publish({ type: "Text", session: session.id, delta })
          })
        )
      )
      return yield* replyOf(act, agent.provider.name, parts)
    },
    (effect, session, agent, act) =>
      Effect.catchTag(effect, "ProviderError", (error) =>
        Effect.as(
          Effect.logWarning("model call failed").pipe(
            Effect.annotateLogs({ provider: agent.provider.name, reason: error.reason, detail: error.detail }),
            Effect.annotateLogs({ turn: act.turn, session: session.id })
          ),
          failedTurn(act, error)
        )
      )
  )

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
    perform: (session, agent, act, called) =>
      act._tag === "CallModel" ? callModel(session, agent, act, called) : runTool(session, agent, act)
  })
})

/** The most messages that are decoded in one stretch, in which no other fiber gets on: some 1 ms. */
const stretch = 250

const promptOf = Effect.fnUntraced(function* (instructions: string, history: History) {
  const messages: Array<Prompt.Message> = [Prompt.makeMessage("system", { content: instructions })]
  let fresh = 0
  for (const message of messagesOf(history)) {
    const known = decoded.get(message)
    messages.push(known ?? decodeFirst(message))
    if (known === undefined && ++fresh % stretch === 0) yield* Effect.yieldNow
  }
  return Prompt.fromMessages(messages)
})

const decodeMessage = Schema.decodeSync(Prompt.Message)

/** States share the messages of their history, so that each is decoded once and not again with every step. */
const decodeFirst = (message: Prompt.MessageEncoded): Prompt.Message => {
  const first = decodeMessage(message)
  decoded.set(message, first)
  return first
}

const decoded = new WeakMap<Prompt.MessageEncoded, Prompt.Message>()

const textOf = (parts: ReadonlyArray<ProviderPart>) =>
  parts.reduce((text, part) => (part.type === "text-delta" ? text + part.delta : text), "")

const encodeMessage = Schema.encodeSync(Prompt.AssistantMessage)
const encodeUsage = Schema.encodeSync(Response.Usage)

/** The whole reply as the log keeps it: a stream without a finish was cut, whatever it said before. */
const replyOf = Effect.fnUntraced(function* (act: ModelAct, provider: string, parts: ReadonlyArray<ProviderPart>) {
  const finish = parts.find((part): part is Response.FinishPart => part.type === "finish")
  if (finish === undefined) {
    const detail = "the model's reply ended before it was finished"
    return yield* new ProviderError({ provider, reason: "stream_cut", detail })
  }
  const reply: NewSessionEventOf<"ModelReplied"> = {
    type: "ModelReplied",
    turn: act.turn,
    step: act.step,
    content: contentOf(parts),
    finishReason: finish.reason,
    usage: encodeUsage(finish.usage)
  }
  return reply
})

/** An empty text says nothing, and providers refuse to be sent one. */
const contentOf = (parts: ReadonlyArray<ProviderPart>) =>
  Prompt.fromResponseParts(parts).content.flatMap((message) => {
    if (message.role !== "assistant") return []
    const { content } = encodeMessage(message)
    return typeof content === "string"
      ? [{ type: "text" as const, text: content }]
      : content.filter((part) => part.type !== "text" || part.text !== "")
  })

const failedTurn = (act: ModelAct, error: ProviderError): NewSessionEvent => ({
  type: "TurnEnded",
  turn: act.turn,
  outcome: "failed",
  failure: { type: error.reason, message: error.message }
})
